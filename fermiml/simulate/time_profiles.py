"""How the flux of a source changes with time, and the times of its photons."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class GoodTime:
    """Good time intervals, (n, 2) in mission elapsed time, as a clock that stands between them."""

    gti: np.ndarray

    @cached_property
    def _reading(self):
        """What the clock shows at the start of each interval, and at the end of the last."""
        return np.concatenate([[0.0], np.cumsum(self.gti[:, 1] - self.gti[:, 0])])

    @property
    def total(self):
        """Seconds of good time."""
        return self._reading[-1]

    def before(self, time):
        """Compute the seconds of good time before each time."""
        time = np.asarray(time, float)
        number = np.searchsorted(self.gti[:, 0], time, side="right") - 1
        passed = np.minimum(time, self.gti[number, 1]) - self.gti[number, 0]
        return np.where(number < 0, 0.0, self._reading[number] + passed)

    def at(self, seconds):
        """Return the times at which so many seconds of good time have passed."""
        number = np.searchsorted(self._reading, seconds, side="right") - 1
        number = np.clip(number, 0, len(self.gti) - 1)
        return self.gti[number, 0] + np.asarray(seconds) - self._reading[number]

    def draw(self, rng, number):
        """Draw times evenly."""
        return self.at(rng.uniform(0, self.total, number))


@dataclass(frozen=True)
class TimeProfile:
    """Flux over mean flux, constant between edges and zero beyond them.

    The mean is that over good time, so that a source has the flux of the truth table there.
    """

    edges: np.ndarray  # mission elapsed time in s
    relative: np.ndarray
    kind: str = ""  # flare, nova, sun; blank for a source that is always there

    @classmethod
    def of(cls, edges, values, good_time, kind=""):
        """Build a profile from values in any unit."""
        seconds = np.diff(good_time.before(edges))
        return cls(edges, values * good_time.total / np.sum(values * seconds), kind)

    def draw(self, rng, number, good_time):
        """Draw times of photons."""
        passed = good_time.before(self.edges)
        photons = np.concatenate([[0.0], np.cumsum(self.relative * np.diff(passed))])
        drawn = rng.uniform(0, photons[-1], number)
        # Where nothing is expected, the sum stands still and its inverse is not unique.
        rising = np.concatenate([[True], np.diff(photons) > 0])
        rising[:-1] |= rising[1:]
        return good_time.at(np.interp(drawn, photons[rising], passed[rising]))
