"""Solid angles of the pixels of a map."""

import numpy as np
from astropy.coordinates import SkyCoord

from fermiml.sky.sphere import vectors_of

_CHUNK = 500_000  # pixels at a time: directions take 100 times the memory of a mask


def pixel_areas(geom):
    """Compute the solid angles (deg2) of an image's pixels; NaN if a corner is off the sky."""
    if geom.is_hpx:
        return np.broadcast_to(geom.solid_angle().to_value("deg2"), geom.data_shape)
    height, width = geom.data_shape
    rows = max(1, _CHUNK // width)
    parts = [_rows(geom, first, min(first + rows, height)) for first in range(0, height, rows)]
    return np.concatenate(parts)


def _rows(geom, first, last):
    """Areas of some rows, from the corners of the pixels."""
    grid = np.meshgrid(np.arange(geom.data_shape[1] + 1) - 0.5, np.arange(first, last + 1) - 0.5)
    corners = vectors_of(SkyCoord(*geom.pix_to_coord(grid), frame=geom.frame))
    start, right, up, end = (corners[y, x] for y in _ENDS for x in _ENDS)
    area = _triangle(start, right, up) + _triangle(end, right, up)
    return np.degrees(np.degrees(area))


_ENDS = slice(None, -1), slice(1, None)


def _triangle(a, b, c):
    """Solid angles (sr) of spherical triangles with these corners."""
    # van Oosterom & Strackee (1983)
    volume = _dot(a, np.cross(b - a, c - a))
    return 2 * np.arctan2(np.abs(volume), 1 + _dot(a, b) + _dot(b, c) + _dot(c, a))


def _dot(a, b):
    return np.einsum("...i,...i", a, b)
