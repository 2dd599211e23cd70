"""Points in the pixels of a patch, and which pixels of other grids they fall into."""

import numpy as np
from astropy import units as u

from fermiml.sky.sphere import angles, to_frame
from fermiml.sky.tiling import pixel_side, pixel_vectors, plane_axes, plane_vectors

_BEND = 1e-3  # pixels, fourth difference of a smooth map; a cubic is then right to 5e-5


class Samples:
    """A grid of `steps` x `steps` points in every pixel of a tangent plane."""

    def __init__(self, geom, steps):
        self._geom, self._size, self._steps = geom, geom.data_shape[0], steps

    def vectors(self, frame):
        """Compute their unit vectors, (y, x, 3), in a frame."""
        return to_frame(pixel_vectors(self._geom, self._steps), self._geom.frame, frame)

    def area(self):
        """Compute the solid angle (deg2) that each of them stands for, (y, x)."""
        side = pixel_side(self._geom)
        offset = (np.arange(self._size * self._steps) + 0.5) / self._steps - self._size / 2
        square = np.square(np.radians(side) * offset)
        length = np.sqrt(1 + square + square[:, None])
        return (side / self._steps) ** 2 / (length * length * length)

    def sum(self, values):
        """Sum values of the points (y, x) per pixel of the plane."""
        rows = values.reshape(self._size, self._steps, -1).sum(axis=1)
        return rows.reshape(self._size, self._size, self._steps).sum(axis=2)

    def circle(self, frame):
        """Return the middle of the plane as a unit vector, and the cosine of its largest radius."""
        middle = plane_axes(self._geom)[0]
        corner = plane_vectors(self._geom, np.array([-0.5]))[0, 0]
        return to_frame(middle[None], self._geom.frame, frame)[0], corner @ middle

    def pixels(self, geom):
        """Compute their pixel coordinates (x, y) in a WcsGeom.

        These are interpolated from those of the corners of the plane's pixels, unless the
        projection has an edge or a pole nearby.
        """
        corners = np.arange(-1, self._size + 2)
        nodes = self._exact(geom, plane_vectors(self._geom, corners - 0.5))
        bend = max(np.abs(np.diff(n, 4, axis)).max() for n in nodes for axis in (0, 1))
        if not bend < _BEND:  # also of NaN
            return self._exact(geom, pixel_vectors(self._geom, self._steps))
        cubic = _cubic(self._size, self._steps)
        return [cubic @ n @ cubic.T for n in nodes]

    def _exact(self, geom, vectors):
        lon, lat = angles(to_frame(vectors, self._geom.frame, geom.frame))
        return geom.coord_to_pix((lon * u.deg, lat * u.deg))


def _cubic(size, steps):
    """(point, node) matrix of interpolation between nodes at -1, 0, ... size + 1."""
    place = (np.arange(size * steps) + 0.5) / steps
    first = np.floor(place).astype(int)
    t = place - first
    weights = (
        -t * (t - 1) * (t - 2) / 6,
        (t + 1) * (t - 1) * (t - 2) / 2,
        -(t + 1) * t * (t - 2) / 2,
        (t + 1) * t * (t - 1) / 6,
    )
    matrix = np.zeros((len(place), size + 3))
    for step, weight in enumerate(weights):
        matrix[np.arange(len(place)), first + step] = weight
    return matrix
