"""From windows with an excess to one peak for each flare."""

from dataclasses import dataclass

import numpy as np

_APART = 1.5  # deg, between peaks of the same time


@dataclass(frozen=True)
class Peak:
    """A window of time at a position of the grid."""

    row: int
    column: int
    length: int  # number among the lengths of the windows
    first: int  # step of time
    ts: float

    def times(self, ladder):
        """Return first and last second (mission elapsed time)."""
        start = ladder.start + self.first * ladder.step
        return start, start + ladder.seconds[self.length]


def select(found, ladder, ln_rate, pixel):
    """Select the windows that are the rarest by chance where and when they are.

    Parameters
    ----------
    found : array, (n, 5)
        Row, column, number of the length, first step and test statistic of windows.
    ladder : fermiml.time.windows.Ladder
    ln_rate : callable
        ln(rate of false alarms) for lengths (s) and test statistics.
    pixel : float
        Size of the pixels (deg).

    Returns
    -------
    list of Peak
        The rarest first. No two of them have time in common and are close to each other.
    """
    row, column, length, first, ts = found.T
    number = length.astype(int)
    order = np.argsort(ln_rate(ladder.seconds[number], ts), kind="stable")
    last = first + np.array(ladder.lengths)[number]
    left = np.ones(len(found), bool)
    selected = []
    for i in order:
        if left[i]:
            selected.append(
                Peak(int(row[i]), int(column[i]), int(number[i]), int(first[i]), float(ts[i]))
            )
            near = np.hypot(row - row[i], column - column[i]) * pixel < _APART
            left &= ~(near & (first < last[i]) & (last > first[i]))
    return selected
