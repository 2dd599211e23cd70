"""The Poisson likelihood of counts on templates, and its minimum within bounds.

What is expected in a pixel is fixed + sum over columns of (counts of the column in this energy
bin) x (template of the column). Only pixels that hold counts enter the sum over logarithms;
of all others the templates' sums are enough, which is exact and saves most of the work.
The fits of the photometry are others, for the reasons that `fermiml.photometry.group_fit` names.
"""

from dataclasses import dataclass

import numpy as np

_FLOOR = 1e-20  # expected counts; a pixel with counts where nothing is expected
_STEPS = 60
TOLERANCE = 1e-5  # in ln L, of what one more step would gain about twice


@dataclass(frozen=True)
class Poisson:
    """Minus the logarithm of the likelihood, up to a constant (half of gammapy's `cash`).

    Rows are pixels with counts, sorted by energy bin; `starts` tells where each bin begins.
    """

    templates: np.ndarray  # (column, row)
    sums: np.ndarray  # (column, bin), over all pixels; zero in a bin that is not used
    counts: np.ndarray  # (row,)
    fixed: np.ndarray  # (row,), expected from everything that is no column
    starts: np.ndarray  # (bin + 1,)

    def along(self, n, column, unit):
        """Return the value as a function of a column's norm, with `unit` counts (bin) per norm."""
        nothing = n.copy()
        nothing[column] = 0.0
        base = self.expected(nothing)
        slope = np.repeat(unit, np.diff(self.starts)) * self.templates[column]
        total, more = np.sum(self.sums * nothing), np.sum(self.sums[column] * unit)

        def loss(norm):
            return total + norm * more - np.sum(self.counts * np.log(base + norm * slope))

        return loss

    def slopes(self, n):
        """Value, gradient (column, bin) and curvature (bin, column, column)."""
        expected = self.expected(n)
        ratio = self.counts / expected
        gradient = self.sums.copy()
        curvature = np.zeros((n.shape[1], len(n), len(n)))
        for b, rows in self._bins():
            block = self.templates[:, rows]
            gradient[:, b] -= block @ ratio[rows]
            curvature[b] = (block * (ratio[rows] / expected[rows])) @ block.T
        # Not a dot product: threads of a BLAS cost more than they bring for a single vector.
        loss = np.sum(self.sums * n) - np.sum(self.counts * np.log(expected))
        return loss, gradient, curvature

    def expected(self, n):
        """Compute the expected counts at the rows."""
        expected = self.fixed.copy()
        for b, rows in self._bins():
            expected[rows] += n[:, b] @ self.templates[:, rows]
        return np.maximum(expected, _FLOOR)

    def _bins(self):
        for b in range(len(self.starts) - 1):
            if self.starts[b + 1] > self.starts[b]:
                yield b, slice(self.starts[b], self.starts[b + 1])


@dataclass(frozen=True)
class Minimum:
    """Where a function is least, its value and curvature there."""

    values: np.ndarray
    loss: float
    curvature: np.ndarray
    converged: bool

    def covariance(self):
        """Invert the curvature; parameters that change nothing have no variance."""
        scale = np.sqrt(np.maximum(np.diag(self.curvature), 0))
        used = scale > 0
        out = np.zeros_like(self.curvature)
        if used.any():
            scale = scale[used]
            scaled = self.curvature[np.ix_(used, used)] / np.outer(scale, scale)
            out[np.ix_(used, used)] = np.linalg.pinv(scaled, rcond=1e-10) / np.outer(scale, scale)
        return out


def minimise(function, start, low, high, tolerance=TOLERANCE):
    """Newton's method with damping; parameters at a bound that push outwards stay there.

    What the step that is not made any more would gain is part of the minimum's loss.

    `function` gives value, gradient, and the curvature in two parts: one that is never
    negative (of a linear model), and the rest.
    """
    values = np.clip(start, low, high)
    loss, gradient, *curvature = function(values)
    damping, converged = 0.0, not len(values)
    for _ in range(_STEPS if len(values) else 0):
        stuck = (values <= low) & (gradient > 0) | (values >= high) & (gradient < 0)
        step = np.zeros(len(values))
        step[~stuck] = _step(gradient[~stuck], *(c[np.ix_(~stuck, ~stuck)] for c in curvature),
                             damping)  # fmt: skip
        trial = np.clip(values + step, low, high)
        fall = gradient @ (trial - values)
        if -fall < tolerance and damping < 1:
            loss, converged = loss + fall / 2, True
            break
        new = function(trial)
        if np.isfinite(new[0]) and new[0] <= loss:
            values, (loss, gradient, *curvature) = trial, new
            damping = damping / 10 if damping > 1e-3 else 0.0
        else:
            damping = max(10 * damping, 1e-2)
            if damping > 1e8:  # no lower value anywhere near: rounding errors, or a kink
                break
    inside = (values > low) & (values < high)
    return Minimum(values, loss, _safe(*curvature, inside), converged)


def _safe(linear, rest, inside):
    """Return the curvature, such that no parameter has a negative variance."""
    whole = linear + rest * np.outer(inside, inside)
    if _positive(whole):
        return whole
    apart = np.where(np.equal.outer(inside, inside), whole, 0.0)  # from those at their bounds
    return apart if _positive(apart) else linear


def _step(gradient, linear, rest, damping):
    """Compute a step downhill that does not depend on the units of the parameters."""
    if not len(gradient):
        return gradient
    scale = np.sqrt(np.maximum(np.diag(linear), 0))
    scale = np.where(scale > 0, scale, 1.0)
    units = np.outer(scale, scale)
    matrix = (linear + rest) / units
    if not _positive(matrix):
        matrix = linear / units
    matrix[np.diag_indices_from(matrix)] += damping + 1e-9
    return -np.linalg.solve(matrix, gradient / scale) / scale


def _positive(matrix):
    """Whether a symmetric matrix curves upwards, in all directions that matter at all."""
    nothing = np.diag(matrix) == 0
    try:
        np.linalg.cholesky(matrix + np.diag(nothing.astype(float)))
    except np.linalg.LinAlgError:
        return False
    return True
