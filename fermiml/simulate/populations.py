"""Populations of gamma-ray sources: how many, how bright, where, with which spectra.

Fluxes are photon fluxes from 1 to 100 GeV (S1). The numbers of the presets were chosen to
give the counts of 4FGL-DR4 where that is complete; docs/simulate.md compares them.
"""

from dataclasses import dataclass, replace

import numpy as np

from fermiml.model import from_catalog, irregular
from fermiml.model.sources import DISK, GAUSS, RING, Shapes, Sources, concatenate
from fermiml.sky.sphere import angles, unit_vectors

FULL_SKY = 41252.96  # deg2
NORM_FLUX = 1e-9  # where the densities are normalised
FAINTEST = 1e-12
BRIGHTEST = 1.5e-6  # that of the Vela pulsar, the brightest source of the sky
# Of the 82 extended sources of 4FGL-DR4 (43 disks, 19 Gaussians, 20 rings and maps, most of them of
# shells): forms, sizes (deg), and the fraction that is not along the plane.
_FORMS = {DISK: 0.53, GAUSS: 0.23, RING: 0.24}
_EXTENDED_SIZES = (0.03, 3.5)
_ANYWHERE = 0.11
SUN_RADIUS = 8.2  # kpc from the Galactic centre


@dataclass(frozen=True)
class FluxLaw:
    """dN/dS as a chain of power laws, normalised to `number` sources above 1e-9.

    `indices[i]` holds between `breaks[i]` and `breaks[i + 1]`.
    """

    number: float
    breaks: tuple
    indices: tuple

    def _pieces(self, low, high, power=0):
        """Integrate S^power dN/dS over each piece between two fluxes, before the norm."""
        level, out = 1.0, []
        for i, index in enumerate(self.indices):
            start, stop = self.breaks[i], self.breaks[i + 1]
            a, b = np.clip((low, high), start, stop)
            exponent = 1 - index + power
            # integral of level (S / start)^-index S^power
            scale = level * start ** (1 + power)
            x, y = a / start, b / start
            flat = abs(exponent) < 1e-9
            value = np.log(y / x) if flat else (y**exponent - x**exponent) / exponent
            out.append(scale * value)
            level *= (stop / start) ** -index
        return np.array(out)

    def _norm(self):
        return self.number / self._pieces(NORM_FLUX, np.inf).sum()

    def count(self, low, high=np.inf):
        """Compute the expected number of sources between two fluxes, all sky."""
        return self._norm() * self._pieces(low, high).sum()

    def total_flux(self, low, high):
        """Compute the expected summed flux of the sources between two fluxes, all sky."""
        return self._norm() * self._pieces(low, high, power=1).sum()

    def draw(self, rng, low, number):
        """Draw fluxes of `number` sources above `low`, by inverting the cumulative of a piece."""
        pieces = self._pieces(low, np.inf)
        which = rng.choice(len(pieces), size=number, p=pieces / pieces.sum())
        start = np.maximum(np.array(self.breaks[:-1]), low)[which]
        exponent = 1 - np.array(self.indices)[which]
        ratio = np.array(self.breaks[1:])[which] / start
        u = rng.random(number)
        flat = np.abs(exponent) < 1e-9
        exponent = np.where(flat, 1.0, exponent)
        power = (1 + u * (ratio**exponent - 1)) ** (1 / exponent)
        return start * np.where(flat, ratio**u, power)


