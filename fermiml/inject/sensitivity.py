"""Sensitivity as a function of position, and completeness."""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from fermiml.evaluate import metrics
from fermiml.model import point_sources
from fermiml.model.observation import Observation
from fermiml.sky.sphere import unit_vectors

_CONE = 1.5  # deg around a place, whose counts are its background
_CORE = 0.5  # deg around known sources, which are not
_STEPS = 15
_POINTS = 50  # of a curve of completeness
_PER_BIN, _LEAST_IN_BIN, _BINS = 40, 10, 5  # sources in a bin of completeness; bins, if few
_RESAMPLED = 200  # times, for intervals
_TOLD = 0.9  # fraction of these in which a number must exist for its interval to be told
_INTERVAL = (16, 84)  # percentiles


class Depth:
    """The expected TS of point sources in a cube.

    Parameters
    ----------
    cube : fermiml.SkyCube
    known : SkyCoord
        Sources whose photons are no background.
    """

    def __init__(self, cube, known):
        self._parts = []
        centers = unit_vectors(known.galactic.l.deg, known.galactic.b.deg)
        for component in cube.components:
            seen = Observation.like(component)
            used = component.mask.ravel().copy()
            for center in np.atleast_2d(centers):
                used[seen.pixels.near(center, _CORE)[0]] = False
            model = component.background or component.counts
            self._parts.append((seen, used, model.data.reshape(len(model.data), -1)))

    def at(self, sources):
        """Compute the signal per flux and background of sources (of any flux), as a `Prospect`."""
        vectors = unit_vectors(sources.lon, sources.lat)
        unit, background = [], []
        for seen, used, counts in self._parts:
            photons = seen.photons(sources) @ seen.dispersion
            unit.append((photons / sources.flux1000[:, None]).T)
            density = np.array([_density(seen, used, counts, v) for v in vectors]).T
            background.append(point_sources.within_psf(seen, density))
        return Prospect(np.concatenate(unit), np.concatenate(background))


@dataclass(frozen=True)
class Prospect:
    """Counts of sources of flux 1 (1-100 GeV) and of their background, (bin, source)."""

    unit: np.ndarray
    background: np.ndarray

    def ts(self, flux):
        """Estimate the TS that sources of these fluxes would have."""
        return point_sources.expected_ts(flux * self.unit, self.background).sum(axis=0)

    def flux(self, ts):
        """Estimate the fluxes at which sources have about this TS."""
        flux = np.full(self.unit.shape[1], 1e-10)
        for _ in range(_STEPS):  # TS rises as flux^1 to flux^2, so this converges
            flux = flux * (ts / np.maximum(self.ts(flux), 1e-9)) ** 0.65
        return flux


def _density(seen, used, counts, vector):
    """Compute counts per sr and bin around a position; NaN where nothing was observed."""
    found = seen.pixels.near(vector, _CONE)[0]
    found = found[used[found]]
    area = seen.pixels.area[found].sum()
    return (counts[:, found].sum(axis=1) + 0.5) / area if area else np.full(len(counts), np.nan)


def fit_completeness(values, found):
    """Fit a logistic curve of completeness against ln(flux or TS): intercept and slope.

    None if all or none are found.
    """
    found = np.asarray(found, bool)
    if found.all() or not found.any():
        return None
    logs = np.log(np.maximum(np.asarray(values, float), 1e-30))[:, None]
    model = LogisticRegression(C=100.0).fit(logs, found)
    return float(model.intercept_[0]), float(model.coef_[0, 0])


def value_at(fit, level):
    """Compute the flux or TS at which a fraction `level` is found; NaN if it is undetermined."""
    if fit is None or fit[1] <= 0:
        return np.nan
    return float(np.exp((np.log(level / (1 - level)) - fit[0]) / fit[1]))


@dataclass(frozen=True)
class Completeness:
    """A curve of completeness, and the curves of the same sources drawn again (bootstrap)."""

    best: tuple | None  # as of `fit_completeness`
    others: list

    @classmethod
    def of(cls, values, found, seed=0):
        """Fit curves to fluxes or TS of sources and whether each was found."""
        values, found = np.asarray(values, float), np.asarray(found, bool)
        rng = np.random.default_rng(seed)
        drawn = rng.integers(len(found), size=(_RESAMPLED, len(found)))
        others = [fit_completeness(values[rows], found[rows]) for rows in drawn]
        return cls(fit_completeness(values, found), others)

    def value_at(self, level):
        """Compute flux or TS at which a fraction is found: best, low and high (68 %), or NaN."""
        return self._with_interval(lambda fit: value_at(fit, level))

    def fraction_at(self, value):
        """Compute the fraction found at a flux or TS: best, low and high (68 %), or NaN."""
        return self._with_interval(lambda fit: _fraction_at(fit, value))

    def curve(self, values, key):
        """Compute fractions from the lowest to the highest of values, for tables and figures."""
        steps = np.geomspace(np.min(values), np.max(values), _POINTS) if len(values) else ()
        return [{key: float(value), "completeness": self.fraction_at(value)} for value in steps]

    def _with_interval(self, of):
        some = np.array([of(fit) for fit in self.others], float)
        some = some[np.isfinite(some)]
        known = len(some) >= _TOLD * len(self.others) and np.isfinite(of(self.best))
        interval = np.percentile(some, _INTERVAL) if known else (np.nan, np.nan)
        return [float(of(self.best)), *map(float, interval)]


def _fraction_at(fit, value):
    if fit is None or fit[1] <= 0:
        return np.nan
    return float(1 / (1 + np.exp(-fit[0] - fit[1] * np.log(value))))


def in_bins(values, found, key):
    """Compute completeness in bins of equal numbers: `key` (edges), number, fraction, interval."""
    order = np.argsort(values)
    size = min(_PER_BIN, max(_LEAST_IN_BIN, len(order) // _BINS))
    return [
        {
            key: [float(values[group[0]]), float(values[group[-1]])],
            "number": len(group),
            "found": metrics.fraction(found[group]),
        }
        for group in np.array_split(order, max(1, len(order) // size))
        if len(group)
    ]
