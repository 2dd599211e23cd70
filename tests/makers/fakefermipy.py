"""A stand-in for a fermipy analysis: its habits and its failures, without the Fermitools."""

import contextlib
import copy
import sys
import types

import numpy as np
from astropy.coordinates import SkyCoord

from fermiml import SourceCatalog
from fermiml.fermipy import engine, seeding
from fermiml.model.sources import DISK, GAUSS_68, RADIUS_68

NAMES = [f"S{i}" for i in range(6)]  # of the seeds
TS = dict(zip(NAMES, [400, 100, 9, 60, 50, 28], strict=True))
# Points spread evenly over a disk of radius 1.
_WITHIN = np.sqrt((np.arange(200) + 0.5) / 200) * np.exp(2.39996j * np.arange(200))
KNOWN = "4FGL J0100.0+0000"  # what S5 is


def catalog(count=6):
    """Seeds along the equator, 1 deg apart."""
    ra = 10.0 + np.arange(count)
    return SourceCatalog.from_table(
        {
            "Source_Name": NAMES[:count], "RAJ2000": ra, "DEJ2000": np.zeros(count),
            "ML_Prob": np.linspace(0.95, 0.7, count), "Conf_95_SemiMajor": np.full(count, 0.1),
            "Conf_95_SemiMinor": np.full(count, 0.05), "Conf_95_PosAng": np.zeros(count),
            "SpectrumType": ["PowerLaw"] * count, "Pivot_Energy": np.full(count, 2e3),
            "PL_Flux_Density": np.full(count, 1e-13), "PL_Index": np.full(count, 2.0),
        }
    )  # fmt: skip


def known():
    """The source of the model at S5."""
    return Source(KNOWN, SkyCoord(15.0, 0.02, unit="deg"))


class Parameter:
    """A free or fixed number."""

    def __init__(self, value, free=False, source=""):
        self.value, self.free, self.srcName = value, free, source

    def getName(self):
        return "Prefactor"

    def isFree(self):
        return self.free

    def setFree(self, free):
        self.free = free


class Saved:
    """What the Fermitools' LikelihoodState keeps of a parameter."""

    def __init__(self, par):
        self.par = Parameter(par.value, par.free)

    def setDataMembers(self, par):
        par.value, par.free = self.par.value, self.par.free


def install(monkeypatch):
    """Put the module `LikelihoodState` where the engine looks for it; there are no files."""
    monkeypatch.setattr(engine, "maps_in_memory", lambda gta, names: contextlib.nullcontext())
    module = types.ModuleType("LikelihoodState")
    module.LikelihoodState = lambda like, loss: types.SimpleNamespace(
        pars=[Saved(par) for par in like.params()]
    )
    monkeypatch.setitem(sys.modules, "LikelihoodState", module)


def install_without_images(monkeypatch):
    """Install, with TS that an analysis knows by name, and positions that are right."""
    install(monkeypatch)
    monkeypatch.setattr(seeding, "Trial", Trial)
    monkeypatch.setattr(
        seeding, "reoptimized_ts",
        lambda gta, names, radius: [0.8 * gta.ts.get(name, 99.0) for name in names],
    )  # fmt: skip


class Trial:
    """Seeds whose TS the analysis knows; those `nowhere` cannot be localized."""

    def __init__(self, gta, position, config):
        self.gta, self.place, self.covariance = gta, {}, {}

    def put(self, name, place):
        self.place[name] = place

    def drop(self, name):
        del self.place[name]

    def fit(self):
        self.gta.tried.append(set(self.place))

    def ts(self, name):
        return self.gta.ts.get(name, 99.0)

    def localize(self, name, sigma):
        if name not in self.gta.nowhere:
            self.covariance[name] = 0.03**2 * np.eye(2)
        return name in self.covariance

    def properties(self, name):
        return {"ra": self.place[name].ra.deg, "dec": self.place[name].dec.deg}


class Source:
    """A source of the ROI; `true` is where it really is, and `looks` its true SpatialModel and
    SpatialWidth, where these are not those of the model."""

    def __init__(self, name, place, diffuse=False, **data):
        self.name, self.skydir, self.diffuse = name, place, diffuse
        self.true, self.looks = place, None
        self.data = {
            "ra": place.ra.deg, "dec": place.dec.deg, "pos_cel_cov": np.full((2, 2), np.nan),
            "SpatialModel": "PointSource", "SpatialWidth": None, "SpectrumType": "PowerLaw",
            "npred": 10.0, "ts": 99.0,
            "flux1000": 1e-9, "flux1000_err": 1e-10, "eflux100": 1e-6, "eflux100_err": 1e-7,
            "pivot_energy": 2e3, "dnde": 1e-13, "dnde_err": 1e-14, **data,
        }  # fmt: skip
        error = {"error": 1e-14}
        self.params = {
            "Prefactor": {"value": 1e-12, **error},
            "Index": {"value": -2.2, "error": 0.1},
            "Scale": {"value": 1e3, "error": np.nan},
        }
        self.spectral_pars = {
            "Index": {"value": 2.2, "min": 0.0, "max": 5.0, "scale": -1.0, "free": True}
        }
        self.norm = Parameter(1.0, source=name)

    extended = property(lambda self: self["SpatialModel"] != "PointSource")
    shape = property(lambda self: (self["SpatialModel"], self["SpatialWidth"]))

    def __getitem__(self, key):
        return self.data[key]

    def set_spectral_pars(self, pars):
        self.spectral_pars = pars

    def set_spatial_model(self, model, pars):
        self.data |= {"SpatialModel": model, "SpatialWidth": None, **pars}
        self.skydir = SkyCoord(pars["ra"], pars["dec"], unit="deg")