@dataclass(frozen=True)
class Galactic:
    """A population in the Galaxy: density ~ R^a exp(-R/scale), exp(-|z|/height).

    `luminosity` is the flux at 1 kpc: a power law dN/dL ~ L^-slope between two values.
    `number` counts the sources above 1e-9, all sky.
    """

    number: float
    radial_power: float
    radial_scale: float  # kpc
    height: float  # kpc
    luminosity: tuple
    slope: float

    def _draw_all(self, rng, number):
        radius = rng.gamma(self.radial_power + 2, self.radial_scale, number)
        angle = rng.uniform(0, 2 * np.pi, number)
        z = rng.laplace(0, self.height, number)
        x, y = SUN_RADIUS - radius * np.cos(angle), radius * np.sin(angle)
        flat = np.hypot(x, y)
        lon, lat = np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arctan2(z, flat))
        low, high = self.luminosity
        exponent = 1 - self.slope
        u = rng.random(number)
        luminosity = low * (1 + u * ((high / low) ** exponent - 1)) ** (1 / exponent)
        return lon, lat, luminosity / np.maximum(flat**2 + z**2, 0.01)

    def draw(self, rng, low):
        """Draw longitudes, latitudes (deg) and fluxes of all sources above `low`.

        Those that would outshine the Vela pulsar are left out: there is none.
        """
        # What fraction is above 1e-9 follows from the geometry: a fixed sample tells it.
        sample = self._draw_all(np.random.default_rng(0), 200_000)[2]
        total = self.number / np.mean(sample > NORM_FLUX)
        lon, lat, flux = self._draw_all(rng, rng.poisson(total))
        keep = (flux > low) & (flux < BRIGHTEST)
        return lon[keep], lat[keep], flux[keep]


@dataclass(frozen=True)
class Population:
    """The flux laws of the isotropic classes and the Galactic ones."""

    isotropic: dict  # class -> FluxLaw
    galactic: dict  # class -> Galactic

    def flux_below(self, threshold, faintest=FAINTEST):
        """Compute the summed flux of the isotropic sources below a threshold, by class, all sky."""
        return {name: law.total_flux(faintest, threshold) for name, law in self.isotropic.items()}


def _blazars(bll, fsrq, faint_bll, faint_fsrq):
    """Build the laws of the two blazar classes: `faint_*` are the indices below 1.5e-10."""
    return {
        "bll": FluxLaw(bll, (1e-12, 1.5e-10, 4e-9, 2e-7), (faint_bll, 2.1, 2.5)),
        "fsrq": FluxLaw(fsrq, (1e-12, 1.5e-10, 3e-9, 2e-7), (faint_fsrq, 1.9, 2.35)),
    }


_YOUNG = Galactic(500, 1.5, 2.0, 0.1, (3e-10, 1.5e-6), 1.75)
_MSP = Galactic(110, 0.5, 2.5, 0.65, (1e-11, 4e-8), 1.6)

PRESETS = {
    # The sky as 4FGL-DR4 has it; the unassociated sources of the Galactic plane are taken
    # for pulsars, which gives the plane its density.
    "nominal": Population(_blazars(262, 247, 1.85, 1.7), {"PSR": _YOUNG, "MSP": _MSP}),
    # As many bright sources, three times the faint ones, and half as many pulsars more.
    "crowded": Population(
        _blazars(262, 247, 2.15, 2.0),
        {"PSR": replace(_YOUNG, number=750), "MSP": replace(_MSP, number=135)},
    ),
    # As many bright sources, few faint ones, and no pulsars beyond the identified ones.
    "sparse": Population(
        _blazars(280, 265, 1.4, 1.3),
        {"PSR": replace(_YOUNG, number=140, slope=1.5), "MSP": replace(_MSP, number=95)},
    ),
}

# Normal distributions of index and curvature, fitted to the bright sources of 4FGL-DR4:
# (pivot energy in MeV, index, its width, curvature, its width, exp_index).
_PARAMETRIC = {
    "bll": (1600.0, 1.90, 0.19, 0.144, 0.076, 0.0),
    "fsrq": (700.0, 2.32, 0.16, 0.201, 0.081, 0.0),
    "PSR": (1680.0, 2.25, 0.23, 0.734, 0.287, 2 / 3),
    "MSP": (1390.0, 1.87, 0.19, 0.629, 0.236, 2 / 3),
}


def parametric_shapes(size=400):
    """Draw spectral shapes for when no catalog is available: always the same ones."""
    rng = np.random.default_rng(4)
    shapes = {}
    for name, (pivot, index, width, curvature, spread, exp_index) in _PARAMETRIC.items():
        full = np.full(size, 1.0)
        shapes[name] = Shapes(
            pivot * full,
            rng.normal(index, width, size),
            np.clip(rng.normal(curvature, spread, size), 0.0, None),
            exp_index * full,
        )
    return shapes


