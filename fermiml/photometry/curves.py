"""Likelihood curves: the profile log-likelihood of each amplitude, from the fits of groups."""

from dataclasses import dataclass

import numpy as np

_NOTHING = 0.03  # of its error, below which an amplitude is none


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
