"""Regions: squares of sky whose sources are fitted together."""

from dataclasses import dataclass

import numpy as np

from fermiml.sky.sphere import angles, axes

_LARGEST = 30.0  # deg, side of a square that is not divided
_SIDE = 15.0  # deg, of the pieces of a larger sky


@dataclass(frozen=True)
class SkyRegion:
    """A square on a tangent plane; `own` are the sources that it gives results for."""

    center: np.ndarray  # unit vector
    east: np.ndarray
    north: np.ndarray
    low: np.ndarray  # tangent-plane coordinates (deg) of the corners
    high: np.ndarray
    own: np.ndarray

    def plane(self, vectors):
        """Tangent-plane coordinates (deg) of unit vectors (n, 3), NaN behind the sky."""
        depth = vectors @ self.center
        depth = np.where(depth > 0.1, depth, np.nan)
        return np.degrees(vectors @ self.east / depth), np.degrees(vectors @ self.north / depth)

    def holds(self, x, y, margin):
        """Which coordinates lie within the square and a margin (deg)."""
        low, high = self.low - margin, self.high + margin
        with np.errstate(invalid="ignore"):
            return (x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1])

    def cosine(self, margin):
        """Of a circle around all of the square and the margin."""
        corner = np.maximum(np.abs(self.low), np.abs(self.high)) + margin
        return np.cos(np.arctan(np.radians(np.hypot(*corner))))


def make_regions(vectors):
    """Regions that together own all sources (unit vectors)."""
    if not len(vectors):
        return []
    whole = _region(vectors, np.arange(len(vectors)))
    if whole is not None and np.all(whole.high - whole.low <= _LARGEST):
        return [whole]
    lon, lat = angles(vectors)
    row = np.floor((lat + 90) / _SIDE)
    widest = np.cos(np.radians(np.maximum(np.abs((row + 0.5) * _SIDE - 90) - _SIDE / 2, 0)))
    cells = np.maximum(np.ceil(360 / _SIDE * widest), 1)
    tile = row * 1000 + np.floor(lon / 360 * cells)
    return [_region(vectors, np.flatnonzero(tile == t)) for t in np.unique(tile)]


def _region(vectors, own):
    """Build the smallest square around some sources; return None when they surround us."""
    mean = vectors[own].mean(axis=0)
    length = np.linalg.norm(mean)
    if length < 0.8:
        return None
    center = mean / length
    east, north = axes(center[None])
    region = SkyRegion(center, east[0], north[0], np.zeros(2), np.zeros(2), own)
    xy = np.array(region.plane(vectors[own]))
    return SkyRegion(center, east[0], north[0], xy.min(axis=1), xy.max(axis=1), own)