class Sky:
    """Counts of one component, in one energy bin and pixels of 0.1 deg along the equator.

    A source of NPRED counts is a Gaussian of WIDTH at `true`, if that is not where the model has
    it. There is little else, so that its position has an error of WIDTH / sqrt(NPRED). Extended
    ones are convolved with that Gaussian.
    """

    NPRED, WIDTH, REST = 16.0, 0.12, 1e-3  # counts, deg, counts in a pixel
    SHAPE = (40, 90)  # pixels
    energies = np.array([1e3, 1e4])  # MeV

    def __init__(self, gta):
        self.gta = gta

    def image(self, place, model="PointSource", width=None):
        x, y = self.coord_to_pix(place)
        blur, centers = self.WIDTH, np.zeros(1)
        if model == "RadialGaussian":
            blur = np.hypot(blur, width / GAUSS_68)
        elif model == "RadialDisk":
            centers = 10 * width / RADIUS_68[DISK] * _WITHIN
        north = np.arange(self.SHAPE[0]) - y - centers.imag[:, None]
        east = np.arange(self.SHAPE[1]) - x - centers.real[:, None]
        north, east = (np.exp(-0.5 * (d / (blur / 0.1)) ** 2) for d in (north, east))
        image = north.T @ east
        return image / image.sum()

    def coord_to_pix(self, place):
        return 10 * (place.icrs.ra.deg - 8), 10 * (place.icrs.dec.deg + 2)

    def counts(self):
        real = [*self.gta.roi.sources, *self.gta.hidden]
        return sum(self.predicted(s, s.true, s.looks or s.shape) for s in real)

    def predicted(self, source, place, shape):
        if source.diffuse:
            return np.full(self.SHAPE, self.REST)
        return self.NPRED * self.image(place, *shape)

    def model(self, names):
        sources = (s for s in self.gta.roi.sources if s.name in names)
        return sum((self.predicted(s, s.skydir, s.shape) for s in sources), np.zeros(self.SHAPE))


class Component:
    """What one component of an analysis has of its own."""

    def __init__(self, gta, names):
        self.like, self.sky = Like(gta, names), Sky(gta)
        self.config = {"binning": {"projtype": "WCS"}}
        self.energies, self._srcmap_cache = Sky.energies, {}
        self.geom = types.SimpleNamespace(to_image=lambda: self.sky)

    def counts_map(self):
        return types.SimpleNamespace(data=self.sky.counts()[None])

    def weight_map(self):
        return types.SimpleNamespace(data=np.ones((1, *Sky.SHAPE)))

    def model_counts_map(self, name=None, exclude=()):
        names = [name] if name else [s.name for s in self.sky.gta.roi.sources]
        model = self.sky.model([other for other in names if other not in exclude])
        return types.SimpleNamespace(data=model[None])

    def _create_srcmap_cache(self, name, source):
        shape = source.shape
        self._srcmap_cache[name] = types.SimpleNamespace(
            create_map=lambda pixel: self._images(pixel, shape)
        )

    def _images(self, pixel, shape):
        """Return the image at both edges of the energy bin."""
        y, x = (float(value[0]) for value in pixel)
        place = SkyCoord(8 + x / 10, y / 10 - 2, unit="deg")
        return np.array([self.sky.image(place, *shape)] * 2)


class Roi:
    """Sources by name."""

    def __init__(self, sources):
        self.sources = list(sources)

    point_sources = property(lambda self: [s for s in self.sources if not s.diffuse])
    diffuse_sources = property(lambda self: [s for s in self.sources if s.diffuse])

    def __getitem__(self, name):
        return next(s for s in self.sources if s.name == name)

    get_source_by_name = __getitem__

    def copy_source(self, name):
        return copy.deepcopy(self[name])

    def has_source(self, name):
        return any(s.name == name for s in self.sources)

    def delete_sources(self, sources):
        self.sources = [s for s in self.sources if s not in sources]


