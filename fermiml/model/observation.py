"""An observation: pixels, energy bins, exposure, PSF and energy dispersion."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from astropy.coordinates import SkyCoord
from scipy.spatial import cKDTree

from fermiml.fitsmaps import image_geom
from fermiml.response import exposure as exposures
from fermiml.response import irfs
from fermiml.response.installed import installed_irfs, load_response
from fermiml.response.irfs import true_energies
from fermiml.sky.pixel_area import pixel_areas
from fermiml.sky.resample import points_in_pixels
from fermiml.sky.sphere import separation, to_frame, unit_vectors

_FEW = 50_000  # pixels of a grid that is small: all are looked at sooner than a tree is


@dataclass(frozen=True)
class Observation:
    """An observation, which converts fluxes to expected counts on a pixel grid.

    `edges` are those of the counts bins, `true_edges` those of the true energies (MeV);
    `dispersion` (true bin, counts bin) is the probability to find an event of a true bin
    in a counts bin.
    """

    geom: object  # of gammapy, with the axis `energy`
    psf: object  # fermiml.response.psf.PSF
    exposure_map: object  # gammapy map with the axis `energy_true`
    response: object  # fermiml.response.irfs.Response
    true_edges: np.ndarray
    dispersion: np.ndarray
    mask: np.ndarray | None = field(default=None, repr=False)

    @classmethod
    def of(cls, geom, exposure_map, response, psf=None, dispersion=True, mask=None):
        """Build an observation with an IRF's response, with or without energy `dispersion`."""
        edges = geom.axes["energy"].edges.to_value("MeV")
        true_edges = true_energies(edges, beyond=dispersion)
        if dispersion:
            matrix = response.edisp_matrix(true_edges, edges)
        else:
            center = np.sqrt(true_edges[:-1] * true_edges[1:])
            number = np.digitize(center, edges) - 1
            matrix = (number[:, None] == np.arange(len(edges) - 1)).astype(float)
        psf = (psf or response.psf).normalized()
        return cls(geom, psf, exposure_map, response, true_edges, matrix, mask)

    @classmethod
    def like(cls, component, dispersion=True, irf=None):
        """Build the observation of a SkyCube's component (`irf` where no header names one)."""
        return cls.of(
            component.counts.geom,
            component.exposure,
            response_of(component, irf),
            psf=component.psf,
            dispersion=dispersion,
            mask=component.mask,
        )

    @property
    def edges(self):
        """Edges of the counts bins (MeV)."""
        return self.geom.axes["energy"].edges.to_value("MeV")

    @property
    def true_energy(self):
        """Middle of the true bins (MeV)."""
        return np.sqrt(self.true_edges[:-1] * self.true_edges[1:])

    @cached_property
    def pixels(self):
        """The pixels of the grid."""
        return Pixels(image_geom(self.geom))

    @cached_property
    def _exposure_pixels(self):
        return Pixels(image_geom(self.exposure_map.geom))

    @cached_property
    def true_profiles(self):
        """The PSF at the true energies, (true bin, rad)."""
        return self.psf.at(self.true_energy)

    def exposure(self, lon, lat, energy=None):
        """Compute cm2 s at Galactic positions, (energy, position); by default at the true energies.

        Where the map does not reach an energy, the effective area extends it; beyond its
        border its nearest pixel does. Events from there are in the data, too.
        """
        energy = self.true_energy if energy is None else energy
        position = SkyCoord(lon, lat, unit="deg", frame="galactic")
        values = exposures.sample(self.exposure_map, position, energy)
        outside = ~np.isfinite(values).any(axis=0)
        if outside.any():
            border = self._exposure_pixels.nearest(unit_vectors(lon[outside], lat[outside]))
            values[:, outside] = exposures.sample(self.exposure_map, border, energy)
        known = np.flatnonzero(np.isfinite(values).any(axis=1))
        area = self.response.effective_area(energy, np.linspace(0.3, 1, 8)).mean(axis=1)
        for i in set(range(len(energy))) - set(known):
            nearest = known[np.argmin(np.abs(known - i))]
            values[i] = values[nearest] * area[i] / area[nearest]
        return np.nan_to_num(values)

    def photons(self, sources):
        """Compute the expected photons by source and true bin, wherever their events fall."""
        return sources.flux(self.true_edges) * self.exposure(sources.lon, sources.lat).T


