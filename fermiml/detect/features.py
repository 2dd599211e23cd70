"""Evidence: what a network sees of a patch, whatever the exposure, event type and binning."""

import numpy as np
from scipy.fft import irfft2, next_fast_len, rfft2

from fermiml.sky.patches import PIXEL

SMOOTHING = 1.3  # deg, sigma of the Gaussian of the local background
CLIP = 30.0  # sigma, at which the matched filter is cut
CHANNELS = ("counts", "background", "filter", "covered")  # of every band
_REACH = 3.2  # deg, to which the PSF kernels go
_FLOOR = 0.1  # counts within the PSF below which the filter's noise is not Gaussian at all
_TINY = 1e-30


class Evidence:
    """Makes the evidence of patches that share their PSF.

    Parameters
    ----------
    psf : list of `fermiml.sky.psf.PSF` or None
        One with one energy for each band; None for a band that is not there.
    size : int
        Pixels along a side of a patch.
    """

    def __init__(self, psf, size):
        self._size = size
        reach = round(_REACH / PIXEL)
        self._padded = next_fast_len(size + reach, real=True)
        smooth = _gaussian(self._padded, SMOOTHING / PIXEL)
        kernels = [_kernel(p, self._padded, reach) for p in psf]
        self._smooth = rfft2(smooth)
        self._kernel = rfft2(np.array(kernels), axes=(1, 2))
        self._square = rfft2(np.square(kernels), axes=(1, 2))
        self._norm = np.sum(np.square(kernels), axis=(1, 2))[:, None, None]

    def __call__(self, counts, coverage, covered):
        """(4 x band, y, x): stabilised counts, local background, matched filter, coverage.

        `counts` (band, y, x), `coverage` (y, x): the observed share of each pixel,
        `covered` (band,): the share of each band that the data have.
        """
        present = (np.asarray(covered) > 0)[:, None, None]
        seen = np.maximum(self._convolve(rfft2(self._pad(coverage)), self._smooth), 1e-3)
        counts_ft = rfft2(self._pad(counts), axes=(1, 2))
        b = np.maximum(self._convolve(counts_ft, self._smooth) / seen, 0) * coverage
        background_ft = rfft2(self._pad(b), axes=(1, 2))
        excess = self._convolve(counts_ft - background_ft, self._kernel)
        floor = _FLOOR * self._norm
        variance = np.maximum(self._convolve(background_ft, self._square), floor)
        significance = np.clip(excess / np.sqrt(variance), -CLIP, CLIP)
        planes = (
            2 * np.sqrt(counts + 0.375),
            2 * np.sqrt(b + 0.375),
            significance,
            np.broadcast_to(np.asarray(covered)[:, None, None] * coverage, counts.shape),
        )
        return np.concatenate([np.where(present, p, 0) for p in planes]).astype(np.float32)

    def _pad(self, image):
        extra = self._padded - self._size
        return np.pad(image, [(0, 0)] * (image.ndim - 2) + [(0, extra)] * 2)

    def _convolve(self, transformed, kernel):
        shape = self._padded, self._padded
        full = irfft2(transformed * kernel, shape, axes=(-2, -1))
        return full[..., : self._size, : self._size]


def _distances(size):
    steps = np.abs(np.fft.fftfreq(size, 1 / size))
    return np.hypot(steps[:, None], steps[None, :])


def _gaussian(size, sigma):
    kernel = np.exp(-0.5 * np.square(_distances(size) / sigma))
    return kernel / kernel.sum()


def _kernel(psf, size, reach):
    """The PSF on the grid of the patches, centred on pixel (0, 0), with a sum of one."""
    if psf is None:
        return _gaussian(size, 1.0)
    steps = np.fft.fftfreq(size, 1 / size)
    offset = (np.arange(5) - 2) / 5  # points within a pixel
    fine = (steps[:, None] + offset).ravel() * PIXEL
    distance = np.hypot(fine[:, None], fine[None, :])
    logs = np.log(np.maximum(psf.values[0], _TINY))
    values = np.exp(np.interp(distance, psf.rad, logs))
    kernel = values.reshape(size, 5, size, 5).mean(axis=(1, 3))
    kernel[_distances(size) > reach] = 0.0
    return kernel / kernel.sum()
