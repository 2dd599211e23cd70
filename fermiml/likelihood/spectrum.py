"""Spectra of sources: which shape, fluxes and their errors, flux in bands with upper limits."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from fermiml.catalog import spectra
from fermiml.catalog.columns import BAND_EDGES
from fermiml.likelihood.region import CURVATURE, INDEX, NORM

CUTOFF_INDEX = 2 / 3  # of the exponential, as 4FGL fixes it
LEAST_TS = 4.0  # of a curved spectrum over a power law
LEAST_AIC = 2.0  # by which AIC must prefer a cutoff to a log-parabola
_COVERED = 2 / 3  # share of a band (in ln E) that the data must have
LIMIT = 2.71  # of -2 ln L: a 95 % upper limit


@dataclass(frozen=True)
class Spectrum:
    """A fitted spectrum: 4FGL's name of the shape, and values and covariance of
    (amplitude, index, curvature) in the form that `Shapes` has."""

    kind: str
    pivot: float
    values: np.ndarray
    covariance: np.ndarray
    exp_index: float
    loss: float = np.nan

    def flux(self, low, high, power=0):
        """Integral of E^power x flux density, and its 1-sigma error."""
        value = self._integral(self.values, low, high, power)
        step = np.sqrt(np.maximum(np.diag(self.covariance), 0)) * 0.1
        slope = np.zeros(3)
        for i in np.flatnonzero(step > 0):
            shift = np.eye(3)[i] * step[i]
            up = self._integral(self.values + shift, low, high, power)
            down = self._integral(self.values - shift, low, high, power)
            slope[i] = (up - down) / (2 * step[i])
        return value, float(np.sqrt(max(slope @ self.covariance @ slope, 0)))

    def _integral(self, values, low, high, power):
        amplitude, index, curvature = values
        pars = (self.pivot, amplitude, index, curvature, self.exp_index)
        return float(spectra.row_flux("PLSuperExpCutoff", [[p] for p in pars], low, high, power)[0])


def read(region, source, fit, kind):
    """The spectrum of a source after a fit."""
    column = region.column(source)
    scale = np.array([region.sources.amplitude[source], 1.0, 1.0])
    shapes = region.sources.shapes
    return Spectrum(
        kind,
        float(shapes.pivot[source]),
        fit.state[column] * scale,
        fit.block(column) * np.outer(scale, scale),
        float(shapes.exp_index[source]),
        fit.loss,
    )


def set_pivot(region, source, fit):
    """Give a power law the pivot energy at which its norm and index are independent."""
    column = region.column(source)
    block = fit.block(column)
    if not block[INDEX, INDEX] > 0:
        return
    norm, index, _ = fit.state[column]
    pivot = region.sources.shapes.pivot[source]
    new, at_pivot, _ = spectra.decorrelate(pivot, norm, index, block[:2, :2])
    edges = np.concatenate([o.edges for o in region.folding.observations])
    if not edges.min() <= new <= edges.max():
        return
    state = fit.state.copy()
    state[column, NORM] = at_pivot
    region.reshape(source, pivot=new)
    region.settle(state)


def choose(region, source, free):
    """Fit a power law, a log-parabola and a cutoff; keep the one that the rules prefer.

    Returns the chosen kind and the three spectra.
    """
    column = region.column(source)
    free = free.copy()
    free[column] = True, True, False
    plain = region.state.copy()
    plain[column, CURVATURE] = 0.0
    found, fits = {}, {}
    for kind, exp_index in (("PowerLaw", 0.0), ("LogParabola", 0.0),
                            ("PLSuperExpCutoff", CUTOFF_INDEX)):  # fmt: skip
        region.reshape(source, exp_index=exp_index)
        free[column, CURVATURE] = kind != "PowerLaw"
        fits[kind] = region.fit(free, state=fits.get("PowerLaw", _State(plain)).state)
        found[kind] = read(region, source, fits[kind], kind)
    kind = _preferred({kind: fit.loss for kind, fit in fits.items()})
    region.reshape(source, exp_index=found[kind].exp_index)
    region.settle(fits[kind].state)
    return kind, found


@dataclass
class _State:
    state: np.ndarray


def _preferred(losses):
    """Rules of the choice: 4FGL's for curvature, AIC between shapes of as many parameters."""
    gain = {kind: 2 * (losses["PowerLaw"] - loss) for kind, loss in losses.items()}
    parabola, cutoff = gain["LogParabola"], gain["PLSuperExpCutoff"]
    if cutoff > LEAST_TS and cutoff - parabola > LEAST_AIC:
        return "PLSuperExpCutoff"
    return "LogParabola" if parabola > LEAST_TS else "PowerLaw"


