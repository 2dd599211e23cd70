"""Poisson fit of one energy group: amplitudes of sources and a smooth background, both linear.

One of three Poisson fits, each for another problem: here thousands of spline coefficients with a
penalty need sparse matrices, and a rough maximum is enough, since the spectra are fitted to the
likelihood curves around it; `fermiml.likelihood.poisson` fits spectra, which are not linear, to the
last digit; `fermiml.traditional.norm_fit` has norms alone, and finds its minimum with the latter.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import cho_factor, cho_solve, cholesky, solve_triangular
from scipy.sparse import csc_matrix, diags

FLOOR = 1e-9  # counts in a pixel
_LEAST = 0.02  # of the local level, that a coefficient of the background has
_CLOSE = 1.0  # gain of log-likelihood below which the information is not computed anew
_ENOUGH = 0.02  # gain of log-likelihood below which the fit has converged
_ITERATIONS = 12
_NOTHING = 0.03  # of its error, below which an amplitude is none


class GroupFit:
    """The fit of one energy group with templates of sources.

    The parameters are the coefficients of the background, then the amplitudes. `parameters`,
    `mu` (model counts) and the Cholesky factor of the information are there after `maximise`.

    Parameters
    ----------
    field : fermiml.photometry.group_field.GroupField
    templates : fermiml.photometry.templates.Templates
    previous : GroupFit, optional
        One with templates not far from these, from which to go on.
    """

    def __init__(self, field, templates, previous=None):
        self.field, self.templates = field, templates
        if previous is None:
            nothing = np.zeros(templates.shape[1])
            self.parameters, self._matrix = np.concatenate([field.level, nothing]), None
            self._lowest = np.concatenate([_LEAST * field.level, nothing])
        else:
            self.parameters, self._matrix = previous.parameters, previous._matrix
            self._lowest = previous._lowest

    @property
    def counts(self):
        """Observed counts."""
        return self.field.counts

    @property
    def amplitudes(self):
        """Expected counts of the sources."""
        return self.parameters[len(self.field.level) :]

    @cached_property
    def background(self):
        """Counts of the fitted background."""
        return self.field.base @ self.parameters[: len(self.field.level)]

    def maximise(self, rough=False):
        """Fisher scoring within the bounds; a `rough` fit is one at places that will change."""
        model = self._model(self.parameters)
        best, gain = self._log_likelihood(self.parameters, model), 0.0
        fresh = False  # the information of a fit before this one is good for the first steps
        for _ in range(_ITERATIONS):
            gradient = self._gradient(self.parameters, model)
            if gain > _CLOSE or self._matrix is None:
                self._matrix, fresh = self._information(model), True
            trial = self._better(gradient, best)
            if trial is None:
                if fresh:
                    break
                gain = np.inf
                continue
            gain, (best, self.parameters, model) = trial[0] - best, trial
            if gain < (_CLOSE if rough else _ENOUGH):
                break
        self.mu = model
        if not rough:
            self._matrix = self._information(model)
        self._factor = cholesky(_regular(self._matrix), lower=True, check_finite=False)
        return self

    def _better(self, gradient, best):
        """(log-likelihood, parameters, model) of a step that gains; None where none does."""
        free = (self.parameters > self._lowest) | (gradient > 0)
        step = np.zeros_like(gradient)
        step[free] = _solve(self._matrix[np.ix_(free, free)], gradient[free])
        for scale in (1.0, 0.4, 0.1, 0.02):
            trial = np.maximum(self.parameters + scale * step, self._lowest)
            model = self._model(trial)
            value = self._log_likelihood(trial, model)
            if value > best:
                return value, trial, model
        return None

    def model_with(self, amplitudes):
        """Model counts with other amplitudes of the sources and the fitted background."""
        return np.maximum(self.background + self.templates.values @ amplitudes, FLOOR)

    def _model(self, parameters):
        smooth, amplitudes = self._split(parameters)
        mu = self.field.base @ smooth + self.templates.values @ amplitudes
        return np.maximum(mu, FLOOR)

    def _split(self, parameters):
        return np.split(parameters, [len(self.field.level)])

    def _log_likelihood(self, parameters, model):
        smooth, _ = self._split(parameters)
        penalty = 0.5 * smooth @ self.field.penalty @ smooth
        return self.counts @ np.log(model) - model.sum() - penalty

    def _gradient(self, parameters, model):
        ratio = self.counts / model - 1
        smooth, _ = self._split(parameters)
        return np.concatenate(
            [self.field.base.T @ ratio - self.field.penalty @ smooth,
             self.templates.values.T @ ratio]
        )  # fmt: skip

    def _information(self, model):
        """Compute the expected information of all parameters."""
        coarse = self.field.coarse
        weights = diags(np.bincount(self.field.label, 1 / model))
        first = (coarse.T @ (weights @ coarse)).toarray() + self.field.penalty
        cross, second = self._shared(self.templates.values, model)
        return np.block([[first, cross], [cross.T, second]])

    def _shared(self, columns, mu):
        """Information that background and amplitudes share with other columns (pixel, any)."""
        weighted = scaled(columns, 1 / mu)
        blocks, number = self.field.coarse.shape[0], columns.shape[1]
        column = np.repeat(np.arange(number), np.diff(columns.indptr))
        place = self.field.label[columns.indices] * number + column
        sums = np.bincount(place, weighted.data, blocks * number).reshape(blocks, number)
        return self.field.coarse.T @ sums, (self.templates.rows.T @ weighted).toarray()

    def cross_information(self, columns, mu=None):
        """Information that the parameters share with other columns (pixel, any)."""
        return np.vstack(self._shared(columns, self.mu if mu is None else mu))

    def explained(self, cross):
        """E such that E.T E is what the free parameters explain of the information on columns
        whose `cross_information` is given."""
        return solve_triangular(self._factor, cross, lower=True, check_finite=False)

    @cached_property
    def profile_information(self):
        """Information on each amplitude with all else free."""
        number = len(self.amplitudes)
        last = self._factor[-number:, -number:]
        inverse = solve_triangular(last, np.eye(number), lower=True, check_finite=False)
        return 1 / np.square(inverse).sum(axis=0)


def scaled(columns, weights):
    """Columns (pixel, any) times a weight for each pixel."""
    data = columns.data * weights[columns.indices]
    return csc_matrix((data, columns.indices, columns.indptr), columns.shape)


def _regular(matrix):
    """With a trace of a diagonal, so that twin sources do not make it singular."""
    regular = matrix.copy()
    diagonal = np.einsum("ii->i", regular)
    diagonal += 1e-6 * diagonal + 1e-12 * max(diagonal.max(), 1e-300)
    return regular


def _solve(matrix, vector):
    if not len(vector):  # all parameters are held at their bounds
        return vector
    return cho_solve(cho_factor(_regular(matrix), check_finite=False), vector, check_finite=False)


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
    templates = fit.templates
    gradient = templates.values.T @ (fit.counts / fit.mu - 1)
    # The likelihood drops too little with it for its drop to tell the form of the curve.
    nothing = fit.amplitudes**2 * fit.profile_information < _NOTHING**2
    best = np.where(nothing, 0.0, fit.amplitudes)
    free = 1 / (1 / fit.profile_information + variance)
    weight, fraction = 1 / fit.mu[templates.pixel], templates.fraction
    squares = weight * fraction**2
    fixed = templates.total(squares)
    third = 2 * templates.total(squares * weight * fraction)
    drop = _drop(fit)
    # With a > 0: beta from the drop; x = a / (a + beta).
    with np.errstate(divide="ignore", invalid="ignore"):
        x = _solve_drop(drop / (np.maximum(fixed, 1e-300) * best**2))
        scale = np.where(best > 0, best / x, 0.0)
    seen = fixed > 1e-12 * fixed.max()
    shift = np.where(seen, 2 * fixed / np.maximum(third, 1e-300), 1.0)
    detected = (best > 0) & np.isfinite(scale) & (scale > best)
    beta = np.where(detected, scale - best, np.maximum(shift - best, 1e-3 * shift))
    gradient = np.where(best > 0, 0.0, np.minimum(gradient, 0.0))
    alpha = np.where(seen, free * (best + beta) ** 2, 0.0)  # no pixel: nothing is known
    gamma = alpha / (best + beta) - gradient
    return best, alpha, beta, gamma


def all_curves(fits, variances):
    """`Curves` of all groups."""
    parts = [curves(f, v) for f, v in zip(fits, variances, strict=True)]
    return Curves(*np.stack(parts, axis=-1))


def _drop(fit):
    """Log-likelihood that is lost when one source is left out and all else stays."""
    templates = fit.templates
    share = fit.amplitudes[templates.source] * templates.fraction
    mu, counts = fit.mu[templates.pixel], fit.counts[templates.pixel]
    without = np.log1p(-np.minimum(share / mu, 1 - 1e-9))
    return templates.total(-counts * without - share)


def _solve_drop(ratio):
    """x with (-ln(1-x) - x) / x^2 = ratio; small where the ratio is a half or less."""
    x = np.clip(1.5 * (ratio - 0.5), 1e-4, 0.9)
    for _ in range(30):
        value = (-np.log1p(-x) - x) / x**2
        slope = (1 / (1 - x) - 1) / x**2 - 2 * value / x
        x = np.clip(x - (value - ratio) / np.maximum(slope, 1e-3), 1e-4, 1 - 1e-9)
    return x
