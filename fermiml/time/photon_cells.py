"""A field's photons in cells of sky and energy, and the mean number that each cell gets."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.signal import fftconvolve

_SMOOTH = 1.5  # deg, sigma of the smoothing; narrower where a PSF is and the photons allow it
_EMPTY = 0.01  # of the mean of a bin: nowhere is less expected


@dataclass(frozen=True)
class PhotonCells:
    """Photons sorted by pixel, row by row of an image.

    A cell is a bin of energy in a pixel; its number is that of the pixel times `bins`, plus that
    of the bin.
    """

    shape: tuple  # rows and columns of the whole image
    bins: int
    first_row: int  # the photons are those of the rows from here
    start: np.ndarray  # of each pixel of these rows, the number of its first photon; and the last
    cell: np.ndarray  # in the whole image
    step: np.ndarray  # of time
    x: np.ndarray  # pixel coordinates
    y: np.ndarray
    time: np.ndarray  # mission elapsed time in s

    @classmethod
    def of(cls, shape, bins, x, y, energy_bin, step, time):
        """Sort photons that are all within the image and the bins."""
        column, row = (np.rint(v).astype(np.int64) for v in (x, y))
        pixel = row * shape[1] + column
        order = np.argsort(pixel, kind="stable")
        start = np.searchsorted(pixel[order], np.arange(shape[0] * shape[1] + 1))
        cell = (pixel * bins + energy_bin)[order].astype(np.int32)
        columns = (v[order] for v in (step.astype(np.int32), x.astype("f4"), y.astype("f4"), time))
        return cls(tuple(shape), bins, 0, start, cell, *columns)

    @property
    def last_row(self):
        """The row behind the last one."""
        return self.first_row + (len(self.start) - 1) // self.shape[1]

    def counts(self):
        """Count the photons of each cell: (row, column, bin)."""
        shape = (*self.shape, self.bins)
        return np.bincount(self.cell, minlength=int(np.prod(shape))).reshape(shape)

    def rows(self, first, last):
        """Return the photons of some rows of pixels."""
        first, last = max(first, self.first_row), min(last, self.last_row)
        some = slice(*(self.shape[1] * (row - self.first_row) for row in (first, last)))
        start = self.start[some.start : some.stop + 1]
        columns = (getattr(self, name)[start[0] : start[-1]] for name in
                   ("cell", "step", "x", "y", "time"))  # fmt: skip
        return PhotonCells(self.shape, self.bins, first, start - start[0], *columns)

    def within(self, rows, columns):
        """Find the photons in a rectangle of pixels: for each row a slice of them."""
        at = np.arange(rows.start - self.first_row, rows.stop - self.first_row) * self.shape[1]
        firsts, lasts = self.start[at + columns.start], self.start[at + columns.stop]
        return [slice(*pair) for pair in zip(firsts, lasts, strict=True)]


def mean_counts(counts, mask, radius, pixel):
    """Estimate the mean number of photons of each cell from the photons themselves.

    Parameters
    ----------
    counts : array, (row, column, bin)
    mask : array of bool, (row, column)
        What was observed.
    radius : array, (bin,)
        68 % radius (deg) of the PSF.
    pixel : float
        Size of the pixels (deg).

    Returns
    -------
    array of float32, (row, column, bin)
        The counts smoothed by a Gaussian and, where the PSF is narrower than that, corrected by
        the number within its radius, as far as they are more than one photon; zero off the mask.
    """
    mean = np.zeros(counts.shape, np.float32)
    seen = mask.astype(float)
    if not seen.any():
        return mean
    for number, r68 in enumerate(radius):
        plane = counts[..., number] * seen
        smooth = _gaussian(plane, seen, _SMOOTH / pixel)
        smooth = np.maximum(smooth, _EMPTY * plane.sum() / seen.sum())
        smooth = np.maximum(smooth, _EMPTY / seen.sum()) * seen
        if r68 < _SMOOTH:
            disk = _disk(max(r68 / pixel, 1.0))
            near, expected = (fftconvolve(p, disk, mode="same").clip(0) for p in (plane, smooth))
            smooth *= (near + 1) / (expected + 1)
        mean[..., number] = smooth
    return mean


def _gaussian(plane, seen, sigma):
    """Smooth what was observed with what was observed."""
    options = {"sigma": sigma, "mode": "constant", "truncate": 3.0}
    weight = gaussian_filter(seen, **options)
    return gaussian_filter(plane, **options) / np.maximum(weight, 1e-6)


def _disk(radius):
    size = int(np.ceil(radius))
    y, x = np.mgrid[-size : size + 1, -size : size + 1]
    return np.clip(radius + 0.5 - np.hypot(x, y), 0, 1)
