"""PSF templates of many sources at once: the fraction of a source's counts in each pixel."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csc_matrix

from fermiml.photometry.energy_groups import INDICES

_LEAST = np.float32(1e-12)  # deg2


@dataclass(frozen=True)
class NearPixels:
    """Sources and the pixels around them, source by source.

    Points in the pixels, at which the PSF is sampled, are seen from the place where the source was
    first: deg along two directions of its own, and the square of the separation (point, pair).
    Single precision is enough for differences of positions.
    """

    pixels: int  # of the mesh
    sources: int
    source: np.ndarray
    pixel: np.ndarray
    area: np.ndarray  # sr
    east: np.ndarray
    north: np.ndarray
    square: np.ndarray

    @classmethod
    def within(cls, mesh, vectors, directions, reach):
        """Find the pixels within `reach` (deg) of sources with unit `vectors`."""
        near = mesh.within(reach, vectors)
        pixel = np.concatenate(near)
        to = np.stack([vectors, *directions], axis=2)  # (source, 3, 3)
        seen = [mesh.points[n].reshape(-1, 3) @ t for n, t in zip(near, to, strict=True)]
        seen = np.degrees(np.concatenate(seen)).reshape(len(pixel), -1, 3)
        depth, east, north = np.moveaxis(seen, 2, 0)
        source = np.repeat(np.arange(len(vectors)), [len(n) for n in near])
        square = np.degrees(2) * (np.degrees(1) - depth)
        return cls(
            len(mesh.area), len(vectors), source, pixel, mesh.area[pixel],
            *(x.T.astype(np.float32, order="C") for x in (east, north, square)),
        )  # fmt: skip

    def of(self, sources):
        """Keep the pairs of some sources (a mask)."""
        kept = np.flatnonzero(sources[self.source])
        if len(kept) == len(self.source):
            return self
        parts = (self.source, self.pixel, self.area, self.east, self.north, self.square)
        return NearPixels(self.pixels, self.sources, *(p[..., kept] for p in parts))

    def squares(self, shift):
        """Squares of the separations (point, pair) once the sources have moved by `shift` (deg)."""
        x, y = shift.T.astype(np.float32).take(self.source, axis=1)
        moved = x * (x - 2 * self.east)
        moved += y * (y - 2 * self.north)
        moved += self.square
        return np.maximum(moved, _LEAST, out=moved)

    def fractions(self, group, shift, index):
        """Fractions of the counts of sources (photon `index`), moved by `shift`, in all pairs."""
        profile = group.profiles.at(_nearest(index)[self.source], self.squares(shift))
        return profile.mean(axis=0) * self.area

    def shapes(self, group):
        """Fractions of the counts of a point and of disks where the sources were first."""
        rows = np.arange(len(group.shapes))[:, None, None]
        return group.shapes.at(rows, np.maximum(self.square, _LEAST)).mean(axis=1) * self.area


@dataclass(frozen=True)
class Templates:
    """Fraction of each source's counts in each pixel, source by source; `east` and `north` are the
    changes of it when the source moves by one deg that way."""

    shape: tuple  # (pixels, sources)
    source: np.ndarray
    pixel: np.ndarray
    fraction: np.ndarray
    east: np.ndarray
    north: np.ndarray

    @cached_property
    def pointers(self):
        """Where each source begins, and the end."""
        lengths = np.bincount(self.source, minlength=self.shape[1])
        return np.concatenate([[0], np.cumsum(lengths)])

    @cached_property
    def values(self):
        """Sparse matrix (pixel, source)."""
        return self.columns(self.fraction)

    @cached_property
    def rows(self):
        """The same for sums over pixels."""
        return self.values.tocsr()

    def columns(self, *data):
        """Sparse matrix with all sources' columns for each of several values of the pairs."""
        starts = np.arange(len(data)) * len(self.source)
        pointers = (starts[:, None] + self.pointers[:-1]).ravel()
        return csc_matrix(
            (np.concatenate(data), np.tile(self.pixel, len(data)),
             np.append(pointers, len(data) * len(self.source))),
            (self.shape[0], len(data) * self.shape[1]),
        )  # fmt: skip

    def model(self, amplitudes):
        """Sum the counts of the sources in each pixel."""
        return np.bincount(self.pixel, amplitudes[self.source] * self.fraction, self.shape[0])

    def total(self, data):
        """Sum a value of the pairs over the pixels of each source."""
        return np.bincount(self.source, data, self.shape[1])


def make_templates(pairs, group, shift, index):
    """Templates of sources that were moved by `shift` (deg) and have a photon `index`."""
    square = pairs.squares(shift)
    kept = np.flatnonzero(square.mean(axis=0) <= group.reach**2)
    source, area = pairs.source[kept], pairs.area[kept]
    profile, slope = group.profiles.with_slope(_nearest(index)[source], square[:, kept])
    slope *= 2
    x, y = shift.T.astype(np.float32)[:, source]
    return Templates(
        (pairs.pixels, pairs.sources),
        source,
        pairs.pixel[kept],
        profile.mean(axis=0) * area,
        (slope * (x - pairs.east[:, kept])).mean(axis=0) * area,
        (slope * (y - pairs.north[:, kept])).mean(axis=0) * area,
    )


def _nearest(index):
    return np.argmin(np.abs(np.asarray(index)[:, None] - INDICES), axis=1)
