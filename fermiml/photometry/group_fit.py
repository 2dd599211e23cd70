"""Poisson fit of one energy group: amplitudes of sources and a smooth background, both linear.

One of three Poisson fits, each for another problem: here thousands of spline coefficients with a
penalty need sparse matrices, and a rough maximum is enough, since the spectra are fitted to the
likelihood curves around it; `fermiml.likelihood.poisson` fits spectra, which are not linear, to the
last digit; `fermiml.traditional.norm_fit` has norms alone, and finds its minimum with the latter.
"""

from functools import cached_property

import numpy as np
from scipy.linalg import cho_factor, cho_solve, cholesky, solve_triangular
from scipy.sparse import diags

from fermiml.photometry.templates import shared, squared

FLOOR = 1e-9  # counts in a pixel
_LEAST = 0.02  # of the local level, that a coefficient of the background has
_CLOSE = 20.0  # times the gain that is enough: below it the information is not computed anew
_ITERATIONS = 12


class GroupFit:
    """The fit of one energy group with templates of sources.

    The parameters are the coefficients of the background, then the amplitudes. `parameters`, `mu`
    (model counts) and the information on all parameters are there after `maximise`.

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
            nothing = np.zeros(templates.pairs.sources)
            self.parameters, self._known = np.concatenate([field.level, nothing]), None
            self._lowest = np.concatenate([_LEAST * field.level, nothing])
        else:
            self.parameters, self._known = previous.parameters, previous._known
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

    def maximise(self, enough):
        """Fisher scoring within the bounds, until a step gains less than `enough`.

        The information of an earlier fit does for the steps as long as they gain little.
        """
        model = self._model(self.parameters)
        best, fresh = self._log_likelihood(self.parameters, model), False
        if self._known is None:
            self._known, fresh = self._information(model), True
        for _ in range(_ITERATIONS):
            step, expected = self._step(model)
            if expected > _CLOSE * enough and not fresh:
                self._known, fresh = self._information(model), True
                continue
            trial = self._better(step, best)
            if trial is None:
                break
            gain, (best, self.parameters, model) = trial[0] - best, trial
            if max(gain, expected) < enough:
                break
            fresh = False
        self.mu = model

    def renew_information(self):
        """Compute the information where the fit is now."""
        self._known = self._information(self.mu)

    def _step(self, model):
        """Newton's step of the parameters that are not held at their bounds, and the gain of
        log-likelihood that is expected of it."""
        gradient = self._gradient(self.parameters, model)
        free = (self.parameters > self._lowest) | (gradient > 0)
        step = self._known.solve(gradient, free)
        return step, 0.5 * step @ gradient

    def _better(self, step, best):
        """(log-likelihood, parameters, model) after a step that gains; None where none does."""
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

    def models_with(self, amplitudes, source, pixel, fraction):
        """Model counts in pixels near sources, of each pair with another amplitude of that source
        and all others as fitted: what their spectra miss is not the source's."""
        change = (amplitudes - self.amplitudes)[source] * fraction
        return np.maximum(self.mu[pixel] + change, FLOOR)

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
        coarse, number, templates = self.field.coarse, len(self.field.level), self.templates
        weights = diags(np.bincount(self.field.label, 1 / model))
        matrix = np.empty((len(self.parameters), len(self.parameters)))
        matrix[:number, :number] = (coarse.T @ (weights @ coarse)).toarray()
        matrix[:number, :number] += self.field.penalty
        weight = 1 / model[templates.pixel]
        matrix[:number, number:] = self._shared_smooth(templates, templates.fraction * weight)
        matrix[number:, :number] = matrix[:number, number:].T
        matrix[number:, number:] = squared(templates, templates.fraction * np.sqrt(weight))
        return _Information(matrix, number)

    def cross_information(self, templates, data, mu=None):
        """Information that the parameters share with others, which change the counts in the pixels
        of `templates` by `data`."""
        weighted = data / (self.mu if mu is None else mu)[templates.pixel]
        smooth = self._shared_smooth(templates, weighted)
        amplitudes = shared(self.templates, self.templates.fraction, templates, weighted)
        return np.vstack([smooth, amplitudes])

    def _shared_smooth(self, templates, weighted):
        return (self.field.coarse.T @ templates.in_blocks(weighted)).toarray()

    def explained(self, templates, *changes, mu=None):
        """E such that E.T E is what the parameters can explain of the information on others, which
        change the counts in the pixels of `templates`; `mu` are the counts, if not the fit's.

        All is computed from the same counts: otherwise more might be explained than there is.
        """
        known = self._known if mu is None else self._information(mu)
        cross = [self.cross_information(templates, change, mu) for change in changes]
        return solve_triangular(known.factor, np.hstack(cross), lower=True, check_finite=False)

    @property
    def profile_information(self):
        """Information on each amplitude with all else free."""
        return self._known.profile


class _Information:
    """The information on all parameters of a group, the `smooth` background's first."""

    def __init__(self, matrix, smooth):
        self._matrix, self._smooth = matrix, smooth
        diagonal = np.einsum("ii->i", matrix)  # a trace more: twin sources make it singular
        diagonal += 1e-6 * diagonal + 1e-12 * max(diagonal.max(), 1e-300)
        self._free, self._part = None, None

    @cached_property
    def factor(self):
        """Lower triangular Cholesky factor."""
        return cholesky(self._matrix, lower=True, check_finite=False)

    @cached_property
    def profile(self):
        """Information on each amplitude with all else free."""
        last = self.factor[self._smooth :, self._smooth :]
        inverse = solve_triangular(last, np.eye(len(last)), lower=True, check_finite=False)
        return 1 / np.square(inverse).sum(axis=0)

    def solve(self, vector, free):
        """Multiply the inverse of the information on the `free` parameters by their part of a
        vector; the others get zero."""
        if self._free is None or not np.array_equal(free, self._free):
            self._free, self._part = free, self._part_of(free)
        return cho_solve(self._part, np.where(free, vector, 0.0), check_finite=False)

    def _part_of(self, free):
        """Factor the information on some parameters; for the others it becomes that of one each."""
        if free.all():
            return self.factor, True
        held, matrix = np.flatnonzero(~free), self._matrix.copy()
        matrix[held] = matrix[:, held] = 0.0
        matrix[held, held] = 1.0
        return cho_factor(matrix.T, lower=True, overwrite_a=True, check_finite=False)
