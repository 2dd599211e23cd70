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
from astropy.wcs import WCS
from gammapy.maps import WcsGeom
from scipy.spatial import cKDTree

PIXEL = 0.1  # deg
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
    owned: np.ndarray  # (y, x): sky that is nearer to this patch's centre than to any other's


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
        first = banded[0].component
        self._banded = banded
        factor = _native_factor(banded) if origin is None else None
        if factor:
            self.geoms = _native_tiling(first.geom, factor, size, overlap)
            self._cutters = [_NativeCutter(b, factor) for b in banded]
        else:
            self.geoms = _tangent_tiling(banded, size, overlap, origin)
            self._cutters = [_AreaCutter(b) for b in banded]
        # (component, band): PSF with the pixel window of the resampling folded in, or None
        self.psf = [
            tuple(p and (p.smeared(c.window) if c.window else p) for p in b.psf)
            for b, c in zip(banded, self._cutters, strict=True)
        ]
        self._centers = cKDTree([_vector(g.center_skydir) for g in self.geoms])

    def __len__(self):
        return len(self.geoms)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __getitem__(self, number):
        geom = self.geoms[number]
        pieces = [cutter.cut(geom) for cutter in self._cutters]
        counts, coverage = (np.array(part, np.float32) for part in zip(*pieces, strict=True))
        return Patch(geom, counts, coverage, self._owned(number))

    def _owned(self, number):
        geom = self.geoms[number]
        vectors = _vectors(geom, samples=1).reshape(-1, 3)
        nearest = self._centers.query(vectors)[1]
        return (nearest == number).reshape(geom.data_shape)


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


