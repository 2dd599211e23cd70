"""A field of sky as a search for transients sees it: photons, their mean, response, windows."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from astropy.coordinates import SkyCoord

from fermiml.errors import InputError
from fermiml.response import exposure as exposures
from fermiml.time import scan, windows
from fermiml.time.photon_cells import PhotonCells, mean_counts

INDICES = np.arange(1.4, 3.81, 0.3)  # photon indices with which flares are fitted
INDEX = 2.3  # with which they are looked for
PIVOT = 1000.0  # MeV
BINS_PER_DECADE = 4
REACH = 3.0  # deg, within which photons are looked at
SPACING = 0.2  # deg between the positions of the grid
_CONTAINED = 0.95  # of the PSF, beyond which photons are not looked at
_NARROW = 0.4  # deg, out to which they are in any case
_FINE = 20  # radii per pixel of the PSF's table
_SUBPIXELS = np.array([-1, 0, 1]) / 3
_COARSEST = 0.2  # deg, of pixels


@dataclass(frozen=True)
class SkyInTime:
    """All that a search looks at; of a whole field, or of some rows of it."""

    cells: PhotonCells
    mean: np.ndarray  # photons expected in the whole time: (row, column, bin)
    psf: np.ndarray  # fraction of the photons of each bin in the pixels around: (row, column, bin)
    profiles: np.ndarray  # the same by distance, `_FINE` to a pixel: (bin, distance)
    spectra: np.ndarray  # fraction of a source's photons in each bin: (index, bin)
    yields: np.ndarray  # photons per flux density at the pivot, in the whole time: (index,)
    ladder: windows.Ladder
    systematic: np.ndarray  # by which the expectation is raised, for each length of the windows
    pixel: float  # deg

    def spectrum(self, index):
        """Return the fraction of a source's photons in each bin."""
        return _between(self.spectra, index)

    def photons_per_flux(self, index):
        """Return the photons per flux density at the pivot, in the whole time."""
        return float(np.exp(_between(np.log(self.yields)[:, None], index)[0]))

    @cached_property
    def _stamp(self):
        """Fraction of the photons in each cell of a source that is looked for."""
        return self._stamp_of(INDEX)

    def _stamp_of(self, index):
        return (self.psf * self.spectrum(index)).astype(np.float32)

    def rows(self, first, last):
        """Return some rows of the field, with those around that are looked at from there."""
        reach = len(self.psf) // 2
        cells = self.cells.rows(first - reach, last + reach)
        start = cells.first_row - self.cells.first_row
        return replace(
            self, cells=cells, mean=self.mean[start : start + cells.last_row - cells.first_row]
        )

    def grid(self):
        """Rows and columns of the positions that are searched."""
        step = max(1, round(SPACING / self.pixel))
        seen = self.mean[::step, ::step].any(axis=-1)
        rows, columns = np.nonzero(seen)
        return rows * step, columns * step

    def look(self, row, column, index=INDEX):
        """Look at one position for a source of some photon index."""
        stamp = self._stamp if index == INDEX else self._stamp_of(index)
        return scan.look(self.cells, self.mean, stamp, row, column, self.ladder.steps)

    def nearest(self, x, y, peak):
        """Return row and column of the pixel at a position, or those of a peak if it is outside."""
        row, column = int(np.rint(y)), int(np.rint(x))
        inside = 0 <= row < self.mean.shape[0] and 0 <= column < self.mean.shape[1]
        return (row, column) if inside and self.mean[row, column].any() else (peak.row, peak.column)

    def profile(self, energy_bin, distance):
        """Return the fraction of a source's photons in a pixel at some distance (pixels)."""
        number = np.minimum((distance * _FINE).astype(int), self.profiles.shape[1] - 1)
        return self.profiles[energy_bin, number]


def _between(rows, index):
    """Interpolate between rows, of which there is one for each of `INDICES`."""
    return np.array([np.interp(index, INDICES, column) for column in rows.T])


