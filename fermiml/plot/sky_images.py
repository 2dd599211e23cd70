"""Images of a cube on one flat grid: counts, their significance, and what a catalog leaves."""

import logging
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from astropy.coordinates import SkyCoord
from gammapy.maps import HpxNDMap, WcsNDMap
from scipy.ndimage import gaussian_filter
from scipy.signal import fftconvolve

from fermiml.errors import InputError
from fermiml.features.local_background import SMOOTHING, SmoothBackground
from fermiml.likelihood.background import DiffuseBackground
from fermiml.model import point_sources
from fermiml.model.from_catalog import sources_of
from fermiml.model.observation import Observation
from fermiml.sky.display_geom import canvas
from fermiml.sky.patches import PIXEL

log = logging.getLogger(__name__)
SMOOTH = 0.12  # deg, sigma of the smoothing of counts
_DISK = 0.35  # deg: where a source's counts are
_FAINTEST = 0.05  # counts of background that a significance needs
_SOURCE = 5.0  # pixels of 0.1 deg, about the width of a source when all energies are added
_NARROWEST = 2.0, 6.0  # pixels, the least width of a source and of the smoothing
_AROUND = 5.0  # deg beyond the data from where sources still leak in
_LINEAR, _LEAST = 4.0, 6.0  # sigma: to which the colours are linear, and reach at the least
_SIGMAS = (2, 5, 10, 20, 50, 100, 200, 500)


@dataclass(frozen=True)
class SkyImage:
    """A two-dimensional gammapy map, and how it is drawn.

    `ticks` are the values on the colour bar; None leaves them to matplotlib.
    """

    map: WcsNDMap
    label: str
    cmap: str
    norm: object
    ticks: tuple | None = None


class SkyImages:
    """The images of a cube between two energies (MeV); by default of all energies."""

    def __init__(self, cube, emin=None, emax=None):
        self.geom = canvas(cube)
        self.pixel = float(np.min(np.abs(self.geom.pixel_scales.to_value("deg"))))
        self._cube = cube
        self._bins = [_bins(c.energy_edges, emin, emax) for c in cube.components]

    def counts(self, smooth=SMOOTH):
        """Smooth the counts per deg2 with a Gaussian (deg), on a scale of square roots."""
        from matplotlib.colors import PowerNorm

        area = self.geom.solid_angle().to_value("deg2")
        image = _smoothed(self._counts, self._seen, smooth / self.pixel)
        image = image / np.nan_to_num(area, nan=np.inf)
        low, high = np.percentile(image[self._seen > 0], (0.5, 99.8))
        norm = PowerNorm(0.5, vmin=low, vmax=max(high, low + 1e-9))
        return self._image(image, "counts per deg$^2$", "gray_r", norm)

    def significance(self):
        """Compute the excess within 0.35 deg, in sigma, over the cube's background model or,
        without one, the smooth local background of the network input."""
        background = self._background
        if background is None:
            background = local_background(self._counts, self._seen, self.pixel)
        return self._sigmas(background, "significance (sigma)")

    def residuals(self, catalog):
        """Compute the excess within 0.35 deg, in sigma, over the sources of a catalog and a
        background fitted together with them: the cube's model or, without one, the embedded
        diffuse emission, times a smooth factor."""
        sources = self._expected(catalog)
        background = local_background(self._counts - sources, self._diffuse, self.pixel)
        return self._sigmas(background + sources, "residuals (sigma)")

    def _sigmas(self, expected, label):
        image = significance(self._counts, expected, self.pixel)
        norm, ticks = sigma_scale(image[self._seen > 0])
        return self._image(image, label, "RdBu_r", norm, ticks)

    def _image(self, image, *look):
        return SkyImage(WcsNDMap(self.geom, np.where(self._seen > 0, image, np.nan)), *look)

    @cached_property
    def _counts(self):
        return self._sum(c.counts.data[bins].sum(axis=0) for c, bins in self._parts)

    @cached_property
    def _seen(self):
        """Which pixels were observed, 0 or 1."""
        ones = (_brought(c, np.ones(c.mask.shape), self.geom) > 0 for c, _ in self._parts)
        return np.max(list(ones), axis=0).astype(float)

    @cached_property
    def _background(self):
        """Return the background model, None where a component has none."""
        if not self._cube.has_background:
            return None
        return self._sum(c.background.data[bins].sum(axis=0) for c, bins in self._parts)

    @cached_property
    def _diffuse(self):
        """Return the background model, the embedded one where the cube has none."""
        if self._background is not None:
            return self._background
        log.info("residuals: no background is given, so that the embedded diffuse model is taken")
        return self._sum(_embedded(c)[bins].sum(axis=0) for c, bins in self._parts)

    def _expected(self, catalog):
        """Compute the counts that the sources of a catalog let one expect."""
        sources = sources_of(catalog)
        position = SkyCoord(sources.lon, sources.lat, unit="deg", frame="galactic")
        radius = _AROUND + float(np.max(self.geom.width.to_value("deg"))) / np.sqrt(2)
        near = position.separation(self._cube.center).deg < radius
        sources = sources[near & np.isfinite(sources.amplitude)]
        return self._sum(
            point_sources.total(Observation.like(c), sources)[bins].sum(axis=0)
            for c, bins in self._parts
        )

    @property
    def _parts(self):
        return list(zip(self._cube.components, self._bins, strict=True))

    def _sum(self, planes):
        """Add planes of the components on the grid of the images."""
        pairs = zip(self._cube.components, planes, strict=True)
        return np.sum([_brought(c, plane, self.geom) for c, plane in pairs], axis=0)


