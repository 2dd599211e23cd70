"""Pixels of a cube as points on the sphere, and the grids of a region cut from them."""

from dataclasses import dataclass

import numpy as np
from gammapy.maps import HpxGeom

from fermiml.photometry.energy_groups import merge_factor
from fermiml.sky.resample import points_in_pixels
from fermiml.sky.sphere import to_frame, vectors_of

_CHUNK = 500_000  # pixels whose positions are computed at once


@dataclass(frozen=True)
class Grid:
    """Pixels of a region as one group sees them."""

    vectors: np.ndarray  # (pixel, 3)
    xy: np.ndarray  # (pixel, 2): tangent-plane coordinates (deg)
    area: np.ndarray  # sr
    counts: np.ndarray
    background: np.ndarray | None  # a given model's expected counts
    points: np.ndarray  # (pixel, point, 3): where templates are sampled


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

    def cut(self, region, margin):
        """Cut out the pixels in the circle around a region and a margin (deg)."""
        component = self._component
        near = np.flatnonzero(_is_near(self._vectors, region, margin))
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
        return repr(self.geom), self.vectors, self.area, self.counts, self.background

    def near(self, region, margin):
        """Places (in `numbers`) of the pixels in the circle around a region, and their
        tangent-plane coordinates."""
        near = np.flatnonzero(_is_near(self.vectors, region, margin))
        return near, region.plane(self.vectors[near].astype(float))


def _is_near(vectors, region, margin):
    return vectors @ region.center.astype(np.float32) > region.cosine(margin)


def grids(sky, region, groups, margins):
    """Build the grid of each group of a component."""
    out, cuts = [], {}
    near, (x, y) = sky.near(region, max(margins))
    for group, margin in zip(groups, margins, strict=True):
        factor = merge_factor(sky.pixel_size, group.r68)
        key = factor, group.samples, margin
        if key not in cuts:
            cuts[key] = _merged(sky, near[region.holds(x, y, margin)], factor, group.samples)
        out.append(_grid(sky, region, group, *cuts[key]))
    return out


def _merged(sky, chosen, factor, samples):
    """Chosen pixels, the number of the merged pixel of each, and where the merged ones are."""
    area = sky.area[chosen]
    label = np.arange(len(chosen))
    vectors = sky.vectors[chosen].astype(float)
    if factor > 1 and len(chosen):
        _, label = np.unique(_labels(sky, chosen, factor), return_inverse=True)
        sums = [np.bincount(label, area * v) for v in vectors.T]
        vectors = np.stack(sums, axis=1)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    points = vectors[:, None]
    if samples > 1:
        geom = sky.geom
        points = to_frame(points_in_pixels(geom, sky.numbers[chosen], samples), geom.frame, "icrs")
    return chosen, label, vectors, points


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


def _grid(sky, region, group, chosen, label, vectors, points):
    total = len(vectors)

    def summed(data):
        values = sum(data[i, chosen].astype(float)
                     for i in range(group.bins.start, group.bins.stop))  # fmt: skip
        return np.bincount(label, values, total)

    background = None if sky.background is None else summed(sky.background)
    x, y = region.plane(vectors)
    area = np.bincount(label, sky.area[chosen], total)
    counts = summed(sky.counts)
    return Grid(vectors, np.stack([x, y], axis=1), area, counts, background, points)


def _parts(numbers):
    return np.split(numbers, range(_CHUNK, len(numbers), _CHUNK))
