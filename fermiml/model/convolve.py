"""Expected counts of diffuse emission and of crowds of faint sources.

They are gathered on equal-area planes a little larger than the field, convolved there with
the PSF by Fourier transforms, one true energy after the other, and read off at the pixels.
"""

import healpy
import numpy as np
from astropy.coordinates import SkyCoord
from gammapy.maps import WcsGeom
from scipy.fft import irfft2, next_fast_len, rfft2
from scipy.ndimage import map_coordinates

from fermiml.progress import progress_bar
from fermiml.sky.sphere import unit_vectors

WIDEST = 24.0  # deg, the largest radius of a field on a single plane
_MARGIN = 12.0  # deg, the most that is added around a field
_TILE_NSIDE = 2  # larger fields are cut at the pixels of this HEALPix grid
_FINEST, _COARSEST = 0.05, 0.25  # deg, pixels of a plane


def expect(observation, intensity=None, faint=None, progress=None):
    """Compute expected counts (counts bin, pixels...) of an intensity and of faint point sources.

    `intensity(lon, lat, energy)` gives ph cm-2 s-1 sr-1 MeV-1, as a `Diffuse` does.
    """
    pixels = observation.pixels
    out = np.zeros((len(observation.edges) - 1, pixels.area.size))
    tiles = list(_tiles(pixels))
    if progress:
        tiles = progress_bar(tiles, progress, unit="tile", show=len(tiles) > 2)
    for center, radius, members in tiles:
        plane = Plane(center, radius, pixels.side, observation)
        density = plane.density(observation, intensity, faint)
        at = plane.locate(pixels.lon[members], pixels.lat[members])
        for row, image in zip(out, density, strict=True):
            row[members] = map_coordinates(image, at, order=1, mode="nearest")
    return (out * pixels.area).reshape(-1, *pixels.shape)


def _tiles(pixels):
    """Yield (centre, radius in deg, pixels) of the planes that a field needs."""
    center, radius = pixels.center
    if radius <= WIDEST:
        yield center, radius, np.flatnonzero(pixels.area > 0)
        return
    owner = healpy.ang2pix(_TILE_NSIDE, pixels.lon, pixels.lat, lonlat=True)
    for number in range(12 * _TILE_NSIDE**2):
        members = np.flatnonzero((owner == number) & (pixels.area > 0))
        if len(members):
            lon, lat = healpy.pix2ang(_TILE_NSIDE, number, lonlat=True)
            middle = SkyCoord(lon, lat, unit="deg", frame="galactic")
            away = unit_vectors(pixels.lon[members], pixels.lat[members]) @ unit_vectors(lon, lat)
            yield middle, float(np.degrees(np.arccos(away.min()))), members


