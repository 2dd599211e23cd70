"""Where an extended source is, and the PSF spread over it."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import i0e

from fermiml.model.sources import DISK, GAUSS, GAUSS_68, HOLE, POINT, RING
from fermiml.photometry.energy_groups import RadialTable, index_weights
from fermiml.photometry.templates import NearPixels, Templates
from fermiml.sky.sphere import axes

LEAST, LARGEST = 0.03, 4.0  # deg, sizes
_STEP = 1.01  # factor between sizes whose difference gives the derivative
_RADII, _RINGS = 240, 110  # nodes of a profile, and rings that the PSF is divided into
_TAIL = 2.0  # times its size, where a Gaussian ends
_REMEMBERED = 1000  # profiles, of 3 kB: first looks have the same ones everywhere
_LEAST_SQUARE = np.float32(1e-12)  # deg2


@dataclass(frozen=True)
class Outline:
    """Position and extent: the radius of a disk, the 68 % radius of a Gaussian, the outer radius
    of a ring."""

    form: int  # POINT, DISK, GAUSS or RING
    vector: np.ndarray
    size: float = 0.0  # deg

    @property
    def numbers(self):
        """How many numbers describe it: two of a position, and a size."""
        return 2 if self.form == POINT else 3

    def changed(self, east, north, log_size=0.0):
        """Move it by deg to the east and north, and change its size."""
        toward_east, toward_north = (axis[0] for axis in axes(self.vector[None]))
        vector = self.vector + np.radians(east) * toward_east + np.radians(north) * toward_north
        size = 0.0
        if self.form != POINT:
            size = float(np.clip(self.size * np.exp(log_size), LEAST, LARGEST))
        return Outline(self.form, vector / np.linalg.norm(vector), size)

    def holds(self, vector, reach=np.inf):
        """Whether a direction lies within, up to `reach` (deg) from the middle."""
        return self.vector @ vector > np.cos(np.radians(min(self.size, reach)))

    def reach(self, group):
        """Deg, where its image ends."""
        return group.reach + self.size * (_TAIL if self.form == GAUSS else 1.0)


def templates(field, outline, index):
    """`Templates` of one source with an outline, and what they change by per unit of ln size."""
    group, vector = field.group, outline.vector[None]
    pairs = NearPixels.within(field.mesh, vector, axes(vector), outline.reach(group))
    square = np.maximum(pairs.square, _LEAST_SQUARE)
    table = profiles(group, outline, index)
    value, slope = table.with_slope(np.zeros_like(pairs.source), square)
    larger, smaller = (table.at(np.full_like(pairs.source, row), square) for row in (1, 2))
    growth = (larger - smaller).mean(axis=0) * pairs.area / (2 * np.log(_STEP))
    east, north = ((-2 * slope * x).mean(axis=0) * pairs.area for x in (pairs.east, pairs.north))
    kept = np.arange(len(pairs.pixel))
    return Templates(pairs, kept, value.mean(axis=0) * pairs.area, east, north), growth


def profiles(group, outline, index):
    """Spread the group's PSF for a photon index over an outline: as it is, larger, and smaller."""
    return _profiles(group, outline.form, outline.size, outline.reach(group), index)


@lru_cache(maxsize=_REMEMBERED)
def _profiles(group, form, size, reach, index):
    radius = np.linspace(0, np.sqrt(reach), _RADII) ** 2
    point = group.profiles.mixed(index_weights(np.array([index])))
    if form == POINT:
        values = np.tile(point.at(np.zeros(_RADII, int), np.maximum(radius, 1e-6) ** 2), (3, 1))
    else:
        root = (np.arange(_RINGS) + 0.5) / _RINGS * np.sqrt(group.reach)
        ring = root**2
        width = 2 * root * np.sqrt(group.reach) / _RINGS
        held = point.at(np.zeros(_RINGS, int), ring**2) * 2 * np.pi * ring * width
        sizes, mean = size * np.array([1.0, _STEP, 1 / _STEP]), _DENSITIES[form]
        values = np.stack([mean(radius[:, None], ring, s) @ held for s in sizes])
    return RadialTable(np.hstack([values, np.zeros((3, 1))]), reach)


def _in_disk(radius, ring, size):
    """Mean density (deg^-2) of a disk along circles of radius `ring` about places at `radius`."""
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = (radius**2 + ring**2 - size**2) / (2 * radius * ring)
    at_center = np.where(ring < size, -1.0, 1.0)
    cosine = np.where(radius > 0, cosine, at_center)
    return np.arccos(np.clip(cosine, -1, 1)) / np.pi / (np.pi * size**2)


def _in_ring(radius, ring, size):
    disk, hole = _in_disk(radius, ring, size), _in_disk(radius, ring, HOLE * size)
    return (disk - HOLE**2 * hole) / (1 - HOLE**2)


def _in_gaussian(radius, ring, size):
    variance = (size / GAUSS_68) ** 2
    distance = (radius - ring) ** 2 / (2 * variance)
    return np.exp(-distance) * i0e(radius * ring / variance) / (2 * np.pi * variance)


_DENSITIES = {DISK: _in_disk, GAUSS: _in_gaussian, RING: _in_ring}
