"""The fit of a region in each interval of time: only norms change.

The templates are those of the whole time; what is expected in an interval is that times the
fraction of the exposure. So an interval needs the rows (pixels with counts) that its own counts
are in, and the sums over all pixels. Columns are the background, all its planes together, and then
the sources; norms are in units of the catalog's flux, that of the background in units of its mean.

Which norms are free in an interval, when a source is measured:

- its own;
- that of the background, where at least `BACKGROUND_COUNTS` of it are expected;
- those of other sources of which at least `SOURCE_COUNTS` are expected, or of which the counts
  show more than their mean by `UNLIKE` sigma.

All others are held at their mean.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fermiml.likelihood.poisson import minimise
from fermiml.likelihood.spectral_shapes import distance, upper_limit

BACKGROUND_COUNTS = 100.0
SOURCE_COUNTS = 10.0
UNLIKE = 3.0
_FLOOR = 1e-20  # expected counts in a pixel
_HIGHEST = 1e9  # of a norm
_STEPS = 20  # to the norm that fits all intervals
_PRECISION = 1e-4  # of twice ln L there
_ROUNDS = 4  # in which sources become free because their mean does not fit


@dataclass(frozen=True)
class IntervalFit:
    """Norms of all columns that fit the counts of an interval best."""

    norms: np.ndarray
    free: np.ndarray
    loss: float  # minus ln L, up to a constant of the interval
    covariance: np.ndarray  # of the free norms

    def variance(self, column):
        """Return the variance of a free norm, the others being free, too."""
        number = np.count_nonzero(self.free[:column])
        return self.covariance[number, number]


class Interval:
    """The likelihood of the counts of one interval, as a function of the norms."""

    def __init__(self, counts, templates, totals, fixed, mean):
        self.counts = counts  # at its rows
        self.templates = templates  # (column, row), expected counts for a norm of 1
        self.totals = totals  # (column,), the same over all pixels
        self.fixed = fixed  # (row,), from sources outside
        self.mean = mean  # norms of the whole time

    def expected(self, norms):
        """Compute the expected counts at the rows."""
        return np.maximum(self.fixed + norms @ self.templates, _FLOOR)

    def fit(self, free, start):
        """Fit the free norms; the others stay as they are in `start`."""
        own, totals = self.templates[free], self.totals[free]
        held = np.where(free, 0.0, start)
        fixed = self.fixed + held @ self.templates
        constant = self.totals @ held
        nothing = np.zeros((len(own), len(own)))

        def function(norms):
            expected = np.maximum(fixed + norms @ own, _FLOOR)
            ratio = self.counts / expected
            loss = constant + totals @ norms - np.sum(self.counts * np.log(expected))
            return loss, totals - own @ ratio, (own * (ratio / expected)) @ own.T, nothing

        low = np.zeros(len(own))
        minimum = minimise(function, start[free], low, np.full(len(own), _HIGHEST))
        norms = start.copy()
        norms[free] = minimum.values
        return IntervalFit(norms, free, minimum.loss, minimum.covariance())

    @cached_property
    def joint(self):
        """Fit what the counts allow to be free; see the rule at the top."""
        least = np.full(len(self.mean), SOURCE_COUNTS)
        least[0] = BACKGROUND_COUNTS
        free = self.mean * self.totals >= least
        fit = self.fit(free, self.mean)
        for _ in range(_ROUNDS):
            more = self._unlike(fit.norms) & ~free
            if not more.any():
                break
            free = free | more
            fit = self.fit(free, fit.norms)
        return fit

    def _unlike(self, norms):
        """Return the sources of which the counts show more than their norms; so few are expected
        of a source that is held that less means nothing.

        The weighted sum of the counts is compared with what is expected of the source in it.
        """
        weights = self.templates / self.expected(norms)
        seen, square = weights @ self.counts, weights**2 @ self.counts
        typical = np.divide(square, seen, out=np.zeros_like(seen), where=seen > 0)
        unlike = seen - self.totals > UNLIKE * np.sqrt(typical * self.totals + typical**2)
        unlike[0] = False
        return unlike

    def around(self, column):
        """Return the best fit with a column free in any case."""
        if self.joint.free[column]:
            return self.joint
        free = self.joint.free.copy()
        free[column] = True
        return self.fit(free, self.joint.norms)

    def measure(self, column):
        """Measure the norm of a column: value, lower and upper error, 95 % limit, TS, loss."""
        best = self.around(column)
        norm, line = best.norms[column], self._line(best, column)
        ts = max(2 * (self.profile(best, column, 0.0)[0] - best.loss), 0.0)
        limit = upper_limit(line, norm) if ts < 1 else np.nan
        return {
            "norm": norm, "down": distance(line, norm, -1), "up": distance(line, norm, 1),
            "limit": limit, "ts": ts, "loss": best.loss,
        }  # fmt: skip

    def profile(self, best, column, norm):
        """Compute minus ln L with one norm held and the others fitted, and its first and second
        derivatives; `best` is a fit with that norm free."""
        free, start = best.free.copy(), best.norms.copy()
        free[column], start[column] = False, norm
        fit = self.fit(free, start)
        weights = self.templates / self.expected(fit.norms)
        matrix = (weights * self.counts) @ weights.T
        across = matrix[column, free]
        bend = matrix[column, column] - across @ fit.covariance @ across
        return fit.loss, self.totals[column] - weights[column] @ self.counts, max(bend, 0.0)

    def _line(self, best, column):
        """By how much -2 ln L rises away from the best norm.

        Along that norm alone, stretched by the ratio of its errors with and without the others
        free: near the minimum that is the profile, and it keeps the asymmetry.
        """
        norm, expected = best.norms[column], self.expected(best.norms)
        slope = self.templates[column] / expected
        alone = np.sum(slope**2 * self.counts)
        widening = np.sqrt(max(best.variance(column) * alone, 1.0))

        def rise(value):
            step = max((value - norm) / widening, -norm)
            logs = np.log(np.maximum(1 + step * slope, _FLOOR))
            return 2 * (self.totals[column] * step - np.sum(self.counts * logs))

        return rise


def constant_norm(intervals, column, start):
    """Find the one norm that fits all intervals best, and the losses of the intervals there."""
    fits = [interval.around(column) for interval in intervals]
    norm = max(start, 0.0)
    for _ in range(_STEPS):
        at_norm = [i.profile(best, column, norm) for i, best in zip(intervals, fits, strict=True)]
        losses, slopes, bends = np.array(at_norm).T
        slope, bend = slopes.sum(), bends.sum()
        if bend <= 0 or (norm == 0 and slope > 0) or slope**2 < _PRECISION * bend:
            break
        norm = max(norm - slope / bend, 0.0)
    return norm, losses
