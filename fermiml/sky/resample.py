"""Bring counts from any pixels into tangent planes: every count is spread over its pixel."""

import numpy as np
from astropy.coordinates import SkyCoord
from gammapy.maps import HpxGeom

from fermiml.sky.samples import Samples
from fermiml.sky.sphere import vectors_of

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
        samples = Samples(geom, self._samples)
        pixel = self._pixels.lookup(samples)
        counts = self._pixels.sum(pixel, samples)
        if self._collected and self._collected.reaches(samples):
            counts += self._collected.sum(self._collected.lookup(samples), samples)
        observed = (pixel >= 0) & self._mask[pixel]
        return counts, samples.sum(observed) / self._samples**2


class _Layer:
    """Counts on one grid of pixels."""

    def __init__(self, geom, counts, area):
        self._geom, self._counts, self._area = geom, counts, area

    def lookup(self, samples):
        """Index of the pixel under every sample, -1 where there is none."""
        geom = self._geom
        if geom.is_hpx:
            import healpy

            x, y, z = np.moveaxis(samples.vectors(geom.frame), -1, 0)
            pixel = healpy.vec2pix(int(geom.nside[0]), x, y, z, nest=geom.nest)
            return pixel if geom.is_allsky else geom.global_to_local((pixel,), ravel=True)
        height, width = geom.data_shape
        x, y = map(np.rint, samples.pixels(geom))
        with np.errstate(invalid="ignore"):  # NaN, off the projection
            inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        return np.where(inside, y * width + x, -1).astype(int)

    def sum(self, pixel, samples):
        """Sum the counts per patch pixel."""
        weight = np.where(pixel >= 0, self._weights(pixel, samples.area()), 0.0).astype(np.float32)
        return np.array([samples.sum(plane[pixel] * weight) for plane in self._counts])

    def _weights(self, pixel, area):
        """Fraction of a pixel's counts that each of its samples carries.

        The samples of a pixel that lies wholly in the patch share its counts evenly, so
        that nothing is lost or made; a pixel cut by the border gives what its area says.
        """
        number = pixel - pixel.min()
        hits = np.bincount(number.ravel())
        cut = np.zeros(len(hits), bool)
        for rim in (number[0], number[-1], number[:, 0], number[:, -1]):
            cut[rim] = True
        return np.where(cut[number], area / self._area[pixel], 1.0 / hits[number])


class _Collected(_Layer):
    """Pixels too small for the samples to find them all (a CAR map's near its poles, say),
    summed into HEALPix pixels of at least three sample spacings."""

    def __init__(self, component, counts, fine, spacing):
        import healpy

        full_sky = 4 * np.pi * np.degrees(1) ** 2
        nside = 2 ** int(np.log2(np.sqrt(full_sky / 12) / (_FINE * spacing)))
        self._vectors = vectors_of(component.positions_of(np.flatnonzero(fine)))
        pixel = healpy.vec2pix(nside, *self._vectors.T, nest=True)
        numbers, inverse = np.unique(pixel, return_inverse=True)
        sums = [np.bincount(inverse, plane[fine], len(numbers)) for plane in counts]
        geom = HpxGeom(nside, nest=True, frame=component.geom.frame, region=(numbers,))
        area = np.full(len(numbers), full_sky / (12 * nside**2))
        super().__init__(geom, np.array(sums, np.float32), area)

    def reaches(self, samples):
        """Whether any of the pixels lies within the circle around a patch."""
        center, cosine = samples.circle(self._geom.frame)
        return np.max(self._vectors @ center) > cosine - 0.001


def healpix_blocks(component, step):
    """Positions and size (deg) of larger HEALPix pixels, up to `step` times as wide, that together
    hold the observed ones."""
    import healpy

    geom, pixels = component.geom, np.flatnonzero(component.mask)
    nside, factor = int(geom.nside[0]), 2 ** int(np.log2(step))
    numbers = geom.local_to_global((pixels,))[0]
    nested = numbers if geom.nest else healpy.ring2nest(nside, numbers)
    blocks = np.flatnonzero(np.bincount(nested // factor**2))
    lon, lat = healpy.pix2ang(nside // factor, blocks, nest=True, lonlat=True)
    return SkyCoord(lon, lat, unit="deg", frame=geom.frame), factor * component.pixel_size


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
        import healpy

        numbers = geom.local_to_global((pixels,))[0]
        nside = int(geom.nside[0])
        nested = numbers if geom.nest else healpy.ring2nest(nside, numbers)
        children = nested[:, None] * steps**2 + np.arange(steps**2)
        return np.moveaxis(healpy.pix2vec(nside * steps, children, nest=True), 0, -1)
    y, x = np.unravel_index(pixels, geom.data_shape)
    dy, dx = (np.indices((steps, steps)).reshape(2, -1) + 0.5) / steps - 0.5
    coords = geom.pix_to_coord((x[:, None] + dx, y[:, None] + dy))
    return vectors_of(SkyCoord(*coords, frame=geom.frame))
