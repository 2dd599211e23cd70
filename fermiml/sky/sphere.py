"""Directions as unit vectors: from angles and positions, to other frames, and the axes there."""

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord


def unit_vectors(lon, lat):
    """Cartesian unit vectors of angles in deg; the last axis has the three components."""
    lon, lat = np.radians(lon), np.radians(lat)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def angles(vectors):
    """Longitude and latitude (deg) of unit vectors; the last axis has the three components."""
    # numpy's angles of columns that are not contiguous depend on their place in memory,
    # in the last digit.
    x, y, z = np.ascontiguousarray(np.moveaxis(vectors, -1, 0))
    return np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arcsin(np.clip(z, -1, 1)))


def separation(vectors, other):
    """Compute the angles (deg) between unit vectors (..., 3) and another one, or others."""
    chord = np.linalg.norm(vectors - other, axis=-1)
    return np.degrees(2 * np.arcsin(np.minimum(chord / 2, 1)))


def vectors_of(position):
    """Cartesian unit vectors (..., 3) of a SkyCoord, in its own frame."""
    return np.moveaxis(position.cartesian.xyz.value, 0, -1)


def to_frame(vectors, frame, target):
    """Transform unit vectors to another celestial frame."""
    if frame == target:
        return vectors
    position = SkyCoord(
        *np.moveaxis(vectors, -1, 0) * u.one, representation_type="cartesian", frame=frame
    )
    return vectors_of(position.transform_to(target))


def sky_coord(vectors):
    """Convert unit vectors (n, 3) to a SkyCoord (ICRS)."""
    return SkyCoord(*angles(vectors), unit="deg", frame="icrs")


def axes(vectors):
    """Compute unit vectors to the east and north of directions (n, 3)."""
    east = np.stack([-vectors[:, 1], vectors[:, 0], np.zeros(len(vectors))], axis=1)
    length = np.linalg.norm(east, axis=1, keepdims=True)
    east = np.where(length > 1e-9, east / np.maximum(length, 1e-9), [0.0, 1.0, 0.0])
    return east, np.cross(vectors, east)


def triad(lon, lat):
    """Compute unit vectors of a direction (radians), and of east and north there."""
    center = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    east = np.array([-np.sin(lon), np.cos(lon), 0.0])
    return center, east, np.cross(center, east)
