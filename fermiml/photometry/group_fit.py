"""Poisson fit of one energy group: amplitudes of sources and a smooth background, both linear.

One of three Poisson fits, each for another problem: here thousands of spline coefficients with a
penalty need sparse matrices, and a rough maximum is enough, since the spectra are fitted to the
likelihood curves around it; `fermiml.likelihood.poisson` fits spectra, which are not linear, to the
last digit; `fermiml.traditional.norm_fit` has norms alone, and finds its minimum with the latter.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csc_matrix, csr_matrix, diags

_FLOOR = 1e-9  # counts in a pixel
_CLOSE = 1.0  # gain of log-likelihood below which the information is not computed anew
_ENOUGH = 0.02  # gain of log-likelihood below which the fit has converged


@dataclass
class GroupFit:
    """A fitted energy group: model counts, parameters (sources first) and their covariance."""

    counts: np.ndarray
    templates: object  # Templates
    base: csr_matrix  # (pixel, coefficient)
    blocks: csr_matrix  # (block, pixel): sums over blocks, on which the base is smooth
    coarse: csr_matrix  # (block, coefficient): mean of the base
    penalty: np.ndarray
    lowest: np.ndarray
    parameters: np.ndarray
    mu: np.ndarray = None
    factor: tuple = None

    @property
    def amplitudes(self):
        """Expected counts of the sources."""
        return self.parameters[: self.templates.values.shape[1]]

    def maximise(self, iterations=10):
        """Fisher scoring within the bounds `lowest`."""
        model = self._model(self.parameters)
        best, gain = self._log_likelihood(self.parameters, model), np.inf
        for _ in range(iterations):
            gradient = self._gradient(self.parameters, model)
            if gain > _CLOSE:
                matrix = self.information(model)
            held = (self.parameters <= self.lowest) & (gradient <= 0)
            step = np.zeros_like(gradient)
            step[~held] = _solve(matrix[np.ix_(~held, ~held)], gradient[~held])
            for scale in (1.0, 0.4, 0.1, 0.02):
                trial = np.maximum(self.parameters + scale * step, self.lowest)
                trial_model = self._model(trial)
                value = self._log_likelihood(trial, trial_model)
                if value > best:
                    break
            else:
                break
            gain, best = value - best, value
            self.parameters, model = trial, trial_model
            if gain < _ENOUGH:
                break
        self.mu = model
        self.factor = cho_factor(_regular(self.information(model)))
        return self

    def model_with(self, amplitudes):
        """Model counts with other amplitudes of the sources and the fitted background."""
        sources = len(amplitudes)
        return self._model(np.concatenate([amplitudes, self.parameters[sources:]]))

    def _model(self, parameters):
        sources = self.templates.values.shape[1]
        mu = self.base @ parameters[sources:] + self.templates.values @ parameters[:sources]
        return np.maximum(mu, _FLOOR)

    def _log_likelihood(self, parameters, model):
        smooth = parameters[self.templates.values.shape[1] :]
        return self.counts @ np.log(model) - model.sum() - 0.5 * smooth @ self.penalty @ smooth

    def _gradient(self, parameters, model):
        ratio = self.counts / model - 1
        smooth = parameters[self.templates.values.shape[1] :]
        return np.concatenate(
            [self.templates.values.T @ ratio, self.base.T @ ratio - self.penalty @ smooth]
        )

    def information(self, model):
        """Compute the expected information of all parameters."""
        values = self.templates.values
        weighted = scaled(values, 1 / model)
        first = (weighted.T @ values).toarray()
        cross = ((self.blocks @ weighted).T @ self.coarse).toarray()
        total = self.blocks @ (1 / model)
        second = (self.coarse.T @ diags(total) @ self.coarse).toarray() + self.penalty
        return np.block([[first, cross], [cross.T, second]])

    @property
    def background(self):
        """Counts of the fitted background."""
        return self.base @ self.parameters[self.templates.values.shape[1] :]

    def cross_information(self, columns, mu=None):
        """Information that the parameters share with other columns (pixel, any)."""
        weighted = scaled(columns, 1 / (self.mu if mu is None else mu))
        return np.vstack(
            [
                (self.templates.values.T @ weighted).toarray(),
                (self.coarse.T @ (self.blocks @ weighted)).toarray(),
            ]
        )

    def solve(self, vectors):
        """Multiply the inverse of the information by vectors."""
        return cho_solve(self.factor, vectors)

    @cached_property
    def profile_information(self):
        """Information on each amplitude with all else free, once the group is fitted."""
        sources = self.templates.values.shape[1]
        unit = np.eye(len(self.parameters), sources)
        return 1 / np.einsum("ij,ij->j", unit, self.solve(unit))


def scaled(columns, weights):
    """Columns (pixel, any) times a weight for each pixel."""
    data = columns.data * weights[columns.indices]
    return csc_matrix((data, columns.indices, columns.indptr), columns.shape)


def block_sums(xy, side):
    """(block, pixel) matrix that sums over squares of `side` deg."""
    cell = np.floor((xy - xy.min(axis=0)) / side).astype(int)
    _, label = np.unique(cell[:, 0] * 100_000 + cell[:, 1], return_inverse=True)
    ones = np.ones(len(xy))
    return csr_matrix((ones, (label, np.arange(len(xy)))), (label.max() + 1, len(xy)))


def _regular(matrix):
    """With a trace of a diagonal, so that twin sources do not make it singular."""
    diagonal = np.diag(matrix)
    return matrix + np.diag(1e-6 * diagonal + 1e-12 * max(diagonal.max(), 1e-300))


def _solve(matrix, vector):
    if not len(vector):  # all parameters are held at their bounds
        return vector
    return cho_solve(cho_factor(_regular(matrix)), vector)


@dataclass(frozen=True)
class Curves:
    """Profile log-likelihoods alpha ln(a + beta) - gamma a of amplitudes, (source, group).

    The form is that of one Poisson number on a background, and exact for it. Here it has the
    fit's curvature and the drop of the likelihood between the fitted amplitude and none.
    """

    best: np.ndarray
    alpha: np.ndarray
    beta: np.ndarray
    gamma: np.ndarray

    def part(self, sources, groups):
        """Select the curves of some sources and groups."""
        parts = (self.best, self.alpha, self.beta, self.gamma)
        return Curves(*(p[np.ix_(sources, groups)] for p in parts))

    def value(self, amplitude):
        """Log-likelihood relative to that of no source."""
        return self.alpha * np.log1p(amplitude / self.beta) - self.gamma * amplitude

    def slope(self, amplitude):
        """First derivative."""
        return self.alpha / (amplitude + self.beta) - self.gamma

    def information(self, amplitude):
        """Second derivative, with the other sign."""
        return self.alpha / (amplitude + self.beta) ** 2


def curves(fit, variance):
    """(best, alpha, beta, gamma) of every source of a fitted group; `variance` of the
    amplitudes beyond Poisson noise flattens them."""
    values, mu, counts = fit.templates.values, fit.mu, fit.counts
    best = fit.amplitudes
    free = 1 / (1 / fit.profile_information + variance)
    weighted = scaled(values, 1 / mu)
    fixed = np.asarray(values.multiply(weighted).sum(axis=0))[0]
    third = 2 * np.asarray(weighted.multiply(weighted).multiply(values).sum(axis=0))[0]
    drop = _drop(fit)
    # With a > 0: beta from the drop; x = a / (a + beta).
    with np.errstate(divide="ignore", invalid="ignore"):
        x = _solve_drop(drop / (np.maximum(fixed, 1e-300) * best**2))
        scale = np.where(best > 0, best / x, 0.0)
    seen = fixed > 1e-12 * fixed.max()
    shift = np.where(seen, 2 * fixed / np.maximum(third, 1e-300), 1.0)
    detected = (best > 0) & np.isfinite(scale) & (scale > best)
    beta = np.where(detected, scale - best, np.maximum(shift - best, 1e-3 * shift))
    gradient = np.where(best > 0, 0.0, np.minimum(values.T @ (counts / mu - 1), 0.0))
    alpha = np.where(seen, free * (best + beta) ** 2, 0.0)  # no pixel: nothing is known
    gamma = alpha / (best + beta) - gradient
    return best, alpha, beta, gamma


def all_curves(fits, variances):
    """`Curves` of all groups."""
    parts = [curves(f, v) for f, v in zip(fits, variances, strict=True)]
    return Curves(*np.stack(parts, axis=-1))


def _drop(fit):
    """Log-likelihood that is lost when one source is left out and all else stays."""
    values = fit.templates.values
    source = np.repeat(np.arange(values.shape[1]), np.diff(values.indptr))
    fraction = fit.amplitudes[source] * values.data
    mu, counts = fit.mu[values.indices], fit.counts[values.indices]
    without = np.log1p(-np.minimum(fraction / mu, 1 - 1e-9))
    return np.bincount(source, -counts * without - fraction, values.shape[1])


def _solve_drop(ratio):
    """x with (-ln(1-x) - x) / x^2 = ratio; small where the ratio is a half or less."""
    x = np.clip(1.5 * (ratio - 0.5), 1e-4, 0.9)
    for _ in range(30):
        value = (-np.log1p(-x) - x) / x**2
        slope = (1 / (1 - x) - 1) / x**2 - 2 * value / x
        x = np.clip(x - (value - ratio) / np.maximum(slope, 1e-3), 1e-4, 1 - 1e-9)
    return x
