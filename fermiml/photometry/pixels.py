"""Pixels of a cube as points on the sphere, and the meshes of a region cut from them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from gammapy.maps import HpxGeom
from scipy.sparse import csr_matrix

from fermiml.fitsmaps import geom_content
from fermiml.photometry.energy_groups import merge_factor
from fermiml.photometry.splines import splines
from fermiml.sky.resample import points_in_pixels
from fermiml.sky.sphere import to_frame, vectors_of

_BLOCK = 0.45  # deg, side of the blocks of pixels on which the background is smooth
_CHUNK = 500_000  # pixels whose positions are computed at once


class Mesh:
    """Pixels of a region, merged or not, from south to north; several groups may share them.

    Attributes
    ----------
    vectors : numpy.ndarray
        (pixel, 3).
    points : numpy.ndarray
        (pixel, point, 3): where templates are sampled.
    xy : numpy.ndarray
        (pixel, 2): tangent-plane coordinates (deg).
    area : numpy.ndarray
        sr.
    """

    def __init__(self, sky, region, chosen, factor, samples):
        self._chosen = chosen
        vectors, label = _merged(sky, chosen, factor)
        points = vectors[:, None]
        if samples > 1:
            points = points_in_pixels(sky.geom, sky.numbers[chosen], samples)
            points = to_frame(points, sky.geom.frame, "icrs")
        order = np.argsort(vectors[:, 2])
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        self._label = rank[label]
        self.vectors, self.points = vectors[order], points[order]
        self.xy = np.stack(region.plane(self.vectors), axis=1)
        self.area = np.bincount(self._label, sky.area[chosen])
        self._splines = {}

    def __len__(self):
        return len(self.area)

    def sum(self, data, bins):
        """Sum `data` (native bin, pixel) over bins and over the pixels that are merged here."""
        values = sum(data[i, self._chosen].astype(float) for i in range(bins.start, bins.stop))
        return np.bincount(self._label, values, len(self))

    def within(self, reach, vectors):
        """List the pixels within `reach` (deg) of each unit vector."""
        limit = np.cos(np.radians(reach))
        height = np.degrees(np.arcsin(np.clip(vectors[:, 2], -1, 1)))
        ends = np.sin(np.radians(np.clip(height + np.array([[-reach], [reach]]), -90, 90)))
        slices = zip(*np.searchsorted(self._columns[2], ends), strict=True)
        return [
            low + np.flatnonzero(vector @ self._columns[:, low:high] > limit)
            for vector, (low, high) in zip(vectors, slices, strict=True)
        ]

    @cached_property
    def _columns(self):
        return np.ascontiguousarray(self.vectors.T)

    @cached_property
    def blocks(self):
        """Number of the square block that each pixel lies in."""
        cell = np.floor((self.xy - self.xy.min(axis=0)) / _BLOCK).astype(int)
        return np.unique(cell[:, 0] * 100_000 + cell[:, 1], return_inverse=True)[1]

    def splines(self, spacing):
        """`Splines` with knots so many deg apart, and the means over blocks of their values."""
        if spacing not in self._splines:
            smooth = splines(*self.xy.T, self.area * np.degrees(1) ** 2, spacing)
            self._splines[spacing] = smooth, self.block_means(smooth.values)
        return self._splines[spacing]

    def block_means(self, values):
        """Means over the blocks of the columns of a sparse matrix (pixel, any)."""
        mean = (1 / np.bincount(self.blocks))[self.blocks]
        return csr_matrix((mean, (self.blocks, np.arange(len(mean))))) @ values


class SkyPixels:
    """The observed pixels of a component."""

    def __init__(self, component):
        self._component = component
        self._numbers = np.flatnonzero(component.mask)
        self._vectors = np.concatenate(
            [self._vectors_of(part) for part in _parts(self._numbers)], dtype=np.float32
        )
        self._area = component.pixel_areas().ravel()[self._numbers] * np.radians(1) ** 2

    def _vectors_of(self, numbers):
        position = self._component.positions_of(numbers)
        return to_frame(vectors_of(position), self._component.geom.frame, "icrs")

    def cut(self, region):
        """Cut out the pixels in the circle around a region and its margin."""
        component = self._component
        near = np.flatnonzero(_is_near(self._vectors, region, region.margin))
        numbers, geom = self._numbers[near], component.geom
        data = [
            None if map_ is None else map_.data.reshape(len(map_.data), -1)[:, numbers]
            for map_ in (component.counts, component.background)
        ]
        if geom.is_hpx:  # which lists its pixels, where it is not the whole sky
            inside = geom.local_to_global((numbers,))[0]
            geom = HpxGeom(geom.nside[:1], geom.nest, geom.frame, region=(inside,))
            numbers = geom.global_to_local((inside,))[0]
        return RegionPixels(
            geom, component.pixel_size, numbers, self._vectors[near], self._area[near], *data
        )


@dataclass(frozen=True)
class RegionPixels:
    """Pixels around a region: all that its fit needs of a component's maps."""

    geom: object
    pixel_size: float  # deg
    numbers: np.ndarray  # in the flattened geometry
    vectors: np.ndarray  # (pixel, 3)
    area: np.ndarray  # sr
    counts: np.ndarray  # (native bin, pixel)
    background: np.ndarray | None  # likewise

    def content(self):
        """Return all that results depend on, for `fermiml.checkpoint.content_key`."""
        return geom_content(self.geom), self.vectors, self.area, self.counts, self.background

    def near(self, region, margin):
        """Places (in `numbers`) of the pixels in the circle around a region, and their
        tangent-plane coordinates."""
        near = np.flatnonzero(_is_near(self.vectors, region, margin))
        return near, region.plane(self.vectors[near].astype(float))


