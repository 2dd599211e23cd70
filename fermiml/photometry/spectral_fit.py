"""Spectra from the likelihood curves of the energy groups: power law, curvature, band fluxes."""

from dataclasses import dataclass

import numpy as np

from fermiml.model.fold import GAUSS, fold, nodes

_INDEX, _LOOSE = 2.2, 1.0  # prior of the index, which only matters for the faintest
_BEND, _STIFF = 0.0, 0.5  # prior of the curvature
_NOTHING = np.log(1e-20)  # ln K of a source that is not there, a millionth of a faint one
_LIMITS = np.array([[_NOTHING, 0.3, -0.5], [np.inf, 5.0, 2.0]])
_UPPER = 2.71  # fall of 2 ln L at an upper limit of 95 %


@dataclass(frozen=True)
class Spectra:
    """Fitted spectra K exp(-(index + bend x) x), x = ln(E / reference)."""

    reference: float  # MeV
    parameters: np.ndarray  # (source, 3): ln K, index, bend
    covariance: np.ndarray  # (source, n, n) of the n free ones
    counts: np.ndarray  # (source, group): that the spectrum predicts
    log_likelihood: np.ndarray  # relative to no source, without the prior

    @property
    def at_bound(self):
        """(source, 2): whether index and bend stand at an end of their range.

        What they would be beyond it, and so their errors, is not known.
        """
        low, high = _LIMITS[:, 1:]
        return (self.parameters[:, 1:] <= low) | (self.parameters[:, 1:] >= high)


class ParabolaFolding:
    """Predicted counts per energy group of log-parabolas, in one component."""

    def __init__(self, true_edges, exposure, fraction, reference):
        """`exposure` (source, true bin), `fraction` (true bin, group)."""
        energy, self._weight = nodes(true_edges, GAUSS)
        self._x = np.log(energy / reference)
        self._exposure, self._fraction = exposure, fraction

    def __call__(self, parameters):
        """Return (counts, derivatives): (source, group) and (parameter, source, group)."""
        amplitude, index, bend = parameters.T[:, :, None, None]
        x = self._x
        density = np.exp(np.clip(amplitude - (index + bend * x) * x, -300, 100)) * self._weight
        derivatives = fold(density, (1.0, -x, -x * x), self._exposure, self._fraction)
        return derivatives[0], np.array(derivatives)


class JointFolding:
    """Foldings of several components, whose groups follow each other."""

    def __init__(self, foldings):
        self._foldings = foldings

    def __call__(self, parameters):
        parts = [folding(parameters) for folding in self._foldings]
        return tuple(np.concatenate(p, axis=-1) for p in zip(*parts, strict=True))


def fit(curves, folding, reference, start=None, curved=False, iterations=25):
    """Maximum-likelihood spectra, all sources at once."""
    number = 3 if curved else 2
    pars = _first_guess(curves, folding) if start is None else start.copy()
    if not curved:
        pars[:, 2] = 0.0
    center, width = np.array([0, _INDEX, _BEND]), np.array([np.inf, _LOOSE, _STIFF])
    prior = np.diag(1 / width[:number] ** 2)
    for _ in range(iterations):
        counts, derivatives = folding(pars)
        d = derivatives[:number]
        gradient = np.einsum("sk,isk->si", curves.slope(counts), d)
        gradient -= (pars - center)[:, :number] / width[:number] ** 2
        matrix = _information(curves, counts, d) + prior
        step = np.linalg.solve(matrix + 1e-9 * np.eye(number), gradient[:, :, None])[:, :, 0]
        step = np.clip(step, -np.array([2, 0.5, 0.3])[:number], np.array([2, 0.5, 0.3])[:number])
        pars[:, :number] += step
        pars = np.clip(pars, *_LIMITS)
        if np.all(np.abs(step) < 2e-3):
            break
    counts, derivatives = folding(pars)
    matrix = _information(curves, counts, derivatives[:number]) + prior
    covariance = np.linalg.inv(matrix + 1e-40 * np.eye(number))
    value = curves.value(counts).sum(axis=1)
    return Spectra(reference, pars, covariance, counts, value)


def _information(curves, counts, d):
    expected = curves.gamma / (counts + curves.beta)  # positive also far from the maximum
    return np.einsum("sk,isk,jsk->sij", expected, d, d)


def _first_guess(curves, folding):
    """Guess a power law of index 2.2 with about the counts that the groups have."""
    pars = np.tile([np.log(1e-13), _INDEX, 0.0], (len(curves.best), 1))
    counts, _ = folding(pars)
    weight = curves.information(curves.best)
    norm = np.sum(weight * counts * curves.best, axis=1) / np.sum(weight * counts**2, axis=1)
    pars[:, 0] += np.log(np.maximum(norm, 1e-4))
    return pars


def band_scales(curves, counts):
    """Norms of the groups of a band relative to a spectrum that predicts `counts`.

    Returns best, lower and upper error, 95 % limit, and sqrt(TS), arrays over sources.
    """
    scale = np.ones(len(counts))

    def slope(s):
        return np.sum(counts * curves.slope(s[:, None] * counts), axis=1)

    def information(s):
        at = s[:, None] * counts
        return np.sum(counts**2 * curves.gamma / (at + curves.beta), axis=1)

    for _ in range(40):
        step = slope(scale) / np.maximum(information(scale), 1e-300)
        scale = np.maximum(scale + np.clip(step, -0.7 * scale - 0.5, 3 * scale + 3), 0.0)
    peak = _value(curves, counts, scale)
    error = 1 / np.sqrt(np.maximum(information(scale), 1e-300))
    upper = _fall(curves, counts, scale, peak, error, 1.0)
    limit = _fall(curves, counts, scale, peak, error, _UPPER)
    return scale, error, upper - scale, limit, np.sqrt(2 * np.maximum(peak, 0))


def _value(curves, counts, scale):
    return curves.value(scale[:, None] * counts).sum(axis=1)


def _fall(curves, counts, scale, peak, error, fall):
    """Find the norm above the best at which 2 ln L has fallen by `fall`."""
    low, high = scale, scale + 30 * error
    for _ in range(40):
        middle = 0.5 * (low + high)
        inside = 2 * (peak - _value(curves, counts, middle)) < fall
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return 0.5 * (low + high)
