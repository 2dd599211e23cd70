"""How the flux of a source changes with time, and the times of its photons."""

from dataclasses import dataclass

import numpy as np

from fermiml.sky.selection import duration
from fermiml.sky.times import good_time, times_at


@dataclass(frozen=True)
class TimeProfile:
    """Flux over mean flux, constant between edges and zero beyond them.

    The mean is that over good time, so that a source has the flux of the truth table there.
    """

    edges: np.ndarray  # mission elapsed time in s
    relative: np.ndarray
    kind: str = ""  # flare, nova, sun; blank for a source that is always there

    @classmethod
    def of(cls, edges, values, gti, kind=""):
        """Build a profile from values in any unit."""
        return cls(edges, values * duration(gti) / np.sum(values * good_time(edges, gti)), kind)

    @property
    def span(self):
        """Start and end (s) of the middle 90 % of the fluence."""
        fluence = np.concatenate([[0.0], np.cumsum(self.relative * np.diff(self.edges))])
        return np.interp([0.05, 0.95], fluence / fluence[-1], self.edges)

    @property
    def fluence(self):
        """Seconds in which the mean flux has the fluence, good or not."""
        return float(np.sum(self.relative * np.diff(self.edges)))

    def draw(self, rng, number, gti):
        """Draw times of photons, all in good time."""
        seconds = good_time(self.edges, gti)
        shares = self.relative * seconds
        bins = rng.choice(len(shares), number, p=shares / shares.sum())
        passed = np.cumsum(seconds) - seconds + good_time(np.array([gti[0, 0], self.edges[0]]), gti)
        return times_at(passed[bins] + rng.random(number) * seconds[bins], gti)


def even_times(rng, number, gti):
    """Draw times of good time evenly."""
    return times_at(rng.uniform(0, duration(gti), number), gti)
