"""Extended seeds of a fermipy analysis: their forms, positions and sizes fitted."""

from functools import lru_cache

import numpy as np

from fermiml.catalog.extended_sources import extended_rows
from fermiml.fermipy import decisions, engine, extent_fit, position_fit
from fermiml.fermipy.extent_fit import Body
from fermiml.fermipy.rows import FORMS
from fermiml.fermipy.scene import Scene
from fermiml.likelihood.measurement import INDEX_TS
from fermiml.model.sources import DISK, GAUSS, MODEL_FORMS, RADIUS_68

_LEAST_TS = INDEX_TS  # from which a source has a form, position and size to be fitted
_KEPT = 4  # templates, of some megabytes each
_TOLERANCE = 0.5  # in ln L, that the images of fermipy and those of the Fermitools may differ


def fit_extents(gta, seeds, config, say):
    """Fit the extended seeds that fermiml found and that are in the model, brightest first.

    One that cannot be fitted keeps its form, position and size.
    """
    in_model = np.intersect1d(extended_rows(seeds.catalog.table), seeds.rows(decisions.NEW))
    names = dict(zip(in_model.tolist(), seeds.names(in_model), strict=True))
    with engine.maps_in_memory(gta, list(names.values())):
        for row in sorted(names, key=lambda row: -gta.roi[names[row]]["npred"]):
            try:
                extent = _fit(gta, names[row], config)
            except engine.FitFailed as error:
                _failed(gta, seeds, row, error, say)
            else:
                seeds.extents[row] = extent
                seeds.localized.append(row)
                say(f"{names[row]}: {_text(extent)}")


def _text(extent):
    form = MODEL_FORMS[extent.form]
    return f"{form} of {extent.size:.3f} +- {extent.error:.3f} deg, TS_ext {extent.ts:.1f}"


def _failed(gta, seeds, row, error, say):
    """Tell of a failure; should the source be gone with it, the seed has failed."""
    (name,) = seeds.names([row])
    if gta.roi.has_source(name):
        say(f"{name}: {error}; form, position and size stay")
    else:
        seeds.mark(row, decisions.FAILED, str(error))


def _fit(gta, name, config):
    """Fit form, position and size of a source, and give them to it; return its `FittedExtent`.

    After a failure the model is that of before.
    """
    reach = config["free_radius"] + gta.roi[name]["SpatialWidth"]
    with engine.kept(gta, name):
        engine.refit(gta, [name], reach, config["free_params"])
        before = engine.loglike(gta)
        body, covariance, extent = _measure(gta, name, reach)
        engine.replace(gta, name, _reshaped(gta.roi.copy_source(name), body))
        engine.fit_norms(gta, [name], reach)
        if not decisions.no_worse(engine.loglike(gta), before, _TOLERANCE):
            raise engine.FitFailed("the Fermitools find its shape before more likely")
    position_fit.write_errors(gta.roi[name], covariance)
    return extent


def _measure(gta, name, radius):
    """Measure a source on images, beside the model; returns what `extent_fit.fit` does."""
    near = engine.neighbours(gta, [gta.roi[name].skydir], radius) - {name}
    images = _Images(gta, name, sorted(near | {source.name for source in gta.roi.diffuse_sources}))
    if (ts := images.ts()) < _LEAST_TS:
        raise engine.FitFailed(f"its TS, {ts:.1f}, is below {_LEAST_TS:.0f}")
    return extent_fit.fit(images.loglike, _body(gta.roi[name]))


def _body(source):
    """Return what a fermipy source looks like."""
    form = DISK if source["SpatialModel"] == FORMS[DISK] else GAUSS
    return Body(form, source["SpatialWidth"] / RADIUS_68[form], source.skydir.icrs)


def _reshaped(source, body):
    """Return a fermipy source with the form, position and size of a body."""
    width = {"SpatialWidth": body.radius_68} if body.radius_68 else {}
    place = {"ra": float(body.place.ra.deg), "dec": float(body.place.dec.deg)}
    source.set_spatial_model(FORMS[body.form], place | width)
    return source


class _Images:
    """A source of the model in any form, position and size, among others with free norms."""

    def __init__(self, gta, name, others):
        self._name, self._others = name, others
        self._scene = Scene(gta, [name, *others])
        self._source, self._counts = gta.roi.copy_source(name), gta.model_counts_spectrum(name)
        self._template = lru_cache(maxsize=_KEPT)(self._new_template)

    def ts(self):
        """Return the TS of the source as it is in the model."""
        return self._scene.ts(self._name, self._others)

    def loglike(self, body):
        """Return the log-likelihood of a body in place of the source."""
        scene, name = self._scene, self._name
        image = self._template(body.form, body.size)(body.place)
        scene.put(name, *scene.tilted(image, 0.0), scene.norms[name])
        return scene.fit([name, *self._others])

    def _new_template(self, form, size):
        here = Body(form, size, self._source.skydir.icrs)
        return self._scene.template(_reshaped(self._source, here), self._counts)
