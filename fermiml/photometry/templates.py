"""PSF templates of many sources at once: the fraction of a source's counts in each pixel."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csc_matrix

from fermiml.photometry.energy_groups import index_weights

_DENSE = 0.1  # of a matrix, from which it is quicker with all its zeros
_LEAST = np.float32(1e-12)  # deg2


@dataclass(frozen=True)
class NearPixels:
    """Sources and the pixels around them, source by source.

    Points in the pixels, at which the PSF is sampled, are seen from the place where the source was
    first: deg along two directions of its own, and the square of the separation (point, pair).
    Single precision is enough for differences of positions.
    """

    mesh: object
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
        pixel = np.concatenate([np.zeros(0, int), *near])
        to = np.stack([vectors, *directions], axis=2)  # (source, 3, 3)
        seen = [mesh.points[n].reshape(-1, 3) @ t for n, t in zip(near, to, strict=True)]
        seen = np.degrees(np.concatenate([np.zeros((0, 3)), *seen])).reshape(
            len(pixel), *mesh.points.shape[1:]
        )
        depth, east, north = np.moveaxis(seen, 2, 0)
        source = np.repeat(np.arange(len(vectors)), [len(n) for n in near])
        square = np.degrees(2) * (np.degrees(1) - depth)
        return cls(
            mesh, len(vectors), source, pixel, mesh.area[pixel],
            *(x.T.astype(np.float32, order="C") for x in (east, north, square)),
        )  # fmt: skip

    def squares(self, shift):
        """Squares of the separations (point, pair) once the sources have moved by `shift` (deg)."""
        x, y = shift.T.astype(np.float32).take(self.source, axis=1)
        moved = x * (x - 2 * self.east)
        moved += y * (y - 2 * self.north)
        moved += self.square
        return np.maximum(moved, _LEAST, out=moved)

    @cached_property
    def blocks(self):
        """The blocks of the mesh around each source: the number of each pair's, and the sparse
        (block, source) structure of all (rows and where each source begins)."""
        number = int(self.mesh.blocks.max(initial=-1)) + 1
        place = self.source * number + self.mesh.blocks[self.pixel]
        there = np.zeros(number * self.sources, bool)
        there[place] = True
        starts = np.append(0, np.cumsum(there.reshape(self.sources, number).sum(axis=1)))
        return (np.cumsum(there) - 1)[place], np.flatnonzero(there) % number, starts, number

    def fractions(self, group, shift, index):
        """Fractions of the counts of sources (photon `index`), moved by `shift`, in all pairs."""
        profiles = group.profiles.mixed(index_weights(index))
        return profiles.at(self.source, self.squares(shift)).mean(axis=0) * self.area

    def shapes(self, group):
        """Fractions of the counts of a point and of disks where the sources were first."""
        rows = np.arange(len(group.shapes))[:, None, None]
        return group.shapes.at(rows, np.maximum(self.square, _LEAST)).mean(axis=1) * self.area


@dataclass(frozen=True)
class Templates:
    """Fraction of each source's counts in each pixel, source by source; `east` and `north` are the
    changes of it when the source moves by one deg that way."""

    pairs: NearPixels
    kept: np.ndarray  # which of the pairs
    fraction: np.ndarray
    east: np.ndarray
    north: np.ndarray

    @cached_property
    def source(self):
        """Number of the source of each value."""
        return self.pairs.source[self.kept]

    @cached_property
    def pixel(self):
        """Number of the pixel of each value."""
        return self.pairs.pixel[self.kept]

    @cached_property
    def _pointers(self):
        lengths = np.bincount(self.source, minlength=self.pairs.sources)
        return np.concatenate([[0], np.cumsum(lengths)])

    @cached_property
    def values(self):
        """Sparse matrix (pixel, source) of the fractions."""
        return self.columns(self.fraction)

    def columns(self, data):
        """Sparse matrix (pixel, source) of a value of the pairs."""
        shape = len(self.pairs.mesh), self.pairs.sources
        return csc_matrix((data, self.pixel, self._pointers), shape)

    def in_blocks(self, data):
        """Sparse matrix (block, source) of sums of a value of the pairs over blocks of pixels."""
        number, rows, starts, blocks = self.pairs.blocks
        sums = np.bincount(number[self.kept], data, len(rows))
        return csc_matrix((sums, rows, starts), (blocks, self.pairs.sources))

    def total(self, data):
        """Sum a value of the pairs over the pixels of each source."""
        return np.bincount(self.source, data, self.pairs.sources)


def joined(parts):
    """Join templates of different sources on the same pixels: all sources of the first, then of
    the next."""
    first = np.cumsum([0, *(part.pairs.sources for part in parts)])
    pairs = np.cumsum([0, *(len(part.pairs.pixel) for part in parts)])
    every = [part.pairs for part in parts]
    source = [p.source + n for p, n in zip(every, first[:-1], strict=True)]
    kept = [part.kept + n for part, n in zip(parts, pairs[:-1], strict=True)]
    near = NearPixels(
        every[0].mesh, int(first[-1]), np.concatenate(source),
        *(np.concatenate([getattr(p, name) for p in every]) for name in ("pixel", "area")),
        *(np.concatenate([getattr(p, name) for p in every], axis=-1)
          for name in ("east", "north", "square")),
    )  # fmt: skip
    values = (np.concatenate([getattr(part, name) for part in parts])
              for name in ("fraction", "east", "north"))  # fmt: skip
    return Templates(near, np.concatenate(kept), *values)


def shared(one, first, other, second):
    """(source, source) sums over pixels of products of values of the pairs of two templates."""
    first, second = one.columns(first), other.columns(second)
    if min(first.nnz, second.nnz) > _DENSE * first.shape[0] * first.shape[1]:
        return first.toarray().T @ second.toarray()
    return (first.T @ second).toarray()


def squared(templates, values):
    """Compute `shared` of values with themselves, in half the time."""
    columns = templates.columns(values)
    if columns.nnz > _DENSE * columns.shape[0] * columns.shape[1]:
        full = columns.toarray()
        return full.T @ full
    return (columns.T @ columns).toarray()


def make_templates(pairs, group, shift, index):
    """Templates of sources that were moved by `shift` (deg) and have a photon `index`."""
    square = pairs.squares(shift)
    kept = np.flatnonzero(square.mean(axis=0) <= group.reach**2)
    source, area = pairs.source[kept], pairs.area[kept]
    profiles = group.profiles.mixed(index_weights(index))
    profile, slope = profiles.with_slope(source, square[:, kept])
    slope *= 2
    x, y = shift.T.astype(np.float32)[:, source]
    return Templates(
        pairs,
        kept,
        profile.mean(axis=0) * area,
        (slope * (x - pairs.east[:, kept])).mean(axis=0) * area,
        (slope * (y - pairs.north[:, kept])).mean(axis=0) * area,
    )
