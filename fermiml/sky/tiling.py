"""Which squares of sky cover an area: windows of a pixel grid, or tangent planes.

Both tilings give the geometries of the patches (`geoms`), and say which pixels of a patch
are its own (`owned`): every piece of sky belongs to one patch, away from its border.
"""

from itertools import pairwise

import numpy as np
from astropy.wcs import WCS
from gammapy.maps import WcsGeom

from fermiml.sky.sphere import triad


class WindowTiling:
    """Windows of `size` rebinned pixels that share out a flat grid evenly."""

    def __init__(self, geom, factor, size, overlap):
        self._geom, self._factor, self._size = geom, factor, size
        height, width = (-(-n // factor) for n in geom.data_shape)  # rounded up
        self._rows, self._columns = (_starts(n, size, overlap) for n in (height, width))
        self.geoms = [self._window(x, y) for y in self._rows for x in self._columns]

    def start(self, window):
        """First rebinned pixel (x, y) of a window; below zero where it hangs over."""
        origin = (self._geom.wcs.wcs.crpix - 0.5) / self._factor + 0.5
        return np.round(origin - window.wcs.wcs.crpix).astype(int)

    def owned(self, number):
        """Pixels of the window (y, x) that are nearer to its middle than to another's."""
        row, column = divmod(number, len(self._columns))
        y, x = _own(self._rows, row, self._size), _own(self._columns, column, self._size)
        return y[:, None] & x[None, :]

    def _window(self, x, y):
        wcs = self._geom.wcs.deepcopy()
        wcs.wcs.crpix = (wcs.wcs.crpix - 0.5) / self._factor + 0.5 - (x, y)
        if wcs.wcs.has_cd():
            wcs.wcs.cd = wcs.wcs.cd * self._factor
        else:
            wcs.wcs.cdelt = wcs.wcs.cdelt * self._factor
        return _square(wcs, self._size)


def _starts(npix, size, overlap):
    if npix <= size:
        return [-((size - npix) // 2)]
    count = int(np.ceil((npix - 2 * overlap) / (size - 2 * overlap)))
    return np.round(np.linspace(0, npix - size, count)).astype(int).tolist()


def _own(starts, number, size):
    """Which pixels along an axis a window owns: up to the middle of every overlap."""
    pixel = starts[number] + np.arange(size)
    middles = [(a + b + size) // 2 for a, b in pairwise(starts)]
    return np.searchsorted(middles, pixel, side="right") == number


class SphereTiling:
    """Tangent planes in rows of latitude, in coordinates that are tilted so that `origin`
    is the middle of a patch; only planes that own something of `vectors` are kept.

    Planes have `size` pixels of `pixel` deg along a side, `overlap` of them beyond their own.
    """

    def __init__(self, origin, vectors, frame, size, overlap, pixel):
        self._frame, self._size, self._pixel = frame, size, pixel
        self._rotation = _rotation(origin)
        stride = (size - 2 * overlap) * pixel
        rows = 2 * int(np.ceil(90 / stride)) + 1
        self._spacing = 180 / (rows - 1)
        latitude = np.linspace(-90, 90, rows)
        widest = np.cos(np.radians(np.maximum(np.abs(latitude) - self._spacing / 2, 0)))
        self._counts = np.ceil(360 * widest / stride).astype(int)
        self._counts[[0, -1]] = 1  # the poles
        self._tiles = np.unique(self._owner(vectors))
        self.geoms = [self._plane(tile) for tile in self._tiles]

    def owned(self, number):
        """Pixels (y, x) of the sky that belong to a patch."""
        return self._owner(pixel_vectors(self.geoms[number])) == self._tiles[number]

    def _owner(self, vectors):
        """Return the number of the tile that unit vectors (..., 3) lie in."""
        x, y, z = np.moveaxis(vectors @ self._rotation.T, -1, 0)
        latitude = np.degrees(np.arcsin(np.clip(z, -1, 1)))
        row = np.round((latitude + 90) / self._spacing).astype(int)
        count = self._counts[row]
        column = np.round(np.arctan2(y, x) / (2 * np.pi) * count).astype(int) % count
        return np.concatenate([[0], np.cumsum(self._counts)])[row] + column

    def _plane(self, tile):
        first = np.concatenate([[0], np.cumsum(self._counts)])
        row = np.searchsorted(first, tile, side="right") - 1
        lon = 2 * np.pi * (tile - first[row]) / self._counts[row]
        lat = np.radians(row * self._spacing - 90)
        center, _, up = (v @ self._rotation for v in triad(lon, lat))
        lon, lat = np.arctan2(center[1], center[0]), np.arcsin(np.clip(center[2], -1, 1))
        _, east, north = triad(lon, lat)
        angle = np.arctan2(up @ east, up @ north)
        where = np.degrees(lon), np.degrees(lat)
        return tangent_geom(*where, angle, self._frame, self._size, self._pixel)


class SinglePlane:
    """One tangent plane that holds everything."""

    def __init__(self, origin, frame, size, pixel):
        lon, lat = origin.spherical.lon.deg, origin.spherical.lat.deg
        self.geoms = [tangent_geom(lon, lat, 0.0, frame, size, pixel)]

    def holds(self, vectors):
        """Whether all unit vectors fall into the patch."""
        center, x, y = plane_axes(self.geoms[0])
        depth = vectors @ center
        half = np.radians(pixel_side(self.geoms[0])) * self.geoms[0].data_shape[0] / 2
        return np.all(depth > 0.1) and bool(
            np.all(np.maximum(np.abs(vectors @ x), np.abs(vectors @ y)) <= half * depth)
        )

    def owned(self, _number):
        """All of it."""
        return np.ones(self.geoms[0].data_shape, bool)


def _rotation(origin):
    """Matrix that turns vectors so that `origin` becomes (1, 0, 0) and its north (0, 0, 1)."""
    return np.array(triad(origin.spherical.lon.rad, origin.spherical.lat.rad))


def _square(wcs, size):
    wcs.array_shape = (size, size)
    return WcsGeom(wcs, npix=(size, size))


def tangent_geom(lon, lat, angle, frame, size, pixel):
    """Build a TAN geometry with pixels of `pixel` deg, whose up direction has the position
    angle `angle` (radians)."""
    names = ("GLON", "GLAT") if frame == "galactic" else ("RA", "DEC")
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"{name:-<4}-TAN" for name in names]
    wcs.wcs.crval = lon, lat
    wcs.wcs.crpix = (size + 1) / 2, (size + 1) / 2
    wcs.wcs.cdelt = -pixel, pixel
    wcs.wcs.lonpole = 180.0  # at a pole the default is 0, which would turn the patch round
    cosine, sine = np.cos(angle), np.sin(angle)
    wcs.wcs.pc = [[cosine, -sine], [sine, cosine]]
    if frame != "galactic":
        wcs.wcs.radesys = frame.upper()
    return _square(wcs, size)


def pixel_side(geom):
    """Side (deg) of the square pixels of a patch."""
    return np.sqrt(abs(np.linalg.det(geom.wcs.pixel_scale_matrix)))


def plane_axes(geom):
    """Compute unit vectors of a tangent plane: to its centre, and along rising x and rising y."""
    center, east, north = triad(*np.radians(geom.wcs.wcs.crval))
    matrix = geom.wcs.pixel_scale_matrix / pixel_side(geom)
    x = matrix[0, 0] * east + matrix[1, 0] * north
    return center, x, matrix[0, 1] * east + matrix[1, 1] * north


def pixel_vectors(geom, samples=1):
    """Compute unit vectors (y, x, 3) of `samples` x `samples` points per tangent-plane pixel."""
    pixel = (np.arange(geom.data_shape[0] * samples) + 0.5) / samples - 0.5
    return plane_vectors(geom, pixel)


def plane_vectors(geom, pixel):
    """Compute unit vectors (y, x, 3) of the points with these coordinates along both axes."""
    center, x, y = plane_axes(geom)
    offset = np.radians(pixel_side(geom)) * (pixel - (geom.data_shape[0] - 1) / 2)
    vectors = center + offset[None, :, None] * x + offset[:, None, None] * y
    return vectors / np.sqrt(1 + offset[:, None] ** 2 + offset**2)[..., None]
