"""Bring counts from any pixels into tangent planes: every count is spread over its pixel."""

import healpy
import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from gammapy.maps import HpxGeom

from fermiml.sky.sphere import angles, to_frame, vectors_of
from fermiml.sky.tiling import pixel_side, pixel_vectors, plane_axes

_SAMPLES = 6  # samples along a native pixel, where that asks for more than _MIN_SAMPLES
_MIN_SAMPLES, _MAX_SAMPLES = 3, 12  # along a patch pixel
_FINE = 3.0  # pixels with fewer samples along a side are first collected in larger ones


class AreaSplitter:
    """Counts of one component, split by area with a grid of samples in every patch pixel, which
    measures `pixel` deg."""

    def __init__(self, banded, pixel):
        component = banded.component
        wanted = int(np.ceil(_SAMPLES * pixel / component.pixel_size))
        self._samples = int(np.clip(wanted, _MIN_SAMPLES, _MAX_SAMPLES))
        self._mask = component.mask.ravel()
        counts = np.where(self._mask, banded.counts.reshape(len(banded.counts), -1), 0)
        area = component.pixel_areas().ravel()
        fine = self._mask & (area < (_FINE * pixel / self._samples) ** 2)
        self._pixels = _Layer(component.geom, counts, area)
        self._collected = None
        if fine.any():
            self._collected = _Collected(component, counts, fine, pixel / self._samples)
            counts[:, fine] = 0
        self.shifts = pixel_shifts(component)

    def cut(self, geom):
        """Compute (counts, coverage) of a tangent plane, (band, y, x) and (y, x)."""
        k, size = self._samples, geom.data_shape[0]
        vectors = pixel_vectors(geom, k)
        # of a sample on the sphere
        area = (pixel_side(geom) / k) ** 2 * (vectors @ plane_axes(geom)[0]) ** 3
        shape = size, k, size, k
        pixel = self._pixels.lookup(vectors, geom.frame)
        counts = self._pixels.sum(pixel, area, shape)
        if self._collected and self._collected.reaches(vectors, geom.frame):
            counts += self._collected.sum(self._collected.lookup(vectors, geom.frame), area, shape)
        observed = (pixel >= 0) & self._mask[pixel]
        return counts, observed.reshape(shape).mean(axis=(1, 3))


class _Layer:
    """Counts on one grid of pixels."""

    def __init__(self, geom, counts, area):
        self._geom, self._counts, self._area = geom, counts, area

    def lookup(self, vectors, frame):
        """Index of the pixel under every sample, -1 where there is none."""
        geom = self._geom
        vectors = to_frame(vectors, frame, geom.frame)
        if geom.is_hpx:
            x, y, z = np.moveaxis(vectors, -1, 0)
            pixel = healpy.vec2pix(int(geom.nside[0]), x, y, z, nest=geom.nest)
            return pixel if geom.is_allsky else geom.global_to_local((pixel,), ravel=True)
        lon, lat = angles(vectors)
        x, y = geom.coord_to_idx((lon * u.deg, lat * u.deg), clip=False)
        return np.where((x >= 0) & (y >= 0), y * geom.data_shape[1] + x, -1)

    def sum(self, pixel, area, shape):
        """Sum the counts per patch pixel; `area` is that of the samples, `shape` groups them."""
        weight = np.where(pixel >= 0, self._weights(pixel, area), 0.0).astype(np.float32)
        planes = [(plane[pixel] * weight).reshape(shape).sum(axis=(1, 3)) for plane in self._counts]
        return np.array(planes)

    def _weights(self, pixel, area):
        """Fraction of a pixel's counts that each of its samples carries.

        The samples of a pixel that lies wholly in the patch share its counts evenly, so
        that nothing is lost or made; a pixel cut by the border gives what its area says.
        """
        numbers, inverse, hits = np.unique(pixel, return_inverse=True, return_counts=True)
        rim = np.concatenate([pixel[0], pixel[-1], pixel[:, 0], pixel[:, -1]])
        cut = np.isin(numbers, rim)
        inverse = inverse.reshape(pixel.shape)
        return np.where(cut[inverse], area / self._area[pixel], (1.0 / hits)[inverse])


class _Collected(_Layer):
    """Pixels too small for the samples to find them all (a CAR map's near its poles, say),
    summed into HEALPix pixels of at least three sample spacings."""

    def __init__(self, component, counts, fine, spacing):
        full_sky = 4 * np.pi * np.degrees(1) ** 2
        nside = 2 ** int(np.log2(np.sqrt(full_sky / 12) / (_FINE * spacing)))
        self._vectors = vectors_of(component.positions_of(np.flatnonzero(fine)))
        pixel = healpy.vec2pix(nside, *self._vectors.T, nest=True)
        numbers, inverse = np.unique(pixel, return_inverse=True)
        sums = [np.bincount(inverse, plane[fine], len(numbers)) for plane in counts]
        geom = HpxGeom(nside, nest=True, frame=component.geom.frame, region=(numbers,))
        area = np.full(len(numbers), full_sky / (12 * nside**2))
        super().__init__(geom, np.array(sums, np.float32), area)

    def reaches(self, vectors, frame):
        """Whether any of the pixels lies within the circle around a patch."""
        corner, middle = vectors[0, 0], vectors[len(vectors) // 2, len(vectors) // 2]
        center = to_frame(middle[None], frame, self._geom.frame)[0]
        return np.max(self._vectors @ center) > corner @ middle - 0.001


def pixel_shifts(component, pixels=32, quantiles=64):
    """How far a count moves when it is spread over its pixel, in deg: quantiles of the
    distance between two random places in one pixel, for a few of the observed pixels."""
    observed = np.flatnonzero(component.mask)
    chosen = observed[np.linspace(0, len(observed) - 1, min(pixels, len(observed))).astype(int)]
    points = points_in_pixels(component.geom, chosen, 8)
    distances = [np.linalg.norm(p[:, None] - p[None], axis=-1).ravel() for p in points]
    levels = (np.arange(quantiles) + 0.5) / quantiles
    return np.degrees(np.quantile(np.concatenate(distances), levels))


def points_in_pixels(geom, pixels, steps):
    """Compute unit vectors of `steps` x `steps` points in every pixel, (pixel, point, 3).

    In HEALPix pixels `steps` must be a power of two: the points are a finer grid's pixels.
    """
    if geom.is_hpx:
        numbers = geom.local_to_global((pixels,))[0]
        nside = int(geom.nside[0])
        nested = numbers if geom.nest else healpy.ring2nest(nside, numbers)
        children = nested[:, None] * steps**2 + np.arange(steps**2)
        return np.moveaxis(healpy.pix2vec(nside * steps, children, nest=True), 0, -1)
    y, x = np.unravel_index(pixels, geom.data_shape)
    dy, dx = (np.indices((steps, steps)).reshape(2, -1) + 0.5) / steps - 0.5
    coords = geom.pix_to_coord((x[:, None] + dx, y[:, None] + dy))
    return vectors_of(SkyCoord(*coords, frame=geom.frame))