def _is_near(vectors, region, margin):
    return vectors @ region.center.astype(np.float32) > region.cosine(margin)


def meshes(sky, region, groups):
    """Build the mesh of each group of a component."""
    margins = [min(region.margin, 1.1 * group.reach + 0.8) for group in groups]
    near, (x, y) = sky.near(region, max(margins))
    out = {}
    for group, margin in zip(groups, margins, strict=True):
        chosen = near[region.holds(x, y, margin)]
        factor = merge_factor(sky.pixel_size, group.r68)
        key = factor, group.samples, len(chosen)  # one square holds the other: as many, the same
        if key not in out:
            out[key] = Mesh(sky, region, chosen, factor, group.samples)
        yield out[key]


def _merged(sky, chosen, factor):
    """Merge pixels: their unit vectors, and the number of the one that each pixel is part of."""
    vectors, area = sky.vectors[chosen].astype(float), sky.area[chosen]
    if factor == 1 or not len(chosen):
        return vectors, np.arange(len(chosen))
    _, label = np.unique(_labels(sky, chosen, factor), return_inverse=True)
    vectors = np.stack([np.bincount(label, area * v) for v in vectors.T], axis=1)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), label


def _labels(sky, chosen, factor):
    """Return a number for each pixel, the same for those to be merged."""
    geom, numbers = sky.geom, sky.numbers[chosen]
    if geom.is_hpx:
        import healpy

        pixel = geom.local_to_global((numbers,))[0]
        nested = pixel if geom.nest else healpy.ring2nest(int(geom.nside[0]), pixel)
        return nested // factor**2
    y, x = np.unravel_index(numbers, geom.data_shape)
    width = _narrowing(sky, chosen) * factor
    return (y // factor) * (geom.data_shape[1] + 1) + x // width


def _narrowing(sky, chosen):
    """How many pixels along x make one of the usual area; more than one near a CAR map's poles."""
    usual = np.radians(sky.pixel_size) ** 2
    return int(np.clip(np.round(usual / np.median(sky.area[chosen])), 1, 100))


def _parts(numbers):
    return np.split(numbers, range(_CHUNK, len(numbers), _CHUNK))
