"""The photons around a position, in windows of any edges: by classes, and one by one."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from fermiml.time import excess, scan

_RAISED = 1.1  # the wings of a flare's PSF are known to 10 %


@dataclass(frozen=True)
class Look:
    """One position with a source of some spectrum, and flares whose photons are not its own.

    `sky` is a `SkyInTime`, `view` a `PositionView` of it, `others` are those flares with a `Look`
    at each: in every window their photons are what they have in that.
    """

    sky: object
    view: scan.PositionView
    index: float  # photon index of the source
    others: tuple
    systematic: float  # fraction by which the expectation is raised

    @classmethod
    def at(cls, sky, row, column, index, others=(), systematic=0.0):
        """Look at a pixel."""
        return cls(sky, sky.look(row, column, index), index, others, systematic)

    def unraised(self):
        """Return the same with what is expected, not what may be."""
        return replace(self, systematic=0.0)

    @cached_property
    def photons(self):
        """Numbers of the photons that are looked at, and their cells and classes."""
        cells, view = self.sky.cells, self.view
        slices = cells.within(view.rows, view.columns)
        numbers = np.concatenate([np.arange(some.start, some.stop) for some in slices])
        where = np.unravel_index(cells.cell[numbers], (*cells.shape, cells.bins))
        row, column, energy_bin = where
        classes = view.number[row - view.rows.start, column - view.columns.start, energy_bin]
        looked = classes < scan.CLASSES
        return numbers[looked], tuple(axis[looked] for axis in where), classes[looked]

    def fit(self, start, stop):
        """Fit the photons of the source in some windows: number, test statistic, error."""
        start, stop = np.atleast_1d(start), np.atleast_1d(stop)
        counts = self._counts(start, stop)
        expected = self._expected(counts, start, stop)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.nan_to_num(self.view.signal / expected, nan=0.0, posinf=0.0)
        amplitude, ts = excess.maximum(counts, ratio, self.view.seen)
        return amplitude, ts, excess.error(counts, ratio, amplitude)

    def _counts(self, start, stop):
        """Photons of each class in each window."""
        numbers, _, classes = self.photons
        edges = np.unique(np.concatenate([start, stop]))
        after = np.searchsorted(edges, self.sky.cells.time[numbers], side="right")
        flat = np.bincount(
            after * scan.CLASSES + classes, minlength=(len(edges) + 1) * scan.CLASSES
        )
        before = np.cumsum(flat.reshape(-1, scan.CLASSES), axis=0)  # each edge
        return before[np.searchsorted(edges, stop)] - before[np.searchsorted(edges, start)]

    def _expected(self, counts, start, stop):
        """Photons of each class in each window besides those of the source."""
        fraction = self.sky.ladder.fraction(start, stop)
        expected = self.view.background(counts, fraction) * (1 + self.systematic)
        for (_, look), signal in zip(self.others, self._signals, strict=True):
            expected += _RAISED * look.fit(start, stop)[0][:, None] * signal
        return expected

    @cached_property
    def _signals(self):
        """Fraction of the photons of each other flare in each class."""
        y, x = (np.arange(axis.start, axis.stop) for axis in (self.view.rows, self.view.columns))
        energy_bin = np.arange(self.sky.cells.bins)
        signals = []
        for flare, _ in self.others:
            distance = np.hypot(x - flare.x, y[:, None] - flare.y)[..., None]
            psf = self.sky.profile(energy_bin, distance) * self.sky.spectrum(flare.index)
            weights = np.bincount(self.view.number.ravel(), psf.ravel(), scan.CLASSES + 1)
            signals.append(weights[: scan.CLASSES])
        return signals

    def seen(self, index):
        """Compute the fraction of the photons that is looked at, of a source of another index."""
        with np.errstate(divide="ignore", invalid="ignore"):
            psf = np.nan_to_num(self.view.by_bin / self.sky.spectrum(self.index))
        return psf @ self.sky.spectrum(index)

    def one_by_one(self, start, stop):
        """Return x, y, bin of the photons in a window, and what is expected in the cell of each."""
        numbers, (row, column, energy_bin), classes = self.photons
        cells = self.sky.cells
        during = (cells.time[numbers] >= start) & (cells.time[numbers] < stop)
        numbers, row, column, energy_bin, classes = (
            v[during] for v in (numbers, row, column, energy_bin, classes)
        )
        counts = np.bincount(classes, minlength=scan.CLASSES)[None]
        expected = self._expected(counts, np.array([start]), np.array([stop]))[0]
        mean = self.sky.mean[row - cells.first_row, column, energy_bin]
        factor = expected / np.maximum(self.view.mean, 1e-30)  # of each class
        return cells.x[numbers], cells.y[numbers], energy_bin, mean * factor[classes]
