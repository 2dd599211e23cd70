"""Pixels of a cube as points on the sphere, and the grids of a region cut from them."""

from dataclasses import dataclass

import healpy
import numpy as np

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
        self.component = component
        self.numbers = np.flatnonzero(component.mask)
        self.vectors = np.concatenate(
            [self._vectors(part) for part in _parts(self.numbers)], dtype=np.float32
        )
        self.area = component.pixel_areas().ravel()[self.numbers] * np.radians(1) ** 2

    def _vectors(self, numbers):
        position = self.component.positions_of(numbers)
        return to_frame(vectors_of(position), self.component.geom.frame, "icrs")

    def near(self, region, margin):
        """Places (in `numbers`) of the pixels in the circle around a region, and their
        tangent-plane coordinates."""
        center = region.center.astype(np.float32)
        near = np.flatnonzero(self.vectors @ center > region.cosine(margin))
        return near, region.plane(self.vectors[near].astype(float))


def grids(sky, region, groups, margins):
    """Build the grid of each group of a component."""
    size, out, cuts = sky.component.pixel_size, [], {}
    near, (x, y) = sky.near(region, max(margins))
    for group, margin in zip(groups, margins, strict=True):
        factor = merge_factor(size, group.r68)
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
        geom = sky.component.geom
        points = to_frame(points_in_pixels(geom, sky.numbers[chosen], samples), geom.frame, "icrs")
    return chosen, label, vectors, points


def _labels(sky, chosen, factor):
    """Return a number for each pixel, the same for those to be merged."""
    geom, numbers = sky.component.geom, sky.numbers[chosen]
    if geom.is_hpx:
        pixel = geom.local_to_global((numbers,))[0]
        nested = pixel if geom.nest else healpy.ring2nest(int(geom.nside[0]), pixel)
        return nested // factor**2
    y, x = np.unravel_index(numbers, geom.data_shape)
    width = _narrowing(sky, chosen) * factor
    return (y // factor) * (geom.data_shape[1] + 1) + x // width


def _narrowing(sky, chosen):
    """How many pixels along x make one of the usual area; more than one near a CAR map's poles."""
    usual = np.radians(sky.component.pixel_size) ** 2
    return int(np.clip(np.round(usual / np.median(sky.area[chosen])), 1, 100))


def _grid(sky, region, group, chosen, label, vectors, points):
    total = len(vectors)
    pixels = sky.numbers[chosen]
    component = sky.component

    def summed(data):
        flat = data.reshape(len(data), -1)
        values = sum(
            flat[i, pixels].astype(float) for i in range(group.bins.start, group.bins.stop)
        )
        return np.bincount(label, values, total)

    background = None
    if component.background is not None:
        background = summed(component.background.data)
    x, y = region.plane(vectors)
    area = np.bincount(label, sky.area[chosen], total)
    counts = summed(component.counts.data)
    return Grid(vectors, np.stack([x, y], axis=1), area, counts, background, points)


def _parts(numbers):
    return np.split(numbers, range(_CHUNK, len(numbers), _CHUNK))