def library(catalog="auto"):
    """Return spectral shapes by class: of a catalog's bright sources, or the parametric ones."""
    path = from_catalog.find(catalog)
    return parametric_shapes() if path is None else from_catalog.bright_shapes(path)


def draw(population, shapes, rng, center=None, radius=180.0, faintest=FAINTEST):
    """Draw the sources within `radius` (deg) of a SkyCoord, the whole sky by default."""
    parts = []
    for name, law in population.isotropic.items():
        fraction = (1 - np.cos(np.radians(radius))) / 2
        number = rng.poisson(fraction * law.count(faintest))
        lon, lat = _in_cap(rng, number, center, radius)
        flux = law.draw(rng, faintest, number)
        parts.append(_with_spectra(rng, lon, lat, flux, shapes[name], name))
    for name, law in population.galactic.items():
        lon, lat, flux = law.draw(rng, faintest)
        keep = slice(None)
        if center is not None:
            there = unit_vectors(center.galactic.l.deg, center.galactic.b.deg)
            keep = unit_vectors(lon, lat) @ there > np.cos(np.radians(radius))
        parts.append(_with_spectra(rng, lon[keep], lat[keep], flux[keep], shapes[name], name))
    return concatenate(parts)


def faint_spectrum(population, shapes, threshold, energy, faintest=FAINTEST):
    """Compute mean intensity (ph cm-2 s-1 MeV-1 sr-1) of isotropic sources below a threshold."""
    total = np.zeros(len(energy))
    for name, flux in population.flux_below(threshold, faintest).items():
        unit = shapes[name].density(energy) / shapes[name].photons((1e3, 1e5))
        total += flux / (4 * np.pi) * unit.mean(axis=0)
    return total


def _with_spectra(rng, lon, lat, flux, shapes, name):
    return Sources.points(lon, lat, flux, shapes[rng.integers(len(shapes), size=len(flux))], name)


def _in_cap(rng, number, center, radius):
    """Draw uniform positions within a circle on the sphere (Galactic deg)."""
    cosine = rng.uniform(np.cos(np.radians(radius)), 1, number)
    angle = rng.uniform(0, 2 * np.pi, number)
    sine = np.sqrt(1 - cosine**2)
    if center is None:
        lat = np.degrees(np.arcsin(cosine))
        return np.degrees(angle), lat
    lon0, lat0 = center.galactic.l.deg, center.galactic.b.deg
    axis = unit_vectors(lon0, lat0)
    east = unit_vectors(lon0 + 90, 0.0)
    north = np.cross(axis, east)
    v = cosine[:, None] * axis + sine[:, None] * (
        np.cos(angle)[:, None] * east + np.sin(angle)[:, None] * north
    )
    return angles(v)


def draw_extended(number, rng, irregular_share=0.0):
    """Draw disks, Gaussians and rings with the sizes, fluxes, latitudes and spectra of the extended
    sources of 4FGL-DR4: most along the plane, one in nine anywhere. A share of them is irregular.
    """
    number = rng.poisson(number)
    lon = rng.normal(0, 76, number) % 360
    lat = np.clip(rng.laplace(0, 1.5, number), -80, 80)
    anywhere = rng.random(number) < _ANYWHERE
    lon = np.where(anywhere, rng.uniform(0, 360, number), lon)
    lat = np.where(anywhere, np.degrees(np.arcsin(rng.uniform(-1, 1, number))), lat)
    flux = 10 ** rng.normal(-8.28, 0.53, number)
    full = np.ones(number)
    shapes = Shapes(2e3 * full, rng.normal(2.1, 0.24, number), 0.1 * full, 0.0 * full)
    points = Sources.points(lon, lat, flux, shapes, "snr")
    size = np.clip(10 ** rng.normal(-0.29, 0.38, number), *_EXTENDED_SIZES)
    form = rng.choice(list(_FORMS), number, p=list(_FORMS.values()))
    if irregular_share:
        form = np.where(rng.random(number) < irregular_share, irregular.draw(number, rng), form)
    return points.extended_to(form, size)