class Like:
    """The names that one component (or their sum) knows; `ts` is what a source really has."""

    def __init__(self, gta, names):
        self.gta, self.names = gta, list(names)
        self.logLike = types.SimpleNamespace(
            eraseSourceMap=lambda name: None, buildFixedModelWts=lambda: None
        )
        self.model = self.covariance = None

    components = property(lambda self: [c.like for c in self.gta.components])

    def sourceNames(self):
        return tuple(sorted(self.names))

    def deleteSource(self, name):
        self.names.remove(name)

    def normPar(self, name):
        return types.SimpleNamespace(setFree=lambda free: None)

    def __call__(self):
        return self.gta.loss

    def params(self):
        return [self.gta.roi[name].norm for name in self.sourceNames()]

    def syncSrcParams(self, *_):
        pass

    def Ts2(self, name, reoptimize=False):
        return self.gta.ts.get(name, 99.0)


class Analysis:
    """A GTAnalysis with two components.

    `ts`: TS of every seed by name; `fits_fail_with`: names with which no fit converges;
    `half_added`: names whose addition breaks off after the first component; `breaks_off`: how it
    ends, by default as fermipy's do; `nowhere`: names that cannot be localized; `hidden`: sources
    that are not in the model; `truth`: where sources that are added really are, and how they look,
    by name (place, SpatialModel, SpatialWidth).
    """

    def __init__(self, ts, sources=(), fits_fail_with=(), half_added=(), breaks_off=None,
                 nowhere=(), hidden=(), truth=None):  # fmt: skip
        self.truth, self.shapes = truth or {}, []  # of what was added, in this order
        self.breaks_off, self.nowhere, self.hidden = breaks_off, nowhere, hidden
        self.ts, self.bad, self.half = ts, fits_fail_with, half_added
        galaxy = Source("galdiff", SkyCoord(0, 0, unit="deg"), diffuse=True)
        self.roi = Roi([*sources, galaxy])
        names = [s.name for s in self.roi.sources]
        self.components = [Component(self, names) for _ in range(2)]
        self.tried, self.fits, self.optimizers = [], [], []
        self.loss, self.newton_fails = 1000.0, False  # minus the log-likelihood
        self.change = -1.0  # of that, by a fit
        self.refreshed = []
        self._fitcache = None
        self.energies = np.geomspace(1e3, 1e6, 13)  # MeV

    like = property(lambda self: self.components[0].like)

    def set_free_param_vector(self, free):
        for par, flag in zip(self.like.params(), free, strict=True):
            par.free = flag

    def add_source(self, name, properties, **options):
        assert not options["save_source_maps"]
        place = SkyCoord(properties["ra"], properties["dec"], unit="deg")
        keys = ("SpatialModel", "SpatialWidth")
        given = properties if isinstance(properties, dict) else properties.data
        source = Source(name, place, **{key: given[key] for key in keys if key in given})
        if name in self.truth:
            source.true, *source.looks = self.truth[name]
        self.shapes.append((name, source.shape))
        self.roi.sources.append(source)
        for number, component in enumerate(self.components):
            if number and name in self.half:
                raise self.breaks_off or RuntimeError("Source map cannot be made")
            component.like.names.append(name)

    def delete_source(self, name, **_):
        source = self.roi[name]
        self.roi.delete_sources([source])
        for component in self.components:
            component.like.names.remove(name)
        return source

    def free_sources(self, free, **_):
        for source in self.roi.sources:
            source.norm.free = free

    def free_source(self, name, free=True, pars=None, **_):
        self.roi[name].norm.free = free

    def fit(self, **options):
        self.fits.append({s.name for s in self.roi.sources if s.norm.free})
        self.optimizers.append(options.get("optimizer"))
        fails = self.newton_fails and self.optimizers[-1] == "NEWTON"
        self.loss += 50 if fails else self.change
        for source in self.roi.sources:
            source.norm.value *= 0.5 if source.norm.free else 1.0
        good = not any(self.roi.has_source(name) for name in self.bad)
        return {"fit_success": good, "fit_status": 0 if good else 102, "fit_quality": 3}

    def model_counts_spectrum(self, name):
        return [[Sky.NPRED] for _ in self.components]

    def update_source(self, name):
        self.refreshed.append(name)
        self._sync_params(name)

    def _sync_params(self, name):
        """Read parameters again; the errors of fixed ones are unknown."""
        norm = self.roi[name].norm
        error = 0.1 if norm.free else np.nan
        self.roi[name].spectral_pars = {
            **self.roi[name].spectral_pars,
            "Prefactor": {"value": norm.value, "error": error, "free": norm.free},
        }

    def _update_roi(self):
        pass

    def consistent(self):
        """Whether all parts know the same sources."""
        names = sorted(s.name for s in self.roi.sources)
        return all(sorted(c.like.names) == names for c in self.components)
