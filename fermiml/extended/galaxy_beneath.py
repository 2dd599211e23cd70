"""Counts of the Galaxy's own emission within an outline, and what of them stands out."""

from functools import cache

import numpy as np
from scipy.spatial.transform import Rotation

from fermiml.photometry.energy_groups import make_groups
from fermiml.sky.sphere import angles, sky_coord, to_frame

_AROUND = 1.5  # deg, width of the ring around an outline
_POINTS = 150  # within the outline, and in the ring
_TURN = np.pi * (3 - np.sqrt(5))  # between points, which then cover a disk evenly


class GalaxyBeneath:
    """What the embedded model expects in the energy groups of data.

    The model's fine structure is left out: it was found in counts, and may hold what is left of
    bright sources.

    Parameters
    ----------
    groups : list of `EnergyGroup`
    responses : list of `GroupResponse`
    components : list
        If they have a model of the background, nothing of the Galaxy stands out of it.
    """

    def __init__(self, groups, responses, components):
        self._known = all(component.background is not None for component in components)
        self._parts = []
        for number in sorted({group.component for group in groups}):
            share = sum(group.fraction for group in groups if group.component == number)
            response = responses[number]
            self._parts.append((response, share * np.diff(response.true_edges)))

    @classmethod
    def of(cls, cube):
        """Return that of all energies of a SkyCube."""
        return cls(*make_groups(cube), cube.components)

    def expected(self, vectors, sizes):
        """Compute counts within outlines, and by how many these exceed what is around them, (2, n).

        `vectors` are ICRS directions (n, 3), `sizes` radii (deg).
        """
        pairs = zip(vectors, sizes, strict=True)
        return np.array([self._of_one(*pair) for pair in pairs]).reshape(-1, 2).T

    def _of_one(self, vector, size):
        within = self._counts(vector, 0.0, size, size)
        if self._known:
            return within, 0.0
        return within, max(within - self._counts(vector, size, size + _AROUND, size), 0.0)

    def _counts(self, vector, inner, outer, size):
        """Compute counts in a disk of a `size`, with the mean intensity between two radii (deg)."""
        lon, lat = _points(vector, inner, outer)
        area, place = 2 * np.pi * (1 - np.cos(np.radians(size))), sky_coord(vector[None])
        return area * sum(
            float(_galaxy().base(lon, lat, response.energy).mean(axis=1) @ (width * exposure))
            for response, width in self._parts
            for exposure in response.exposure(place)
        )


def _points(vector, inner, outer):
    """Galactic angles of points that cover a ring around a direction evenly; radii in deg."""
    part = (np.arange(_POINTS) + 0.5) / _POINTS
    radius = np.radians(np.sqrt(inner**2 + part * (outer**2 - inner**2)))
    angle = _TURN * np.arange(_POINTS)
    cap = np.stack([np.sin(radius) * np.cos(angle), np.sin(radius) * np.sin(angle), np.cos(radius)])
    rotation, _ = Rotation.align_vectors(vector[None], [[0.0, 0.0, 1.0]])
    return angles(to_frame(rotation.apply(cap.T), "icrs", "galactic"))


@cache
def _galaxy():
    from fermiml.model import diffuse  # with healpy, which few fields need

    return diffuse.embedded_galactic()
