"""Diffuse emission that no template has: for training on skies that no model describes.

Every function draws from a numpy generator, so a seed gives the same sky again.
"""

from dataclasses import replace

import healpy
import numpy as np

from fermiml.model.diffuse import Diffuse, Multiplied, Template
from fermiml.model.sources import GAUSS, Shapes, Sources

NODES = np.geomspace(30.0, 2e6, 25)  # MeV
_STRUCTURE_NSIDE = 512
_SMOOTH = ("inverse Compton", "Fermi bubbles", "limb")  # terms without small-scale structure


def vary(model, rng, norms=0.15, tilts=0.04, structure=0.2):
    """Vary the norms, spectral tilts and small-scale structure of a model.

    `norms` and `structure` are the standard deviations of a logarithm; all terms but the
    smooth ones share one structure map, as parts of the same gas.
    """
    pattern = None
    if structure:
        pattern = structure_map(rng, structure, index=rng.uniform(2.4, 3.4))
    terms = []
    for term in model.terms:
        if pattern is not None and not is_smooth(term):
            term = multiplied(term, pattern)
        terms.append(
            replace(
                term,
                norm=term.norm * np.exp(rng.normal(0, norms)),
                tilt=term.tilt + rng.normal(0, tilts),
            )
        )
    return Diffuse(f"{model.name}, varied", tuple(terms))


def structure_map(rng, sigma, index=2.8, largest=4.0):
    """Draw a log-normal HEALPix map of mean one: power l^-index below `largest` deg."""
    nside = _STRUCTURE_NSIDE
    field = sigma * gaussian_map(rng, index, 180 / largest, 2 * nside, nside)
    return np.exp(field - sigma**2 / 2)


def gaussian_map(rng, index, above, highest, nside):
    """Draw a Gaussian HEALPix map of unit variance: power l^-index from `above` to `highest`."""
    ell = np.arange(highest + 1)
    power = np.where(ell > above, np.maximum(ell, 1.0) ** -index, 0.0)
    size = healpy.Alm.getsize(highest)
    degree, order = healpy.Alm.getlm(highest)
    alm = rng.normal(size=size) + 1j * np.where(order > 0, rng.normal(size=size), 0)
    alm *= np.sqrt(power[degree] / np.where(order > 0, 2, 1))
    field = healpy.alm2map(alm, nside)
    return field / field.std()


def is_smooth(term):
    """Return whether a term of a model has no small-scale structure."""
    return term.name in _SMOOTH


def multiplied(term, pattern):
    """Return a term with one more structure map."""
    return Multiplied(term.name, structure=pattern, term=term)


def bubbles(rng):
    """Draw two lobes above and below the Galactic centre, with a hard spectrum."""
    lon, lat = healpy.pix2ang(64, np.arange(12 * 64**2), lonlat=True)
    lon = (lon + 180) % 360 - 180
    width, height = rng.uniform(15, 25), rng.uniform(20, 27)
    ellipse = np.hypot(lon / width, (np.abs(lat) - height) / height)
    edge = 1 / (1 + np.exp((ellipse - 1) / 0.03))
    spectrum = rng.uniform(3e-10, 8e-10) * (NODES / 1e3) ** -rng.uniform(1.85, 2.05)
    return Template("Fermi bubbles", pixels=edge, nodes=NODES, spectrum=spectrum)


def limb(rng):
    """Draw the emission of the Earth admitted by a loose zenith cut: a declination gradient, below
    1 GeV."""
    lon, lat = healpy.pix2ang(32, np.arange(12 * 32**2), lonlat=True)
    dec = healpy.Rotator(coord=["G", "C"])(lon, lat, lonlat=True)[1]
    gradient = 0.5 * (1 + np.sin(np.radians(dec)) * rng.choice([-1, 1]))
    spectrum = rng.uniform(0.5e-7, 2e-7) * (NODES / 100) ** -rng.uniform(3.2, 3.8)
    return Template("limb", pixels=gradient, nodes=NODES, spectrum=spectrum)


def clumps(rng, number):
    """Draw gas clumps that imitate sources: small, near the plane, with the spectrum of gas."""
    number = rng.poisson(number)
    near_plane = rng.random(number) < 0.6
    lat = np.where(
        near_plane, rng.laplace(0, 4, number), np.degrees(np.arcsin(rng.uniform(-1, 1, number)))
    )
    flux = 1e-10 * (1 - rng.random(number)) ** (-1 / 1.3) * np.where(near_plane, 4, 1)
    full = np.ones(number)
    # A parabola close to the emissivity of local gas: its nuFnu peaks at half a GeV.
    shapes = Shapes(1000 * full, 2.2 * full, 0.5 * full, 0 * full)
    points = Sources.points(
        rng.uniform(0, 360, number), np.clip(lat, -90, 90), np.minimum(flux, 1e-8), shapes, "clump"
    )
    return points.extended_to(np.full(number, GAUSS), 10 ** rng.uniform(-1.3, -0.3, number))
