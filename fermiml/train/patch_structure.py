"""Gas structure that no model has, drawn for each patch: what `simulate.structure` does to a sky.

It multiplies the diffuse emission of a patch after the PSF, with a pattern that was convolved with
the PSF of each band; this is right because the emission itself is smooth on the scale of the PSF.
"""

import numpy as np
from scipy.fft import irfft2, rfft2

from fermiml.simulate.structure import BEND, CONTRAST, FAINTER, LONG, THIN, WIDTH, log_uniform
from fermiml.sky.patches import PIXEL

_SLOPES = (2.2, 3.4)  # of the power spectrum, l^-slope
_SCALES = (0.1, 2.0)  # deg, between which there is structure
_HALF = 20.0  # galactic over isotropic counts at 1-2 GeV where half of the emission is gas
_PIVOT = 1  # the band of that ratio
_CLUMPED = 0.4  # fraction of structured patches with clumps and filaments
_CLUMPS = (300, 6000)  # on the whole sky
_SKY = 41253 * 8.0  # deg2, times the mean of galactic over isotropic counts
_FILAMENTS = 0.15  # for each clump


def draw(galactic, isotropic, blurred, largest, rng):
    """Draw by what factor structure changes the galactic counts of a patch (band, y, x).

    Parameters
    ----------
    galactic, isotropic : array (band, y, x)
        Expected counts.
    blurred : callable
        Folds maps (band, y, x) with the PSF of each band.
    largest : float
        Limit of the standard deviation of the pattern's logarithm where gas dominates.
    """
    ratio = galactic[_PIVOT] / np.maximum(isotropic[_PIVOT], 1e-30)
    sigma = rng.uniform(0, largest) * ratio / (ratio + _HALF)
    excess = np.exp(sigma * _gaussian(len(ratio), rng) - sigma**2 / 2) - 1
    if rng.random() < _CLUMPED:
        excess += _clumps_and_filaments(ratio, rng)
    return 1 + blurred(np.broadcast_to(excess, galactic.shape))


def _gaussian(size, rng):
    """Draw a periodic Gaussian field of unit variance."""
    frequency = np.hypot(np.fft.fftfreq(size, PIXEL)[:, None], np.fft.rfftfreq(size, PIXEL))
    degree = 360 * frequency
    inside = (degree > 180 / _SCALES[1]) & (degree < 180 / _SCALES[0])
    amplitude = np.where(inside, np.maximum(degree, 1) ** (-rng.uniform(*_SLOPES) / 2), 0)
    noise = rfft2(rng.standard_normal((size, size), np.float32))
    field = irfft2(noise * amplitude.astype(np.float32), (size, size))
    return field / field.std()


def _clumps_and_filaments(brightness, rng):
    """Sum Gaussians, most of them where it is bright."""
    size = len(brightness)
    everywhere = np.exp(rng.uniform(*np.log(_CLUMPS))) * brightness.sum() * PIXEL**2 / _SKY
    number = rng.poisson([everywhere, _FILAMENTS * everywhere])
    likely = brightness.ravel().astype(float)
    pixel = rng.choice(size**2, size=number.sum(), p=likely / likely.sum())
    y, x = np.divmod(pixel, size)
    contrast = log_uniform(rng, *CONTRAST, len(pixel))
    clumps, threads = slice(number[0]), slice(number[0], None)
    width = log_uniform(rng, *WIDTH, number[0]) / PIXEL
    starts = zip(x[threads], y[threads], contrast[threads], strict=True)
    blobs = [np.stack([x[clumps], y[clumps], width, contrast[clumps]])]
    blobs += [_filament(*start, rng) for start in starts]
    x, y, width, contrast = np.concatenate(blobs, axis=1)
    steps = np.arange(size)[:, None]
    across, along = (np.exp(-0.5 * np.square((steps - c) / width)) for c in (x, y))
    return ((along * contrast) @ across.T).astype(np.float32)


def _filament(x, y, contrast, rng):
    """Draw the beads of a filament (x, y, sigma, contrast), one sigma from each other."""
    width = log_uniform(rng, *THIN) / PIXEL
    beads = round(rng.uniform(*LONG) / PIXEL / width)
    direction = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, BEND, beads))
    path = width * np.cumsum([np.cos(direction), np.sin(direction)], axis=1)
    return np.stack([x + path[0], y + path[1], np.full(beads, width),
                     np.full(beads, FAINTER * contrast)])  # fmt: skip
