"""How much brighter the Galaxy's own emission is within an outline than around it."""

from functools import cache

import numpy as np
from scipy.spatial.transform import Rotation

from fermiml.model import diffuse
from fermiml.sky.sphere import angles, to_frame

_AROUND = 1.5  # deg, width of the ring around an outline
_POINTS = 150  # within the outline, and in the ring
_ENERGY = 3000.0  # MeV
_TURN = np.pi * (3 - np.sqrt(5))  # between points, which then cover a disk evenly


def gas_contrast(vectors, sizes):
    """Emission of the embedded model within outlines over that around them, minus one, 0 at least.

    `vectors` are ICRS directions (n, 3), `sizes` their radii (deg). This is what an extended row
    shows where it is nothing but gas that a smooth background could not follow. The model's fine
    structure is left out: it was found in counts, and may hold what is left of bright sources.
    """
    outlines = zip(vectors, sizes, strict=True)
    found = [_mean(v, 0.0, size) / _mean(v, size, size + _AROUND) for v, size in outlines]
    return np.maximum(np.array(found) - 1.0, 0.0)


def _mean(vector, inner, outer):
    """Mean intensity between two radii (deg) around a direction."""
    part = (np.arange(_POINTS) + 0.5) / _POINTS
    radius = np.radians(np.sqrt(inner**2 + part * (outer**2 - inner**2)))
    angle = _TURN * np.arange(_POINTS)
    cap = np.stack([np.sin(radius) * np.cos(angle), np.sin(radius) * np.sin(angle), np.cos(radius)])
    rotation, _ = Rotation.align_vectors(vector[None], [[0.0, 0.0, 1.0]])
    lon, lat = angles(to_frame(rotation.apply(cap.T), "icrs", "galactic"))
    return float(_galaxy().base(lon, lat, np.array([_ENERGY])).mean())


@cache
def _galaxy():
    return diffuse.embedded_galactic()
