"""Cut any sky area into overlapping tangent-plane patches on the networks' grid.

Where the counts already lie on a grid of 0.1 deg (or an integer fraction of it) that is
nearly flat, patches are cut from that grid, and counts stay whole numbers. Everything else,
HEALPix included, is split by area: every count is spread evenly over its pixel. That
widens the PSF by the pixel, and `Patches.psf` holds the PSF with this window folded in.
"""

from dataclasses import dataclass

import healpy
import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from gammapy.maps import WcsGeom

from fermiml.sky.tiling import (
    PIXEL,
    SinglePlane,
    SphereTiling,
    WindowTiling,
    pixel_vectors,
    plane_axes,
    to_frame,
    unit_vectors,
)

SIZE = 128
OVERLAP = 1.6  # deg, that every patch reaches beyond the sky it owns
_DISTORTION = 0.03  # a native grid this close to 0.1 deg is used as it is
_SAMPLES = 6  # samples along a native pixel, where that asks for more than _MIN_SAMPLES
_MIN_SAMPLES, _MAX_SAMPLES = 3, 12  # along a patch pixel


@dataclass(frozen=True)
class Patch:
    """One square of sky."""

    geom: WcsGeom  # two-dimensional; pixel -> sky
    counts: np.ndarray  # (component, band, y, x)
    coverage: np.ndarray  # (component, y, x): share of the pixel that was observed
    owned: np.ndarray  # (y, x): the part of the sky that is this patch's own


class Patches:
    """The observed sky as patches: a sized iterable that cuts one patch at a time.

    Parameters
    ----------
    banded : list of `fermiml.sky.bands.BandedCounts`
        One per component of a cube.
    size : int
        Pixels along a side.
    overlap : float
        Overlap in deg on each side.
    origin : SkyCoord, optional
        Where the tiling has a patch centre; by default the middle of the data.
    """

    def __init__(self, banded, size=SIZE, overlap=OVERLAP, origin=None):
        margin = round(overlap / PIXEL)
        factor = _native_factor(banded) if origin is None else None
        if factor:
            self._tiling = WindowTiling(banded[0].component.geom, factor, size, margin)
            self._cutters = [_WindowCutter(b, factor, self._tiling) for b in banded]
        else:
            self._tiling = _tangent_tiling(banded, size, margin, origin)
            self._cutters = [_AreaCutter(b, self._tiling) for b in banded]
        self.geoms = self._tiling.geoms
        # (component, band): PSF with the pixel window of the resampling folded in, or None
        self.psf = [
            tuple(p and (p if c.shifts is None else p.smeared(c.shifts)) for p in b.psf)
            for b, c in zip(banded, self._cutters, strict=True)
        ]

    def __len__(self):
        return len(self.geoms)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __getitem__(self, number):
        pieces = [cutter.cut(number) for cutter in self._cutters]
        counts, coverage = (np.array(part, np.float32) for part in zip(*pieces, strict=True))
        return Patch(self.geoms[number], counts, coverage, self._tiling.owned(number))


def cut_patches(banded, **options):
    """Patches of grouped counts; see `Patches`."""
    return Patches(banded, **options)


# --- patches from the native grid ---------------------------------------------------------


def _native_factor(banded):
    """How many native pixels make a patch pixel, or None when the grid does not fit."""
    geoms = [b.component.geom for b in banded]
    if any(g.is_hpx for g in geoms) or any(g != geoms[0] for g in geoms[1:]):
        return None
    factor = max(1, round(PIXEL / banded[0].component.pixel_size))
    scale = _scales(banded[0].component, geoms[0])
    if np.all(np.abs(scale * factor / PIXEL - 1) < _DISTORTION):
        return factor
    return None


def _scales(component, geom):
    """Lengths (deg) of both pixel sides and the scaled diagonal over the observed area."""
    y, x = np.nonzero(component.mask)
    grid_x = np.linspace(x.min(), x.max(), 9)
    grid_y = np.linspace(y.min(), y.max(), 9)
    x, y = (a.ravel() for a in np.meshgrid(grid_x, grid_y))
    here, right, up = (
        SkyCoord(*geom.pix_to_coord((x + dx, y + dy)), frame=geom.frame)
        for dx, dy in ((0, 0), (1, 0), (0, 1))
    )
    sides = here.separation(right).deg, here.separation(up).deg
    return np.array([*sides, right.separation(up).deg / np.sqrt(2)])


class _WindowCutter:
    """Windows of the native grid, after summing `factor` x `factor` pixels."""

    shifts = None  # counts stay where they are

    def __init__(self, banded, factor, tiling):
        mask = banded.component.mask
        self._counts = _rebin(banded.counts * mask, factor)
        self._coverage = _rebin(mask[None].astype(np.float32), factor)[0] / factor**2
        self._tiling = tiling

    def cut(self, number):
        x, y = self._tiling.start(number)
        size = self._tiling.geoms[number].data_shape[0]
        counts = np.zeros((len(self._counts), size, size), np.float32)
        coverage = np.zeros((size, size), np.float32)
        height, width = self._coverage.shape
        theirs = slice(max(y, 0), min(y + size, height)), slice(max(x, 0), min(x + size, width))
        here = tuple(slice(s.start - o, s.stop - o) for s, o in zip(theirs, (y, x), strict=True))
        counts[:, *here] = self._counts[:, *theirs]
        coverage[here] = self._coverage[theirs]
        return counts, coverage


def _rebin(planes, factor):
    if factor == 1:
        return planes
    bands, height, width = planes.shape
    padding = (0, 0), (0, -height % factor), (0, -width % factor)
    padded = np.pad(planes, padding)
    shape = bands, padded.shape[1] // factor, factor, padded.shape[2] // factor, factor
    return padded.reshape(shape).sum(axis=(2, 4))