def bands(region, source, free, spectrum):
    """Flux_Band, Unc_Flux_Band and Sqrt_TS_Band in the eight bands of 4FGL-DR4.

    In each band the model keeps its shape; its norm and those of neighbours and backgrounds
    that `free` marks are refitted. NaN where the data do not reach.
    """
    count = len(BAND_EDGES) - 1
    flux, errors, root = np.full(count, np.nan), np.full((count, 2), np.nan), np.full(count, np.nan)
    edges = [o.edges for o in region.folding.observations]
    middle = np.concatenate([np.sqrt(e[:-1] * e[1:]) for e in edges])
    norms = np.zeros_like(free)
    norms[:, NORM] = free[:, NORM]
    column = region.column(source)
    for b, (low, high) in enumerate(pairwise(BAND_EDGES)):
        bins = (middle >= low) & (middle < high)
        if not bins.any() or _coverage(edges, low, high) < _COVERED:
            continue
        norm, down, up, limit, ts = _band_norm(region, column, norms, bins)
        model = spectrum.flux(low, high)[0] / region.state[column, NORM]
        flux[b], root[b] = norm * model, np.sqrt(ts)
        errors[b] = spectra.band_errors(down * model, up * model, root[b], flux[b], limit * model)
    return flux, errors, root


def _coverage(edges, low, high):
    """Share of a band, in ln E, that native bins with their middle in it have."""
    best = 0.0
    for e in edges:
        middle = np.sqrt(e[:-1] * e[1:])
        inside = (middle >= low) & (middle < high)
        best = max(best, np.sum(np.log(e[1:] / e[:-1])[inside]) / np.log(high / low))
    return best


def _band_norm(region, column, norms, bins):
    """Norm in some bins, lower and upper error, upper limit, TS."""
    state = region.state.copy()
    norms = norms.copy()
    norms[column, NORM] = True
    best = region.fit(norms, state=state, bins=bins)
    null, without = best.state.copy(), norms.copy()
    null[column, NORM], without[column, NORM] = 0.0, False
    nothing = region.fit(without, state=null, also=[column], bins=bins)
    ts = max(2 * (nothing.loss - best.loss), 0.0)
    norm = best.state[column, NORM]
    owner, _ = np.nonzero(norms)
    i = int(np.flatnonzero(owner == column)[0])
    variance = best.covariance[i, i]
    single = 1 / max(best.minimum.curvature[i, i], 1e-300)
    profile = _profile(region, best, norms, column, bins, max(np.sqrt(variance / single), 1.0))
    return norm, profile(-1, 1.0), profile(1, 1.0), norm + profile(1, LIMIT), ts


def _profile(region, best, norms, column, bins, widening):
    """Distance, down or up, over which -2 ln L rises by some amount.

    Along the norm alone with all else held, stretched by the ratio of the errors with and
    without the others free: at the minimum that is the profile, and it keeps the asymmetry.
    """
    line = region.line(column, best.state, bins)
    norm = best.state[column, NORM]
    floor = line(norm)

    def distance(sign, rise):
        def excess(x):
            return 2 * (line(norm + sign * x) - floor) - rise

        farthest = norm if sign < 0 else np.inf
        step = 0.5 * max(norm, 1e-3)
        while step < farthest and excess(step) < 0 and step < 1e12:
            step *= 2
        step = min(step, farthest)
        if step <= 0 or excess(step) < 0:
            return farthest
        low = 0.0
        for _ in range(40):
            middle = 0.5 * (low + step)
            low, step = (middle, step) if excess(middle) < 0 else (low, middle)
        return min(step * widening, farthest)

    return distance