def _native_tiling(geom, factor, size, overlap):
    """Windows of `size` rebinned pixels that share out the map evenly."""
    shape = [-(-n // factor) for n in geom.data_shape]  # rounded up
    rows, columns = (_starts(n, size, round(overlap / PIXEL)) for n in shape)
    return [_window(geom, factor, x, y, size) for y in rows for x in columns]


def _starts(npix, size, overlap):
    if npix <= size:
        return [-((size - npix) // 2)]
    count = int(np.ceil((npix - 2 * overlap) / (size - 2 * overlap)))
    return np.round(np.linspace(0, npix - size, count)).astype(int).tolist()


def _window(geom, factor, x, y, size):
    """Geometry of a window that starts at rebinned pixel (x, y); it may hang over."""
    wcs = geom.wcs.deepcopy()
    wcs.wcs.crpix = (wcs.wcs.crpix - 0.5) / factor + 0.5 - (x, y)
    if wcs.wcs.has_cd():
        wcs.wcs.cd = wcs.wcs.cd * factor
    else:
        wcs.wcs.cdelt = wcs.wcs.cdelt * factor
    wcs.array_shape = (size, size)
    return WcsGeom(wcs, npix=(size, size))


class _NativeCutter:
    """Windows of the native grid, after summing `factor` x `factor` pixels."""

    window = 0.0  # nothing is smeared

    def __init__(self, banded, factor):
        mask = banded.component.mask
        self._counts = _rebin(banded.counts * mask, factor)
        self._coverage = _rebin(mask[None].astype(np.float32), factor)[0] / factor**2
        self._wcs = banded.component.geom.wcs
        self._factor = factor

    def cut(self, geom):
        size = geom.data_shape[0]
        ours = (self._wcs.wcs.crpix - 0.5) / self._factor + 0.5
        x, y = np.round(ours - geom.wcs.wcs.crpix).astype(int)
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


def _tangent_tiling(banded, size, overlap, origin):
    """Tangent planes that together own all of the observed sky."""
    geom = banded[0].component.counts.geom
    positions = [b.component.pixel_positions()[b.component.mask] for b in banded]
    vectors = np.concatenate([_vector(p.transform_to(geom.frame)) for p in positions])
    if origin is None:
        origin = _origin(banded[0].component)
        alone = _tangent_geom(origin, 0.0, geom.frame, size)
        if np.all(_offsets(alone, vectors) <= size / 2 * PIXEL):
            return [alone]
    stride = size * PIXEL - 2 * overlap
    centers, angles = _grid_on_sphere(stride, origin.transform_to(geom.frame))
    owners = np.unique(cKDTree(_vector(centers)).query(vectors)[1])
    return [_tangent_geom(centers[i], angles[i], geom.frame, size) for i in owners]


def _origin(component):
    """The middle of the data; for a whole sky the origin of the coordinates."""
    frame = component.counts.geom.frame
    if component.is_healpix and component.mask.size == component.mask.sum():
        return SkyCoord(0 * u.deg, 0 * u.deg, frame=frame)
    return component.center.transform_to(frame)


def _grid_on_sphere(stride, origin):
    """Patch centres in rows around `origin`, and the position angle of each patch's up."""
    rows = 2 * int(np.ceil(90 / stride)) + 1
    spacing = 180 / (rows - 1)
    lon, lat = [], []
    for row in np.linspace(-90, 90, rows):
        widest = np.cos(np.radians(max(abs(row) - spacing / 2, 0)))
        count = 1 if abs(row) == 90 else int(np.ceil(360 * widest / stride))
        lon.append(np.arange(count) * 360 / count)
        lat.append(np.full(count, row))
    tilted = origin.skyoffset_frame()
    centers = SkyCoord(np.concatenate(lon) * u.deg, np.concatenate(lat) * u.deg, frame=tilted)
    up = SkyCoord(0 * u.deg, 90 * u.deg, frame=tilted).transform_to(origin.frame)
    centers = centers.transform_to(origin.frame)
    return centers, centers.position_angle(up).rad


def _tangent_geom(center, angle, frame, size):
    """A TAN geometry whose up direction has the position angle `angle` (radians)."""
    lon, lat = ("GLON", "GLAT") if frame == "galactic" else ("RA-", "DEC")
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = f"{lon:-<4}-TAN", f"{lat:-<4}-TAN"
    wcs.wcs.crval = center.spherical.lon.deg, center.spherical.lat.deg
    wcs.wcs.crpix = (size + 1) / 2, (size + 1) / 2
    wcs.wcs.cdelt = -PIXEL, PIXEL
    cosine, sine = np.cos(angle), np.sin(angle)
    wcs.wcs.pc = [[cosine, sine], [-sine, cosine]]
    if frame != "galactic":
        wcs.wcs.radesys = frame.upper()
    wcs.array_shape = (size, size)
    return WcsGeom(wcs, npix=(size, size))


def _vector(position):
    return np.moveaxis(position.cartesian.xyz.value, 0, -1)


def _axes(geom):
    """Unit vectors of a patch: its centre, the way of rising x, the way of rising y."""
    lon, lat = np.radians(geom.wcs.wcs.crval)
    center = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    east = np.array([-np.sin(lon), np.cos(lon), 0.0])
    north = np.cross(center, east)
    matrix = geom.wcs.pixel_scale_matrix / PIXEL
    x = matrix[0, 0] * east + matrix[1, 0] * north
    y = matrix[0, 1] * east + matrix[1, 1] * north
    return center, x, y


def _vectors(geom, samples):
    """Unit vectors of a grid of samples in every pixel of any patch, (y, x, 3)."""
    size = geom.data_shape[0]
    steps = (np.arange(size * samples) + 0.5) / samples - 0.5
    if geom.projection != "TAN":
        coords = geom.pix_to_coord(np.meshgrid(steps, steps))
        return np.nan_to_num(_vector(SkyCoord(*coords, frame=geom.frame)))
    center, x, y = _axes(geom)
    offset = np.radians(PIXEL) * (steps - (size - 1) / 2)
    vectors = center + offset[None, :, None] * x + offset[:, None, None] * y
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _offsets(geom, vectors):
    """Largest distance (deg, in the tangent plane) along either axis; inf behind the plane."""
    center, x, y = _axes(geom)
    depth = vectors @ center
    with np.errstate(divide="ignore", invalid="ignore"):
        offset = np.degrees(np.maximum(np.abs(vectors @ x), np.abs(vectors @ y)) / depth)
    return np.where(depth > 0.1, offset, np.inf)


class _AreaCutter:
    """Splits native pixels by area, with a grid of samples in every patch pixel."""

    def __init__(self, banded):
        component = banded.component
        self._geom = component.geom
        self._mask = component.mask.ravel()
        self._counts = banded.counts.reshape(len(banded.counts), -1)
        area = np.ravel(self._geom.solid_angle().to_value("deg2"))
        self._area = np.broadcast_to(area, self._mask.shape)
        self.window = component.pixel_size
        wanted = int(np.ceil(_SAMPLES * PIXEL / component.pixel_size))
        self._samples = int(np.clip(wanted, _MIN_SAMPLES, _MAX_SAMPLES))

    def cut(self, geom):
        k, size = self._samples, geom.data_shape[0]
        vectors = _vectors(geom, k)
        pixel = self._lookup(vectors, geom.frame)
        observed = (pixel >= 0) & self._mask[pixel]
        center = _axes(geom)[0]
        area = (PIXEL / k) ** 2 * (vectors @ center) ** 3  # of a sample on the sphere
        weight = np.where(observed, self._weights(pixel, area), 0.0).astype(np.float32)
        shape = size, k, size, k
        counts = [(plane[pixel] * weight).reshape(shape).sum(axis=(1, 3)) for plane in self._counts]
        return np.array(counts), observed.reshape(shape).mean(axis=(1, 3))

    def _lookup(self, vectors, frame):
        """Index of the native pixel under every sample, -1 where there is none."""
        geom = self._geom
        if geom.frame != frame:
            position = SkyCoord(
                *np.moveaxis(vectors, -1, 0), frame=frame, representation_type="cartesian"
            )
            vectors = _vector(position.transform_to(geom.frame))
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