class Plane:
    """A square of equal-area pixels around a position."""

    def __init__(self, center, radius, side, observation):
        self.side = float(np.clip(side, _FINEST, _COARSEST))
        widest = observation.psf.containment_radius(observation.true_energy[:1], 0.95)[0]
        margin = min(widest, _MARGIN) + 2 * self.side
        self.size = next_fast_len(int(np.ceil(2 * (radius + margin) / self.side)), real=True)
        self.geom = WcsGeom.create(
            skydir=center, npix=self.size, binsz=self.side, proj="ZEA", frame="galactic"
        )
        self.area = np.radians(self.side) ** 2

    def locate(self, lon, lat):
        """Compute row and column (fractional) of Galactic positions."""
        x, y = self.geom.coord_to_pix(SkyCoord(lon, lat, unit="deg", frame="galactic"))
        return np.array([y, x])

    def density(self, observation, intensity=None, faint=None):
        """Compute expected counts per sr in the counts bins, after PSF and energy dispersion."""
        position = self.geom.get_coord().skycoord
        lon, lat = np.nan_to_num(position.l.deg.ravel()), np.nan_to_num(position.b.deg.ravel())
        on_sky = np.isfinite(position.l.deg.ravel())
        shape = self.size, self.size
        photons = np.zeros((len(observation.true_energy), self.size**2))
        if intensity is not None:
            exposure = _smooth_exposure(observation, self, lon, lat)
            flux = power_law_bins(
                observation.true_edges, intensity(lon, lat, observation.true_edges)
            )
            photons += flux * exposure * self.area * on_sky
        if faint is not None and len(faint):
            self._deposit(photons, observation, faint)
        out = np.zeros((len(observation.edges) - 1, self.size, self.size // 2 + 1), complex)
        for i, plane in enumerate(photons):
            if observation.dispersion[i].any():
                transformed = rfft2(plane.reshape(shape)) * self._kernel(observation, i)
                for row, fraction in zip(out, observation.dispersion[i], strict=True):
                    if fraction > 0:
                        row += fraction * transformed
        return np.maximum([irfft2(row, shape) for row in out], 0) / self.area

    def _deposit(self, photons, observation, faint):
        """Share every source's photons among the four pixels around it."""
        y, x = self.locate(faint.lon, faint.lat)
        with np.errstate(invalid="ignore"):
            inside = (x > 0) & (y > 0) & (x < self.size - 1) & (y < self.size - 1)
        away = unit_vectors(faint.lon, faint.lat) @ _vector(self.geom.center_skydir)
        inside &= away > 0.3  # ZEA planes also show the other side of the sky
        faint, x, y = faint[inside], x[inside], y[inside]
        if not len(faint):
            return
        number = observation.photons(faint)
        column, row = x.astype(int), y.astype(int)
        fx, fy = x - column, y - row
        for dy, dx, weight in (
            (0, 0, (1 - fy) * (1 - fx)),
            (0, 1, (1 - fy) * fx),
            (1, 0, fy * (1 - fx)),
            (1, 1, fy * fx),
        ):
            index = (row + dy) * self.size + column + dx
            for plane, n in zip(photons, number.T, strict=True):
                plane += np.bincount(index, n * weight, self.size**2)

    def _kernel(self, observation, i):
        """Compute the Fourier transform of the PSF of a true bin, with a sum of one."""
        rad, profile = observation.psf.rad, observation.true_profiles[i]
        logs = np.log(np.maximum(profile, 1e-30))
        steps = np.abs(np.fft.fftfreq(self.size, 1 / self.size)) * self.side
        distance = np.hypot(steps[:, None], steps[None, :])
        kernel = np.exp(np.interp(distance, rad, logs))
        core, count = 4, 11  # pixels on each side that are sampled finely
        offset = self.side * ((np.arange(count) + 0.5) / count - 0.5)
        pixel = np.arange(-core, core + 1)
        x = (pixel[:, None] * self.side + offset).ravel()
        fine = np.exp(np.interp(np.hypot(x[:, None], x[None, :]), rad, logs))
        width = 2 * core + 1
        mean = fine.reshape(width, count, width, count).mean(axis=(1, 3))
        kernel[np.ix_(pixel, pixel)] = mean
        return rfft2(kernel / kernel.sum())


def power_law_bins(edges, values):
    """Integrate between edges what is a power law between two neighbouring values."""
    low, high = edges[:-1, None], edges[1:, None]
    ratio = np.maximum(values[1:], 1e-60) / np.maximum(values[:-1], 1e-60)
    exponent = 1 + np.log(ratio) / np.log(high / low)
    flat = np.abs(exponent) < 1e-6
    exponent = np.where(flat, 1.0, exponent)
    power = ((high / low) ** exponent - 1) / exponent
    return values[:-1] * low * np.where(flat, np.log(high / low), power)


def _smooth_exposure(observation, plane, lon, lat, step=10):
    """Compute exposure on a plane at every tenth pixel: it hardly changes over a degree."""
    size = plane.size
    nodes = np.unique(np.append(np.arange(0, size, step), size - 1))
    grid = (
        lon.reshape(size, size)[np.ix_(nodes, nodes)],
        lat.reshape(size, size)[np.ix_(nodes, nodes)],
    )
    coarse = observation.exposure(*(a.ravel() for a in grid))
    where = np.interp(np.arange(size), nodes, np.arange(len(nodes)))
    at = np.meshgrid(where, where, indexing="ij")
    return np.array(
        [map_coordinates(c.reshape(len(nodes), len(nodes)), at, order=1).ravel() for c in coarse]
    )


def _vector(position):
    return unit_vectors(position.galactic.l.deg, position.galactic.b.deg)
