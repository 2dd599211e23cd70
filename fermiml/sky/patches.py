"""Cut any sky area into overlapping tangent-plane patches on the networks' grid.

Where the counts already lie on a grid of 0.1 deg (or an integer fraction of it) that is
nearly flat, patches are cut from that grid, and counts stay whole numbers. Everything else,
HEALPix included, is split by area: every count is spread evenly over its pixel. That
widens the PSF by the pixel, and `Patches.psf` holds the PSF with this window folded in.

Where the data's pixels are larger than 0.2 deg, so are those of the patches: half as large as the
data's. A source then looks to a network as it did in training, as a few pixels.
"""

from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from gammapy.maps import WcsGeom

from fermiml.sky.resample import AreaSplitter, healpix_blocks
from fermiml.sky.sphere import to_frame, vectors_of
from fermiml.sky.tiling import SinglePlane, SphereTiling, WindowTiling

PIXEL = 0.1  # deg, of the patches of all data but coarse ones
_LARGEST = 0.5  # deg, of the patches of the coarsest data
SIZE = 128
OVERLAP = 16  # pixels, that every patch reaches beyond the sky it owns
_DISTORTION = 0.03  # a native grid this close to 0.1 deg is used as it is
_BLOCK = 0.4  # deg; of large maps, blocks of pixels of this size stand for the pixels


def pixel_at(x, y, size):
    """Return (row, column) of the pixels nearest to positions in a patch of `size` pixels."""
    return tuple(np.clip(np.round(v).astype(int), 0, size - 1) for v in (y, x))


def lies_within(x, y, size):
    """Return which positions lie in a pixel of a patch of `size` pixels."""
    return (np.minimum(x, y) > -0.5) & (np.maximum(x, y) < size - 0.5)


@dataclass(frozen=True)
class Patch:
    """One square of sky."""

    geom: WcsGeom  # two-dimensional; pixel -> sky
    counts: np.ndarray  # (component, band, y, x)
    coverage: np.ndarray  # (component, y, x): fraction of the pixel that was observed
    owned: np.ndarray  # (y, x): the part of the sky that is this patch's own


class Patches:
    """The observed sky as patches: a sized iterable that cuts one patch at a time.

    Parameters
    ----------
    banded : list of `fermiml.sky.bands.BandedCounts`
        One per component of a cube.
    size : int
        Pixels along a side.
    overlap : int
        Pixels that a patch reaches beyond its own sky on each side.
    origin : SkyCoord, optional
        Where the tiling has a patch centre; by default the middle of the data.
    """

    def __init__(self, banded, size=SIZE, overlap=OVERLAP, origin=None):
        self.pixel = _pixel(banded)  # deg
        factor = _native_factor(banded) if origin is None else None
        if factor:
            self._tiling = WindowTiling(banded[0].component.geom, factor, size, overlap)
            cutters = [_WindowCutter(b, factor, self._tiling) for b in banded]
        else:
            self._tiling = _tangent_tiling(banded, size, overlap, self.pixel, origin)
            cutters = [AreaSplitter(b, self.pixel) for b in banded]
        self.geoms = self._tiling.geoms
        # (component, band): PSF with the pixel window of the resampling folded in, or None
        self.psf = [
            tuple(p and (p if c.shifts is None else p.smeared(c.shifts)) for p in b.psf)
            for b, c in zip(banded, cutters, strict=True)
        ]
        self._cutters = cutters

    def __len__(self):
        return len(self.geoms)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __getitem__(self, number):
        geom = self.geoms[number]
        pieces = [cutter.cut(geom) for cutter in self._cutters]
        counts, coverage = (np.array(part, np.float32) for part in zip(*pieces, strict=True))
        return Patch(geom, counts, coverage, self._tiling.owned(number))


def _pixel(banded):
    """Side (deg) of the patches' pixels."""
    finest = min(b.component.pixel_size for b in banded)
    return float(np.clip(finest / 2, PIXEL, _LARGEST))


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
        self._start = tiling.start

    def cut(self, geom):
        x, y = self._start(geom)
        size = geom.data_shape[0]
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


def _tangent_tiling(banded, size, overlap, pixel, origin):
    """Tangent planes that together own all of the observed sky."""
    frame = banded[0].component.geom.frame
    vectors = np.concatenate([_observed_vectors(b.component, frame) for b in banded])
    if origin is None:
        origin = _origin(banded[0].component)
        plane = SinglePlane(origin, frame, size, pixel)
        if plane.holds(vectors):
            return plane
    return SphereTiling(origin.transform_to(frame), vectors, frame, size, overlap, pixel)


def _observed_vectors(component, frame):
    """Directions of the observed pixels: of their centres and of four points near their rims."""
    position, size = _observed_blocks(component)
    center = vectors_of(position)
    tetrahedron = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    reach = np.radians(0.6 * size)
    vectors = np.concatenate([center, *(center + reach * corner for corner in tetrahedron)])
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    return to_frame(vectors, component.geom.frame, frame)


def _observed_blocks(component):
    """Positions of the observed pixels, or of blocks of them where there are millions, and
    the size (deg) of either."""
    step = int(_BLOCK / component.pixel_size)
    if component.mask.size < 1e6 or step < 2:
        return component.positions_of(np.flatnonzero(component.mask)), component.pixel_size
    if component.is_healpix:
        return healpix_blocks(component, step)
    y, x = np.nonzero(_rebin(component.mask[None], step)[0])
    middle = (step - 1) / 2
    coords = component.geom.pix_to_coord((x * step + middle, y * step + middle))
    position = SkyCoord(*coords, frame=component.geom.frame)
    return position[np.isfinite(position.spherical.lon)], step * component.pixel_size


def _origin(component):
    """Return the middle of the data; for a whole sky, the origin of the coordinates."""
    frame = component.geom.frame
    if component.is_healpix and component.geom.is_allsky and component.mask.all():
        return SkyCoord(0 * u.deg, 0 * u.deg, frame=frame)
    return component.center.transform_to(frame)
