"""Sliding windows of time: their lengths, which are multiples of a step, and what each has seen."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

OVERLAP = 2  # windows of a length begin this often within that length
_SEEN = 0.1  # a window has at least this fraction of the good time that is usual for its length
_LARGEST = 0.5  # of the exposure: beyond, the rest of the time says too little of the mean


@dataclass(frozen=True)
class Ladder:
    """Windows of several lengths, each twice the one before.

    Time is divided into steps, `OVERLAP` to the shortest window; a window is a number of steps.
    """

    start: float  # mission elapsed time in s
    step: float  # s
    exposed: np.ndarray  # fraction of the whole exposure until each edge of the steps, 0 to 1
    lengths: tuple  # of the windows, in steps

    @classmethod
    def of(cls, times, exposed, shortest, longest):
        """Build the windows of a field.

        Parameters
        ----------
        times : tuple
            First and last second of the data.
        exposed : callable
            Exposure (in any unit) until each of some rising times.
        shortest, longest : float
            Lengths (s); the longest is at most half the data.
        """
        step = shortest / OVERLAP
        count = max(1, int(np.ceil((times[1] - times[0]) / step)))
        edges = times[0] + step * np.arange(count + 1)
        seen = exposed(np.minimum(edges, times[1]))
        lengths, most = [], min(longest, (times[1] - times[0]) * _LARGEST) / step
        while OVERLAP * 2 ** len(lengths) <= most * 1.05:
            lengths.append(OVERLAP * 2 ** len(lengths))
        seen -= seen[0]
        return cls(float(times[0]), float(step), seen / seen[-1], tuple(lengths))

    @property
    def steps(self):
        """Number of steps."""
        return len(self.exposed) - 1

    @property
    def seconds(self):
        """Length of the windows of each length (s)."""
        return np.array(self.lengths) * self.step

    def step_of(self, time):
        """Return the number of the step of each time."""
        return np.clip((time - self.start) // self.step, 0, self.steps - 1).astype(np.int32)

    def first_steps(self, number):
        """Return where the windows of one of the lengths begin."""
        length = self.lengths[number]
        return np.arange(0, self.steps - length + 1, max(1, length // OVERLAP))

    @cached_property
    def windows(self):
        """List for each length where its windows begin, and their fractions of the exposure.

        Windows that have seen too little, or too much, are left out.
        """
        return [self._windows_of(number) for number in range(len(self.lengths))]

    def _windows_of(self, number):
        first, length = self.first_steps(number), self.lengths[number]
        fraction = self.exposed[first + length] - self.exposed[first]
        usual = length / self.steps
        good = (fraction > _SEEN * usual) & (fraction <= _LARGEST)
        return first[good], fraction[good]

    def fraction(self, start, stop):
        """Return the fraction of the exposure between two times (s), or arrays of them."""
        edges = self.start + self.step * np.arange(self.steps + 1)
        low, high = (np.interp(times, edges, self.exposed) for times in (start, stop))
        return high - low
