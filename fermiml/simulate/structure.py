"""Gas structure that no map resolves, for skies that test the calibration of probabilities.

It is log-normal on small scales, with clumps and filaments if wanted, the same at all energies,
and stronger where the emission is bright, which is where gas is. Every function draws from a numpy
generator, so a seed gives the same sky again.
"""

from dataclasses import replace

import healpy
import numpy as np

from fermiml.errors import InputError
from fermiml.model.diffuse import Diffuse
from fermiml.simulate.variants import gaussian_map, is_smooth, multiplied

_NSIDE = 1024  # pixels of 0.06 deg
_COARSE = 128  # pixels of 0.46 deg, in which the brightness is known
_PIVOT = 1000.0  # MeV, where the brightness is taken
_HALF = 1e-8  # ph cm-2 s-1 sr-1 MeV-1: brightness at which half of the emission is gas
CONTRAST = (0.2, 2.0)  # column in the middle of a clump, over that of its surroundings
WIDTH = (0.05, 0.4)  # deg, sigma of clumps
THIN, LONG = (0.05, 0.12), (1.0, 4.0)  # deg, sigma and length of filaments
FAINTER = 0.3  # contrast of filaments over that of clumps
BEND = 0.15  # rad, by which a filament turns within its width
_REACH = 3.5  # sigma, to which clumps go


def structured(model, rng, *, rms=0.1, slope=2.8, smallest=0.1, largest=2.0, clumps=0, filaments=0):
    """Add structure to a `Diffuse`.

    `rms` is the standard deviation of the logarithm where gas dominates, between the scales
    `smallest` and `largest` (deg), with a power spectrum l^-slope. `clumps` and `filaments` are
    numbers all sky.
    """
    if smallest >= largest:
        raise InputError(f"structure: smallest, {smallest:g} deg, is not below largest")
    brightness = _brightness(model)
    gas = brightness / (brightness + _HALF)
    pattern = _log_normal(rng, rms * gas, slope, smallest, largest)
    for place in _clumps(rng, rng.poisson(clumps), brightness):
        _shine(pattern, *place)
    for _ in range(rng.poisson(filaments)):
        for place in _filament(rng, brightness):
            _shine(pattern, *place)
    terms = [term if is_smooth(term) else multiplied(term, pattern) for term in model.terms]
    return Diffuse(f"{model.name}, structured", tuple(terms))


def _brightness(model):
    """Intensity at 1 GeV of all but the smooth terms, as a HEALPix map."""
    lon, lat = healpy.pix2ang(_COARSE, np.arange(12 * _COARSE**2), lonlat=True)
    gas = replace(model, terms=tuple(t for t in model.terms if not is_smooth(t)))
    return gas.intensity(lon, lat, [_PIVOT])[0]


def _log_normal(rng, sigma, slope, smallest, largest):
    """Draw a map of mean one, whose logarithm scatters by `sigma` place by place."""
    field = gaussian_map(rng, slope, 180 / largest, round(180 / smallest), _NSIDE)
    sigma = healpy.ud_grade(sigma, _NSIDE)
    return np.exp(sigma * field - sigma**2 / 2)


def _clumps(rng, number, brightness):
    """Draw directions, sigma (deg) and contrast of clumps, most of them where it is bright."""
    pixels = rng.choice(len(brightness), size=number, p=brightness / brightness.sum())
    middle = np.stack(healpy.pix2vec(_COARSE, pixels), axis=-1).reshape(number, 3)
    middle = middle + rng.normal(0, healpy.nside2resol(_COARSE) / 2, (number, 3))
    return zip(middle, log_uniform(rng, *WIDTH, number), log_uniform(rng, *CONTRAST, number),
               strict=True)  # fmt: skip


def _filament(rng, brightness):
    """Draw the beads of a filament, which follow each other at the distance of their sigma."""
    ((middle, _, contrast),) = _clumps(rng, 1, brightness)
    width = log_uniform(rng, *THIN)
    length = round(rng.uniform(*LONG) / width)
    ahead = np.cross(middle, rng.normal(size=3))
    for turn in rng.normal(0, BEND, length):
        middle = middle / np.linalg.norm(middle)
        ahead = ahead - (ahead @ middle) * middle
        ahead = ahead / np.linalg.norm(ahead)
        yield middle, width, FAINTER * contrast
        ahead = ahead * np.cos(turn) + np.cross(middle, ahead) * np.sin(turn)
        middle = middle + np.radians(width) * ahead


def _shine(pattern, middle, width, contrast):
    """Add a Gaussian of a contrast to a map, in place."""
    middle = middle / np.linalg.norm(middle)
    pixels = healpy.query_disc(_NSIDE, middle, _REACH * np.radians(width))
    chord = np.stack(healpy.pix2vec(_NSIDE, pixels), axis=-1) - middle
    squared = np.sum(chord**2, axis=-1) / np.radians(width) ** 2
    pattern[pixels] += contrast * np.exp(-squared / 2)


def log_uniform(rng, low, high, size=None):
    """Draw numbers that are even in their logarithm."""
    return np.exp(rng.uniform(np.log(low), np.log(high), size))
