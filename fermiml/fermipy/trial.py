"""Seeds as images: tried and localized beside the model, before any is added to it."""

from fermiml.fermipy import engine, seed_spectra
from fermiml.fermipy.scene import Scene

_SIGMA = 0.03  # deg, of a position without an error
_TEMPLATE = "ml_seed template"
_LEAST = 1e-3  # norm of a seed that is added; with none, gtlike would not find it


class Trial:
    """The seeds that are being tried, each with an image, a spectrum and a position.

    Norms of sources within `free_radius` of the seeds and of the diffuse emission are fitted
    along; in the model nothing changes. All seeds have one kind of spectrum, `model`.

    Parameters
    ----------
    gta
        A fermipy analysis.
    position : SkyCoord
        Of the seeds.
    config : dict
        The options of `ml_seed`.
    """

    def __init__(self, gta, position, config):
        diffuse = {source.name for source in gta.roi.diffuse_sources}
        near = engine.neighbours(gta, position, config["free_radius"])
        self._others = sorted(near | diffuse)
        self._scene = Scene(gta, self._others)
        self._model = config["model"] or {}
        source, spectra = engine.template(gta, _TEMPLATE, self._at(position[0]))
        self._image = self._scene.template(source, spectra)
        self._kind, self._pars = source["SpectrumType"], source.params
        self._tilts = seed_spectra.index_is_free(self._kind, config["free_params"])
        self.place, self.tilt, self.covariance = {}, {}, {}

    def put(self, name, place):
        """Put the image of a seed."""
        self.place[name], self.tilt[name] = place, 0.0
        self._scene.put(name, *self._scene.tilted(self._image(place), 0.0))

    def drop(self, name):
        """Take the image of a seed away."""
        self._scene.drop(name)
        del self.place[name], self.tilt[name]

    def fit(self):
        """Fit the norms of all together."""
        self._scene.fit([*self._others, *self.place])

    def ts(self, name):
        """Return the TS of a seed with all else unchanged: too large where sources overlap."""
        return self._scene.ts(name)

    def localize(self, name, sigma):
        """Find spectral index and position of a seed; return whether there is one near it."""
        scene, start = self._scene, self.place[name]
        if self._tilts:
            self.tilt[name] = scene.best_tilt(name, self._image(start))
        tilt = self.tilt[name]

        def image(place):
            return scene.tilted(self._image(place), tilt)

        found = scene.localize(name, image, start, sigma if sigma > 0 else _SIGMA)
        if found is not None:
            self.place[name], self.covariance[name] = found
        return found is not None

    def properties(self, name):
        """Return what fermipy needs to add a seed as it was fitted."""
        norm = seed_spectra.PARAMETERS[self._kind][0]
        value = max(self._scene.norms[name], _LEAST) * self._pars[norm]["value"]
        given = self._at(self.place[name]) | {norm: float(value)}
        if self._tilts:
            given["Index"] = self.tilt[name] - self._pars["Index"]["value"]  # negative there
        return given

    def _at(self, place):
        """Return what fermipy needs for a seed at a position."""
        kind = {"SpectrumType": "PowerLaw", "SpatialModel": "PointSource"} | self._model
        return kind | {"ra": float(place.icrs.ra.deg), "dec": float(place.icrs.dec.deg)}