def of_field(component, events, ladder, systematic):
    """Build what is looked at from a component of a cube, and the events with their times."""
    if component.is_healpix:
        raise InputError("the field is too wide for an image: give --center and --width, "
                         "at most 60 deg")  # fmt: skip
    pixel = component.pixel_size
    if pixel > _COARSEST:
        raise InputError(f"pixels of {pixel:.2g} deg are too large: give --binsz, at most 0.2 deg")
    edges = _energy_edges(component.energy_edges)
    spectra, yields = _spectra(component, edges)
    middle = np.sqrt(edges[:-1] * edges[1:])
    cells = _photons(component, events, edges, ladder)
    narrow = component.psf.normalized()
    mean = mean_counts(
        cells.counts(), component.mask, narrow.containment_radius(middle, 0.68), pixel
    )
    distance = np.arange(2 * REACH / pixel * _FINE) * pixel / _FINE
    profiles = np.array([narrow.profile(energy, distance) for energy in middle])
    profiles *= np.radians(pixel) ** 2
    return SkyInTime(cells, mean, _around(narrow, middle, pixel), profiles, spectra, yields, ladder,
                     systematic, pixel)  # fmt: skip


def _energy_edges(native):
    """Edges of wider bins, about `BINS_PER_DECADE`, among the native ones."""
    count = max(1, round(np.log10(native[-1] / native[0]) * BINS_PER_DECADE))
    wanted = np.geomspace(native[0], native[-1], count + 1)
    numbers = np.abs(np.log(native[:, None] / wanted)).argmin(axis=0)
    return native[np.unique(numbers)]


def _photons(component, events, edges, ladder):
    position = SkyCoord(events.lon, events.lat, unit="deg", frame="galactic")
    x, y = (np.asarray(v, np.float32) for v in component.geom.coord_to_pix(position))
    energy_bin = np.searchsorted(edges, events.energy, side="right") - 1
    height, width = component.mask.shape
    inside = (energy_bin >= 0) & (energy_bin < len(edges) - 1)
    with np.errstate(invalid="ignore"):
        inside &= (x > -0.5) & (x < width - 0.5) & (y > -0.5) & (y < height - 0.5)
    x, y, energy_bin, time = (v[inside] for v in (x, y, energy_bin, events.time))
    seen = component.mask[np.rint(y).astype(int), np.rint(x).astype(int)]
    x, y, energy_bin, time = (v[seen] for v in (x, y, energy_bin, time))
    return PhotonCells.of((height, width), len(edges) - 1, x, y, energy_bin,
                          ladder.step_of(time), time)  # fmt: skip


def _spectra(component, edges):
    """Fractions of a power law's photons in the bins, and their number per flux density."""
    true_edges, matrix = component.edisp.true_edges, component.edisp.matrix
    true = np.sqrt(true_edges[:-1] * true_edges[1:])
    exposure = exposures.sample(component.exposure, component.center[None], true)[:, 0]
    first = np.searchsorted(component.energy_edges, edges * (1 - 1e-9))
    merged = np.add.reduceat(matrix[:, : first[-1]], first[:-1], axis=1)
    flux = np.array([_integral(index, true_edges) for index in INDICES])
    counts = (flux * np.nan_to_num(exposure)) @ merged
    return counts / counts.sum(axis=1, keepdims=True), counts.sum(axis=1)


def _integral(index, edges):
    """Photons of a power law with flux density 1 at the pivot between edges."""
    power = (edges / PIVOT) ** (1 - index)
    return PIVOT * (power[:-1] - power[1:]) / (index - 1)


def _around(psf, energy, pixel):
    """Fraction of the photons in the pixels around a source, as far as they are looked at."""
    half = round(REACH / pixel)
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    reach = np.clip(psf.containment_radius(energy, _CONTAINED), _NARROW, REACH)
    planes = []
    for each, radius in zip(energy, reach, strict=True):
        values = np.mean([psf.profile(each, np.hypot(y + a, x + b) * pixel)
                          for a in _SUBPIXELS for b in _SUBPIXELS], axis=0)  # fmt: skip
        planes.append(np.where(np.hypot(y, x) * pixel <= radius, values, 0.0))
    return np.stack(planes, axis=-1) * np.radians(pixel) ** 2
