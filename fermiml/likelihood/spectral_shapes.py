"""Spectra of sources: which shape, fluxes and their errors, flux in bands with upper limits."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy.optimize import brentq

from fermiml.catalog import spectra
from fermiml.catalog.columns import BAND_EDGES
from fermiml.likelihood.region import CURVATURE, INDEX, NORM

CUTOFF_INDEX = 2 / 3  # of the exponential, as 4FGL fixes it
LEAST_TS = 4.0  # of a curved spectrum over a power law
LEAST_AIC = 2.0  # by which AIC must prefer a cutoff to a log-parabola
_COVERED = 2 / 3  # fraction of a band (in ln E) that the data must have
LEVEL = 0.95  # of upper limits


@dataclass(frozen=True)
class FittedSpectrum:
    """A fitted spectrum: 4FGL's name of the shape, and values and covariance of
    (amplitude, index, curvature) in the form that `Shapes` has."""

    kind: str
    pivot: float
    values: np.ndarray
    covariance: np.ndarray
    exp_index: float
    loss: float = np.nan
    at_bound: tuple = (False, False)  # whether index and curvature stand at an end of their range

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
    """Read the spectrum of a source after a fit."""
    column = region.column(source)
    scale = np.array([region.sources.amplitude[source], 1.0, 1.0])
    shapes = region.sources.shapes
    shape = slice(INDEX, CURVATURE + 1)
    value, free = fit.state[column, shape], fit.free[column, shape]
    at_bound = free & ((value <= region.low[column, shape]) | (value >= region.high[column, shape]))
    return FittedSpectrum(
        kind,
        float(shapes.pivot[source]),
        fit.state[column] * scale,
        fit.block(column) * np.outer(scale, scale),
        float(shapes.exp_index[source]),
        fit.loss,
        tuple(at_bound.tolist()),
    )


def set_pivot(region, source, fit):
    """Give a power law the pivot energy at which its norm and index are independent.

    `fit` is one in which both were free.
    """
    column = region.column(source)
    block = fit.block(column)
    shapes = region.sources.shapes
    if not block[INDEX, INDEX] > 0 or shapes.exp_index[source] or region.state[column, CURVATURE]:
        return
    norm, index, _ = fit.state[column]
    new, at_pivot, _ = spectra.decorrelate(shapes.pivot[source], norm, index, block[:2, :2])
    edges = np.concatenate([o.edges for o in region.folding.observations])
    if edges.min() <= new <= edges.max():
        state = region.state.copy()
        state[column, NORM] *= at_pivot / norm
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
        start = plain if kind == "PowerLaw" else fits["PowerLaw"].state
        fits[kind] = region.fit(free, state=start)
        found[kind] = read(region, source, fits[kind], kind)
    kind = _preferred({kind: fit.loss for kind, fit in fits.items()})
    region.reshape(source, exp_index=found[kind].exp_index)
    region.settle(fits[kind].state)
    return kind, found


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
    unit = replace(
        spectrum, values=np.array([region.sources.amplitude[source], *spectrum.values[1:]])
    )
    for b, (low, high) in enumerate(pairwise(BAND_EDGES)):
        bins = (middle >= low) & (middle < high)
        if not bins.any() or _coverage(edges, low, high) < _COVERED:
            continue
        norm, down, up, limit, ts = _band_norm(region, column, norms, bins)
        model = unit.flux(low, high)[0]
        flux[b], root[b] = norm * model, np.sqrt(ts)
        errors[b] = spectra.band_errors(down * model, up * model, root[b], flux[b], limit * model)
    return flux, errors, root


def _coverage(edges, low, high):
    """Fraction of a band, in ln E, that native bins with their middle in it have."""
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
    line = _line(region, best, column, bins, best.widening(column))
    limit = upper_limit(line, norm) if ts < 1 else np.nan
    return norm, distance(line, norm, -1), distance(line, norm, 1), limit, ts


def _line(region, best, column, bins, widening):
    """By how much -2 ln L rises away from the best norm.

    Along the norm alone with all else held, stretched by the ratio of the errors with and
    without the others free: near the minimum that is the profile, and it keeps the asymmetry.
    """
    line = region.line(column, best.state, bins)
    norm = best.state[column, NORM]
    floor = line(norm)
    return lambda x: 2 * (line(max(norm + (x - norm) / widening, 0.0)) - floor)


def distance(line, norm, sign, rise=1.0):
    """How far down or up the norm can go until -2 ln L has risen."""
    farthest = norm if sign < 0 else np.inf
    step = 0.5 * max(norm, 1e-3)
    while step < farthest and line(norm + sign * step) < rise and step < 1e12:
        step *= 2
    high = min(step, farthest)
    if high <= 0 or line(norm + sign * high) < rise:
        return farthest
    return brentq(lambda x: line(norm + sign * x) - rise, 0.0, high, rtol=1e-6)


def upper_limit(line, norm):
    """95 % upper limit: 95 % of the likelihood's integral over norms >= 0, as in 4FGL.

    (The profile's limit would be 1.35 counts where there are none.)
    """
    end = norm + distance(line, norm, 1, rise=20.0)
    x = np.linspace(0.0, end, 81)
    weight = np.exp([-0.5 * line(value) for value in x])
    total = np.concatenate([[0], np.cumsum(0.5 * (weight[1:] + weight[:-1]))])
    return float(np.interp(LEVEL * total[-1], total, x))
