"""The excess of every window of time at every position of a grid.

At a position each cell (a pixel in a bin of energy) has a ratio of the photons that a source there
would send to those expected from everything else. Cells of similar ratio are a class: photons of a
class are alike, so their number in a window, from cumulative sums over time, is all that counts.
"""

from dataclasses import dataclass

import numpy as np

from fermiml.time import excess

CLASSES = 9
_WIDTH = 1.0  # of a class, in the logarithm of the ratio
_FINE, _LEVELS = 4, 160  # finer classes within one, and all of them
_BEST = 0.005  # fraction of a source's photons, the clearest ones, that are in the first class
_PRIOR = 1.0  # photons that the mean of the sky around is worth, beside those of the class itself
LEAST_PHOTONS = 2.5  # of the source among those that are looked at: two can be chance anywhere


@dataclass(frozen=True)
class PositionView:
    """What there is to see at one position."""

    rows: slice  # of the image
    columns: slice
    number: np.ndarray  # (row, column, bin); class of each cell, CLASSES if it is not looked at
    by_bin: np.ndarray  # (bin,); fraction of a source's photons that is looked at
    signal: np.ndarray  # (class,); the same by class
    mean: np.ndarray  # (class,); photons expected in the whole time from the sky around
    counts: np.ndarray  # (step + 1, class); photons until each edge of the steps

    @property
    def seen(self):
        """Fraction of a source's photons that is looked at."""
        return self.signal.sum()

    def background(self, counts, fraction):
        """Compute the photons that are expected in windows besides those of a source.

        What the rest of the time has of a class decides, and where this is little the mean of the
        sky around. The last axis is that of the classes.
        """
        rest = self.counts[-1] - counts + _PRIOR
        fraction = np.asarray(fraction)[..., None]
        with np.errstate(divide="ignore"):
            time = 1 - fraction + _PRIOR / self.mean
        return fraction * rest / time


def look(cells, mean, stamp, row, column, steps):
    """Look at one position: the pixel (row, column) of an image.

    Parameters
    ----------
    cells : PhotonCells
    mean : array, (row, column, bin)
        Expected photons of each cell, of the rows that `cells` has.
    stamp : array, (row, column, bin)
        Fraction of the photons of a source in its middle that each cell gets.
    row, column : int
    steps : int
        Number of steps of time.
    """
    radius = len(stamp) // 2
    rows, middle = _around(row, radius, cells.first_row, cells.last_row)
    columns, center = _around(column, radius, 0, cells.shape[1])
    expected = mean[rows.start - cells.first_row : rows.stop - cells.first_row, columns]
    source = stamp[middle, center]
    number = _classes(source, expected)
    signal, total = (np.bincount(number.ravel(), values.ravel(), CLASSES + 1)[:CLASSES]
                     for values in (source, expected))  # fmt: skip
    counts = np.zeros((steps + 1, CLASSES))
    counts[1:] = _counts(cells, rows, columns, number, steps).cumsum(axis=0)
    by_bin = np.where(number < CLASSES, source, 0).sum(axis=(0, 1))
    return PositionView(rows, columns, number, by_bin, signal, total, counts)


def _counts(cells, rows, columns, number, steps):
    """Photons of each class in each step of time."""
    flat = []
    for row, some in zip(rows_of(rows), cells.within(rows, columns), strict=True):
        first = (row * cells.shape[1] + columns.start) * cells.bins
        classes = number[row - rows.start].ravel()[cells.cell[some] - first]
        flat.append(cells.step[some] * np.int32(CLASSES + 1) + classes)
    size = steps * (CLASSES + 1)
    counts = np.bincount(np.concatenate(flat), minlength=size)
    return counts.reshape(steps, CLASSES + 1)[:, :CLASSES]


def rows_of(rows):
    """Count the rows of a slice."""
    return range(rows.start, rows.stop)


def _around(middle, radius, low, high):
    """Slices of the image, and of the stamp, that lie on each other."""
    first, last = max(middle - radius, low), min(middle + radius + 1, high)
    return slice(first, last), slice(first - middle + radius, last - middle + radius)


def _classes(source, expected):
    """Find the class of each cell, from the clearest photons on; the least clear have none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(source / expected)
    logs[~np.isfinite(logs)] = -np.inf
    fine = (logs.max(initial=-np.inf) - logs) * np.float32(_FINE / _WIDTH)
    fine = np.where(fine < _LEVELS, fine, _LEVELS).astype(np.uint8)
    signal = np.bincount(fine.ravel(), source.ravel(), _LEVELS + 1)
    first = np.searchsorted(np.cumsum(signal), _BEST * signal.sum())
    number = np.ceil((np.arange(_LEVELS + 1) - first) / _FINE).clip(0, CLASSES)
    number[_LEVELS] = CLASSES
    return number.astype(np.uint8)[fine]


def windows_at(view, ladder, least, systematic):
    """Find the windows with an excess at one position.

    Parameters
    ----------
    view : PositionView
    ladder : fermiml.time.windows.Ladder
    least : array, one per length
        Test statistic from which a window is told.
    systematic : array, one per length
        Fraction by which the expectation may be wrong, and is raised.

    Returns
    -------
    array of (number of the length, first step, test statistic)
    """
    parts = [_promising(view, ladder, number, least[number], systematic[number])
             for number in range(len(ladder.lengths))]  # fmt: skip
    length, first, fraction, counts = map(np.concatenate, zip(*parts, strict=True))
    background = view.background(counts, fraction) * (1 + systematic[length, None])
    ratio = _ratio(view.signal, background)
    good = excess.bound(counts, ratio, view.seen) > least[length]
    length, first = length[good], first[good]
    amplitude, ts = excess.maximum(counts[good], ratio[good], view.seen)
    told = (ts > least[length]) & (amplitude * view.seen > LEAST_PHOTONS)
    return np.column_stack([length[told], first[told], ts[told]])


def _promising(view, ladder, number, least, systematic):
    """Sort out the windows of a length whose test statistic cannot be large enough.

    Return number of the length, first step, fraction of the exposure and counts of the others. The
    bound is cheap: it takes, for each class, the ratio in the window where it is highest, but for
    the fraction of the exposure.
    """
    first, fraction = ladder.windows[number]
    counts = view.counts[first + ladder.lengths[number]] - view.counts[first]
    background = view.background(counts.max(axis=0, initial=0), fraction.min(initial=1))
    ratio = _ratio(view.signal, background * (1 + systematic)) * fraction.min(initial=1)
    photons = counts @ np.ones(CLASSES)
    highest = excess.bound_of(photons, counts @ ratio / fraction, view.seen)
    some = (photons >= LEAST_PHOTONS) & (highest > least)
    return np.full(some.sum(), number), first[some], fraction[some], counts[some]


def _ratio(signal, background):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(signal / background, nan=0.0, posinf=0.0)