def response_of(component, irf=None):
    """Load the response of a component's events (`irf` where no header names one)."""
    name = irf or component.selection.irf_name
    name = name if name in installed_irfs() else irfs.DEFAULT_IRF
    return load_response(name, component.selection.evtype or irfs.ALL_EVENTS)


class Pixels:
    """The pixels of a two-dimensional geometry as points on the sphere."""

    def __init__(self, geom):
        self.geom = geom
        self.shape = geom.data_shape
        position = geom.get_coord().skycoord.galactic
        self.lon = np.nan_to_num(np.ravel(position.l.deg))
        self.lat = np.nan_to_num(np.ravel(position.b.deg))
        on_sky = np.isfinite(np.ravel(position.l.deg))
        area = np.radians(np.radians(pixel_areas(geom))).ravel()
        self.area = np.where(on_sky, np.nan_to_num(area), 0.0)
        self.side = float(np.degrees(np.sqrt(np.median(self.area[self.area > 0]))))
        # Pixels off the sky are put far away, where no window finds them.
        self._vectors = np.where(on_sky[:, None], unit_vectors(self.lon, self.lat), 10.0)
        self._on_sky = on_sky
        self._points = {}

    def __reduce__(self):
        """Another process computes them again: there are 60 times the bytes of a mask."""
        return Pixels, (self.geom,)

    @cached_property
    def _tree(self):
        return cKDTree(self._vectors)

    @cached_property
    def center(self):
        """Middle of the pixels and the radius (deg) that holds them all."""
        vectors = self._vectors[self._on_sky]
        middle = vectors.mean(axis=0)
        length = np.linalg.norm(middle)
        if length < 0.2:
            return SkyCoord(0, 0, unit="deg", frame="galactic"), 180.0
        middle = middle / length
        radius = np.degrees(np.arccos(np.clip((vectors @ middle).min(), -1, 1)))
        lon, lat = np.arctan2(middle[1], middle[0]), np.arcsin(middle[2])
        return SkyCoord(lon, lat, unit="rad", frame="galactic"), float(radius)

    def near(self, vector, radius):
        """Find pixels within `radius` (deg) of a unit vector, nearest first, and the distances."""
        chord = 2 * np.sin(np.radians(min(radius, 180.0)) / 2)
        if self.area.size > _FEW:
            found = np.array(self._tree.query_ball_point(vector, chord), int)
            distance = separation(self._vectors[found], vector)
        else:
            half = (1 - self._vectors @ vector) / 2  # the square of half a chord
            found = np.flatnonzero(self._on_sky & (half <= chord**2 / 4))
            distance = np.degrees(2 * np.arcsin(np.sqrt(half[found].clip(0))))
        order = np.argsort(distance)
        return found[order], distance[order]

    def nearest_index(self, vectors):
        """Find the pixels whose centres are nearest to unit vectors."""
        return self._tree.query(vectors)[1]

    def nearest(self, vectors):
        """Find the pixel centres that are nearest to unit vectors, as a SkyCoord."""
        pixel = self.nearest_index(vectors)
        return SkyCoord(self.lon[pixel], self.lat[pixel], unit="deg", frame="galactic")

    def sample_distances(self, pixels, vector, step):
        """Compute distances (deg) of points about `step` deg apart in pixels, (pixel, point)."""
        count = int(np.clip(np.ceil(self.side / step), 1, 32))
        if self.geom.is_hpx:
            count = 2 ** int(np.ceil(np.log2(count)))
        return separation(self._points_in(pixels, count), vector)

    def _points_in(self, pixels, count):
        """Compute `count` x `count` points in pixels, those of a small grid once."""
        if self.area.size > _FEW:
            return self._new_points_in(pixels, count)
        if count not in self._points:
            self._points[count] = np.full((self.area.size, count**2, 3), np.nan)
        points = self._points[count]
        new = pixels[np.isnan(points[pixels, 0, 0])]
        if len(new):
            points[new] = self._new_points_in(new, count)
        return points[pixels]

    def _new_points_in(self, pixels, count):
        points = points_in_pixels(self.geom, pixels, count)
        return to_frame(points, self.geom.frame, "galactic")
