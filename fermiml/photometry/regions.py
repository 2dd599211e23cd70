"""Regions: squares of sky whose sources are fitted together.

The time of a fit goes with the square of the number of its sources, and more. So there are never
more than so many: crowded squares are divided, and of the sources around them only the nearest are
fitted along, to smaller pieces of sky. More candidates mean more regions, no larger ones.
"""

from dataclasses import dataclass, replace

import numpy as np

from fermiml.sky.sphere import angles, axes

_LARGEST = 30.0  # deg, side of a square that is not divided
_SIDE = 15.0  # deg, of the pieces of a larger sky
_AROUND = 3.0  # deg around a region, from where sources are fitted along
_MARGIN = 4.0  # deg around a region, of which the pixels are used
_NARROWEST = 1.0  # deg of pixels around the most crowded region
_MOST = 400  # sources fitted together
_WORTH = (
    2.5  # times its own sources, that a region may fit together: above, smaller ones are quicker
)
_FEWEST = 64  # own sources of a region that is not divided any more
_CROWDED = 130  # sources fitted together in such a region


@dataclass(frozen=True)
class SkyRegion:
    """A square on a tangent plane; `own` are the sources that it gives results for, `joint` these
    and those around it that are fitted along, and `margin` (deg) goes as far as its pixels."""

    center: np.ndarray  # unit vector
    east: np.ndarray
    north: np.ndarray
    low: np.ndarray  # tangent-plane coordinates (deg) of the corners
    high: np.ndarray
    own: np.ndarray
    joint: np.ndarray
    margin: float = _MARGIN

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
    return [region for tile in _tiles(vectors) for region in _divided(vectors, tile)]


def regions_of(vectors, parts):
    """Regions that own the sources (numbers) of each part."""
    squares = [_square(vectors, np.sort(part)) for part in parts]
    return [_with_neighbours(square, *square.plane(vectors)) for square in squares]


def _tiles(vectors):
    """List the sources of each piece of a large sky; of a smaller one they are all together."""
    all_ = np.arange(len(vectors))
    whole = _square(vectors, all_)
    if whole is not None and np.all(whole.high - whole.low <= _LARGEST):
        return [all_]
    lon, lat = angles(vectors)
    row = np.floor((lat + 90) / _SIDE)
    widest = np.cos(np.radians(np.maximum(np.abs((row + 0.5) * _SIDE - 90) - _SIDE / 2, 0)))
    cells = np.maximum(np.ceil(360 / _SIDE * widest), 1)
    tile = row * 1000 + np.floor(lon / 360 * cells)
    return [np.flatnonzero(tile == t) for t in np.unique(tile)]


def _divided(vectors, own):
    """Yield regions of some sources, halved until few enough are fitted together."""
    region = _square(vectors, own)
    x, y = region.plane(vectors)
    if len(own) > _FEWEST and np.count_nonzero(region.holds(x, y, _AROUND)) > _limit(len(own)):
        wide = np.ptp(x[own]) > np.ptp(y[own])
        order = own[np.argsort((x if wide else y)[own], kind="stable")]
        for half in np.array_split(order, 2):
            yield from _divided(vectors, np.sort(half))
    else:
        yield _with_neighbours(region, x, y)


def _limit(own):
    """Return how many sources are fitted together with some own ones before it takes too long."""
    return np.clip(_WORTH * own, _CROWDED, _MOST)


def _with_neighbours(region, x, y):
    """Let a region fit the nearest sources around it along."""
    away = np.maximum.reduce([region.low[0] - x, x - region.high[0],
                              region.low[1] - y, y - region.high[1]])  # fmt: skip
    away = np.where(np.isnan(away), np.inf, np.maximum(away, 0.0))
    away[region.own] = -1.0
    nearest = np.argsort(away, kind="stable")
    joint = nearest[: np.count_nonzero(away <= _AROUND)]
    if len(joint) <= _limit(len(region.own)):
        return replace(region, joint=np.sort(joint))
    margin = max(_MARGIN * float(away[joint[_CROWDED]]) / _AROUND, _NARROWEST)
    return replace(region, joint=np.sort(joint[:_CROWDED]), margin=margin)


def _square(vectors, own):
    """Build the smallest square around some sources; return None when they surround us."""
    mean = vectors[own].mean(axis=0)
    length = np.linalg.norm(mean)
    if length < 0.8:
        return None
    center = mean / length
    east, north = axes(center[None])
    region = SkyRegion(center, east[0], north[0], np.zeros(2), np.zeros(2), own, own)
    xy = np.array(region.plane(vectors[own]))
    return replace(region, low=xy.min(axis=1), high=xy.max(axis=1))