def significance(counts, expected, pixel):
    """Excess within 0.35 deg of each pixel, in sigma: 2 (sqrt(n + 3/8) - sqrt(b + 3/8))."""
    disk = _disk(max(_DISK, 1.5 * pixel), pixel)
    found, expected = _summed(counts, disk), _summed(expected, disk)
    return 2 * (np.sqrt(found + 0.375) - np.sqrt(np.maximum(expected, _FAINTEST) + 0.375))


def local_background(counts, model, pixel):
    """Fit a smooth factor times a model (flat: 1 where observed) to counts, sources left out.

    Unlike the mean of a ring it leaves no moat around bright sources.
    """
    widths = np.array([_SOURCE, SMOOTHING]) * PIXEL / pixel
    source, smoothing = np.maximum(widths, _NARROWEST)  # in coarse data
    size = 4 * int(np.ceil(max(counts.shape) / 4))
    smooth = SmoothBackground(size, source=[source], smoothing=smoothing)
    padded = [np.zeros((1, 1, size, size), np.float32) for _ in range(2)]
    inside = (0, 0, *(slice(n) for n in counts.shape))
    for plane, values in zip(padded, (counts, model), strict=True):
        plane[inside] = values
    return smooth(*padded)[inside].astype(float)


def sigma_scale(image):
    """Choose colours for values in sigma, linear near 0, and whole numbers as ticks."""
    from matplotlib.colors import AsinhNorm

    most = max(_LEAST, float(np.nanmax(np.abs(image), initial=0.0)))
    ticks = [n for n in _SIGMAS if n <= most]
    return AsinhNorm(_LINEAR, -most, most), (*(-n for n in reversed(ticks)), 0, *ticks)


def _embedded(component):
    """Compute the counts that the embedded diffuse model lets one expect."""
    planes = DiffuseBackground().planes(component, Observation.like(component))
    return planes.sum(axis=0).reshape(component.counts.data.shape)


def _bins(edges, emin, emax):
    low = 0 if emin is None else int(np.argmin(np.abs(np.log(edges[:-1] / emin))))
    high = len(edges) - 1 if emax is None else int(np.argmin(np.abs(np.log(edges[1:] / emax)))) + 1
    if high <= low:
        raise InputError(f"no energy bin lies between {emin} and {emax} MeV")
    return slice(low, high)


def _brought(component, plane, geom):
    """Bring a plane of a component to another geometry; what is masked is zero."""
    plane = plane * component.mask
    if component.geom == geom:
        return plane.astype(float)
    density = plane / component.pixel_areas()
    kind = HpxNDMap if component.is_healpix else WcsNDMap
    position = geom.get_coord().skycoord
    on_sky = np.isfinite(position.spherical.lon.value)
    here = np.zeros(geom.data_shape)
    here[on_sky] = np.nan_to_num(kind(component.geom, density).get_by_coord(position[on_sky]))
    return here * np.nan_to_num(geom.solid_angle().to_value("deg2"))


def _smoothed(image, seen, sigma):
    """Gaussian mean over what was observed."""
    if sigma <= 0:
        return image
    return gaussian_filter(image, sigma) / np.maximum(gaussian_filter(seen, sigma), 1e-3)


def _summed(image, kernel):
    return np.maximum(fftconvolve(image, kernel, mode="same"), 0)


def _disk(radius, pixel):
    """Pixels within a radius (deg)."""
    reach = int(np.ceil(radius / pixel))
    distance = np.hypot(*np.mgrid[-reach : reach + 1, -reach : reach + 1]) * pixel
    return (distance <= radius).astype(float)
