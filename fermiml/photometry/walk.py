"""Steps of source positions to the maximum of the likelihood."""

import numpy as np
from scipy.spatial import cKDTree

from fermiml.photometry.localization import blocks

_STEP = 0.15  # deg, longest
_APART = 0.45  # of the distance to the nearest candidate, that a source may move
_LENGTHS = 0.1, 1.4  # of a step, in units of Newton's
_BACK = 0.7  # by which the longest shrinks where a source turns back
_STILL = 0.02  # of its error, below which a step tells nothing of the next
_CUT = 0.05  # of Newton's step: one that was cut to less tells nothing, either
_ARRIVED = 0.05  # of its error, below which a step is the last


class Walk:
    """Sources on their way to the maximum of the likelihood.

    Newton's steps for all positions together, with amplitudes and background free. Where photons
    are few the likelihood is no paraboloid, and full steps jump to and fro about its maximum: how
    much of the gradient along a source's last step is left tells how long its next one has to be.

    Attributes
    ----------
    shift, step : numpy.ndarray
        (source, 2), deg along two directions: all of the way so far, and the last step.
    limit : numpy.ndarray
        (source, 1), deg: the farthest that a source may go.
    """

    def __init__(self, vectors, directions, farthest):
        number = len(vectors)
        self._start, self._directions, self.limit = vectors, directions, _limits(vectors, farthest)
        self.shift = self.step = self._gradient = np.zeros((number, 2))
        self._length = self._taken = np.ones(number)  # in units of Newton's step
        self._longest = np.full(number, _LENGTHS[1])
        self._size = np.full(number, np.inf)  # of the last step, in units of the error

    @property
    def vectors(self):
        """Unit vectors of the sources."""
        first, second = (np.radians(s)[:, None] * d
                         for s, d in zip(self.shift.T, self._directions, strict=True))  # fmt: skip
        moved = self._start + first + second
        return moved / np.linalg.norm(moved, axis=1, keepdims=True)

    @property
    def arrived(self):
        """Whether the last step of no source was of a length that matters."""
        return bool(np.all(self._size < _ARRIVED))

    def go_on(self, gradient, inverse):
        """Take a step; `inverse` is that of the information (2 n, 2 n; all easts first)."""
        self._adapt(gradient)
        newton = (inverse @ gradient.T.ravel()).reshape(2, -1).T
        step = _at_most(self._length[:, None] * newton, _STEP)
        shift = _at_most(self.shift + step, self.limit)
        self.step, self.shift, self._gradient = shift - self.shift, shift, gradient
        whole = np.maximum(np.linalg.norm(newton, axis=1), 1e-12)
        self._taken = np.linalg.norm(self.step, axis=1) / whole
        information = np.linalg.inv(blocks(inverse))
        # NaN where the information is none, by rounding: such a step never counts as the last.
        with np.errstate(invalid="ignore"):
            self._size = np.sqrt(np.einsum("si,sij,sj->s", self.step, information, self.step))

    def _adapt(self, gradient):
        """Find the lengths of the next steps from what the last ones left of the gradient."""
        before = np.sum(self._gradient * self.step, axis=1)
        after = np.sum(gradient * self.step, axis=1)
        told = (before > 0) & (self._size > _STILL) & (self._taken > _CUT)
        left = after / np.where(told, before, np.inf)
        self._longest = np.where(told & (left < 0), _BACK * self._longest, self._longest)
        # Newton's step leaves nothing where the likelihood bends as was thought.
        bend = (1 - left) / np.where(told, self._taken, 1.0)
        length = np.clip(1 / np.maximum(bend, 1e-3), _LENGTHS[0], self._longest)
        self._length = np.where(told, length, self._length)


def _limits(vectors, farthest):
    """Deg (source, 1) that sources may move: of two that meet one would take all."""
    if len(vectors) < 2:
        return np.full((len(vectors), 1), farthest)
    nearest, _ = cKDTree(vectors).query(vectors, k=[2])
    return np.minimum(_APART * np.degrees(nearest), farthest)


def _at_most(vectors, limit):
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors * np.minimum(1, limit / np.maximum(length, 1e-9))