# --- patches by area from any grid --------------------------------------------------------


def _tangent_tiling(banded, size, margin, origin):
    """Tangent planes that together own all of the observed sky."""
    frame = banded[0].component.geom.frame
    vectors = np.concatenate([_observed_vectors(b.component, frame) for b in banded])
    if origin is None:
        origin = _origin(banded[0].component)
        plane = SinglePlane(origin, frame, size)
        if plane.holds(vectors):
            return plane
    return SphereTiling(origin.transform_to(frame), vectors, frame, size, margin)


def _observed_vectors(component, frame):
    """Directions of the observed pixels: of their centres and of four points near their rims."""
    center = unit_vectors(component.pixel_positions()[component.mask])
    reach = np.radians(0.6 * component.pixel_size)
    tetrahedron = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    vectors = np.concatenate([center, *(center + reach * corner for corner in tetrahedron)])
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    return to_frame(vectors, component.geom.frame, frame)


def _origin(component):
    """The middle of the data; for a whole sky the origin of the coordinates."""
    frame = component.geom.frame
    if component.is_healpix and component.geom.is_allsky and component.mask.all():
        return SkyCoord(0 * u.deg, 0 * u.deg, frame=frame)
    return component.center.transform_to(frame)


class _AreaCutter:
    """Splits native pixels by area, with a grid of samples in every patch pixel."""

    def __init__(self, banded, tiling):
        component = banded.component
        self._tiling = tiling
        self._geom = component.geom
        self._mask = component.mask.ravel()
        self._counts = banded.counts.reshape(len(banded.counts), -1)
        area = np.ravel(self._geom.solid_angle().to_value("deg2"))
        self._area = np.broadcast_to(area, self._mask.shape)
        self.shifts = _pixel_shifts(component)
        wanted = int(np.ceil(_SAMPLES * PIXEL / component.pixel_size))
        self._samples = int(np.clip(wanted, _MIN_SAMPLES, _MAX_SAMPLES))

    def cut(self, number):
        geom = self._tiling.geoms[number]
        k, size = self._samples, geom.data_shape[0]
        vectors = pixel_vectors(geom, k)
        pixel = self._lookup(vectors, geom.frame)
        observed = (pixel >= 0) & self._mask[pixel]
        center = plane_axes(geom)[0]
        area = (PIXEL / k) ** 2 * (vectors @ center) ** 3  # of a sample on the sphere
        weight = np.where(observed, self._weights(pixel, area), 0.0).astype(np.float32)
        shape = size, k, size, k
        counts = [(plane[pixel] * weight).reshape(shape).sum(axis=(1, 3)) for plane in self._counts]
        return np.array(counts), observed.reshape(shape).mean(axis=(1, 3))

    def _lookup(self, vectors, frame):
        """Index of the native pixel under every sample, -1 where there is none."""
        geom = self._geom
        vectors = to_frame(vectors, frame, geom.frame)
        if geom.is_hpx:
            x, y, z = np.moveaxis(vectors, -1, 0)
            pixel = healpy.vec2pix(int(geom.nside[0]), x, y, z, nest=geom.nest)
            return pixel if geom.is_allsky else geom.global_to_local((pixel,), ravel=True)
        lon = np.degrees(np.arctan2(vectors[..., 1], vectors[..., 0]))
        lat = np.degrees(np.arcsin(np.clip(vectors[..., 2], -1, 1)))
        x, y = geom.coord_to_idx((lon * u.deg, lat * u.deg), clip=False)
        return np.where((x >= 0) & (y >= 0), y * geom.data_shape[1] + x, -1)

    def _weights(self, pixel, area):
        """Share of a native pixel's counts that each sample carries.

        The samples of a pixel that lies wholly in the patch share its counts evenly, so
        that nothing is lost or made; a pixel cut by the border gives what its area says.
        """
        numbers, inverse, hits = np.unique(pixel, return_inverse=True, return_counts=True)
        share = 1.0 / hits
        rim = np.concatenate([pixel[0], pixel[-1], pixel[:, 0], pixel[:, -1]])
        cut = np.isin(numbers, rim)
        inverse = inverse.reshape(pixel.shape)
        return np.where(cut[inverse], area / self._area[pixel], share[inverse])


def _pixel_shifts(component, pixels=32, quantiles=64):
    """How far a count moves when it is spread over its pixel, in deg: quantiles of the
    distance between two random places in one pixel, for a few of the observed pixels."""
    observed = np.flatnonzero(component.mask)
    chosen = observed[np.linspace(0, len(observed) - 1, min(pixels, len(observed))).astype(int)]
    points = _points_in_pixels(component.geom, chosen)
    distances = [np.linalg.norm(p[:, None] - p[None], axis=-1).ravel() for p in points]
    levels = (np.arange(quantiles) + 0.5) / quantiles
    return np.degrees(np.quantile(np.concatenate(distances), levels))


def _points_in_pixels(geom, pixels, steps=8):
    """Unit vectors of a grid of points in every pixel, (pixel, point, 3)."""
    if geom.is_hpx:
        numbers = geom.get_idx(flat=True)[0][pixels]
        nside = int(geom.nside[0])
        nested = numbers if geom.nest else healpy.ring2nest(nside, numbers)
        children = nested[:, None] * steps**2 + np.arange(steps**2)
        return np.moveaxis(healpy.pix2vec(nside * steps, children, nest=True), 0, -1)
    y, x = np.unravel_index(pixels, geom.data_shape)
    dy, dx = (np.indices((steps, steps)).reshape(2, -1) + 0.5) / steps - 0.5
    coords = geom.pix_to_coord((x[:, None] + dx, y[:, None] + dy))
    return unit_vectors(SkyCoord(*coords, frame=geom.frame))
