"""The features of a patch: the network input, for any exposure, event type and binning.

For every band: the variance-stabilised counts, the stabilised local background, the
significance of a PSF matched filter, and the observed fraction. Then the square root of the
counts-only TS of a point source, all bands together, for a hard and a soft spectrum, and
whether the background was given by the user.

Networks that look below 500 MeV get the significance and the observed fraction of the low band
after these, made in pixels four times as large, as its PSF is (`LOW_LABELS`). There are so many
photons in that band that not their noise matters, but how much the significance varies in the
patch.
"""

import numpy as np
from scipy.fft import irfft2, next_fast_len, rfft2

from fermiml.features.local_background import SMOOTHING, SOURCE, SmoothBackground
from fermiml.sky.bands import BANDS, LOW_NAME, NAMES
from fermiml.sky.patches import PIXEL

CHANNELS = ("counts", "background", "filter", "covered")  # of every band
SPECTRA = (1.8, 2.5)  # photon indices of the joint TS
N_FEATURES = len(CHANNELS) * len(BANDS) + len(SPECTRA) + 1
LOW_PIXELS = 4  # pixels along the side of those of the low band
CLIP = 30.0  # sigma, at which significances are cut
LABELS = [
    *(f"{kind} {band}" for kind in CHANNELS for band in NAMES),
    *(f"joint TS, index {index}" for index in SPECTRA),
    "background given",
]
_SHOWN_LOW = slice(2, None)  # of the channels, those of the low band: filter and covered
LOW_LABELS = [f"{kind} {LOW_NAME}" for kind in CHANNELS[_SHOWN_LOW]]
N_ALL = N_FEATURES + len(LOW_LABELS)  # with those of the low band
REACH = 32  # pixels, to which the PSF kernels go
_STABLE = 0.375  # makes the root of a Poisson count's variance most nearly constant
_TOP = 1e5  # MeV, where the open last band is taken to end
_AREA = np.array([0.75, 0.92, 1.0, 1.0, 1.0])  # effective area of the bands over its largest
_FLOOR = 0.02  # counts within the PSF, to which the expected background is raised
_NEWTON = 5
UNKNOWN = 0.03  # fraction of the emission within the low band's PSF that no analysis knows
_LOW_SOURCE, _LOW_SMOOTHING = 6.0, 10.0  # of its pixels, as in `SmoothBackground`: 2.4 and 4 deg
_TINY = 1e-30


def stabilised(counts):
    """Scale counts so that Poisson noise has unit variance (Anscombe's root)."""
    return 2 * np.sqrt(counts + _STABLE)


def unstabilised(values, xp=np):
    """Convert stabilised counts back to counts, at least 0; `xp` is numpy or `keras.ops`."""
    return xp.maximum(xp.square(values / 2) - _STABLE, 0)


def unobserved(features):
    """Return what unobserved pixels of a patch with these features (y, x, feature) show."""
    shown, bands = np.zeros(features.shape[-1], features.dtype), len(BANDS)
    present = np.any(features[..., bands : 2 * bands] != 0, axis=(0, 1))
    shown[: 2 * bands] = np.tile(np.where(present, stabilised(0), 0), 2)
    shown[N_FEATURES - 1] = np.max(features[..., N_FEATURES - 1])
    return shown


class PatchFeatures:
    """Makes the features of patches that share their PSFs.

    Parameters
    ----------
    psf : list of lists of `fermiml.response.psf.PSF` or None
        For each component and band a PSF with one energy; None for an absent band. A sixth band is
        the low one.
    size : int
        Pixels along a side of a patch, a multiple of 4; with the low band, of 16.
    exposure : array (component, band), optional
        The components' relative exposures.
    pixel : float
        Side of a pixel in deg.
    """

    def __init__(self, psf, size, exposure=None, pixel=PIXEL):
        self._size = size
        exposure = np.ones((len(psf), len(psf[0]))) if exposure is None else np.asarray(exposure)
        fine, low = slice(len(BANDS)), slice(len(BANDS), None)
        self._fine = _BandFilters(
            [p[fine] for p in psf], size, exposure[:, fine], pixel, SOURCE, SMOOTHING
        )
        self._low = None
        if len(psf[0]) > len(BANDS):
            self._low = _BandFilters(
                [p[low] for p in psf], size // LOW_PIXELS, exposure[:, low], LOW_PIXELS * pixel,
                np.array([_LOW_SOURCE]), _LOW_SMOOTHING, UNKNOWN,
            )  # fmt: skip

    def __call__(self, counts, coverage, covered, model=None):
        """Compute the features (`N_FEATURES`, y, x), those of a low band after them.

        Parameters
        ----------
        counts : array (component, band, y, x)
        coverage : array (component, y, x)
            The observed fraction of each pixel.
        covered : array (band,)
            The fraction of each band that the data have.
        model : array (component, band, y, x), optional
            Expected background counts, right up to a smooth factor.
        """
        covered, number = np.asarray(covered, np.float32), len(BANDS)
        fine = model if model is None else model[:, :number]
        planes, found, background = self._fine(counts[:, :number], coverage, covered[:number], fine)
        joint = [
            joint_significance(found, background, _relative_counts(index) * covered[:number])
            for index in SPECTRA
        ]
        given = np.full((1, self._size, self._size), model is not None)
        if self._low is None:
            return np.concatenate([*planes, joint, given], dtype=np.float32)
        model = model if model is None else rebinned(model[:, number:])
        low, _, _ = self._low(
            rebinned(counts[:, number:]), rebinned(coverage) / LOW_PIXELS**2, covered[number:],
            model,
        )  # fmt: skip
        low = map(_spread, low[_SHOWN_LOW])
        return np.concatenate([*planes, joint, given, *low], dtype=np.float32)

    def blurred(self, planes):
        """Fold maps (band, y, x) with the PSF of the only component."""
        fine = self._fine.blurred(planes[: len(BANDS)])
        if self._low is None:
            return fine
        low = self._low.blurred(rebinned(planes[len(BANDS) :]) / LOW_PIXELS**2)
        return np.concatenate([fine, _spread(low)])

    @property
    def low_area(self):
        """Pixels within the low band's PSF, over which its background counts."""
        return LOW_PIXELS**2 * self._low.area


class _BandFilters:
    """The features of single bands: background and matched filter of bands with like pixels.

    Significances are those of an excess over the noise and an `unknown` fraction of the background,
    and where there is one, they are divided by their rms where data are, if that is above one.
    """

    def __init__(self, psf, size, exposure, pixel, source, smoothing, unknown=0.0):
        self._size, self._exposure, self._unknown = size, exposure, unknown
        self._padded = next_fast_len(size + REACH, real=True)
        kernels = np.array([[psf_kernel(p, self._padded, pixel) for p in bands] for bands in psf])
        self._kernel = rfft2(kernels.astype(np.float32), axes=(-2, -1))
        self._square = np.sum(np.square(kernels), axis=(-2, -1))
        self._background = SmoothBackground(size, source, smoothing)

    def __call__(self, counts, coverage, covered, model):
        """Compute the planes by channel (band, y, x); counts and background within the PSF, those
        counts zero in absent bands."""
        present = (covered > 0)[:, None, None]
        seen = np.broadcast_to(coverage[:, None], counts.shape)
        expected = self._background(counts, seen if model is None else model * seen)
        found, background = self._filtered(counts, expected, seen)
        significance = 2 * (np.sqrt(found + _STABLE) - np.sqrt(background + _STABLE))
        if self._unknown:
            significance /= np.sqrt(1 + self._unknown**2 * background)
            square = np.mean(np.square(significance), axis=(-2, -1), keepdims=True)
            significance /= np.maximum(np.sqrt(square / max(coverage.mean(), _TINY)), 1)
        observed = covered[:, None, None] * coverage.mean(axis=0)
        bands = (
            stabilised(counts.sum(axis=0)),
            stabilised(expected.sum(axis=0)),
            np.clip(significance, -CLIP, CLIP),
            observed,
        )
        planes = [np.where(present, plane, 0) for plane in bands]
        return planes, found * present, background

    @property
    def area(self):
        """Pixels within the PSF of the only component and band."""
        return 1 / float(self._square[0, 0])

    def blurred(self, planes):
        """Fold maps (band, y, x) with the PSF of the only component."""
        return self._convolve(planes[None], self._kernel)

    def _filtered(self, counts, expected, seen):
        """Compute counts and background within the PSF, in units in which both are Poisson-like.

        The components' filters are weighted with exposure over background, as is best for
        faint sources; the scale makes variance and mean of the background the same.
        """
        level = expected.sum(axis=(-2, -1)) / np.maximum(seen.sum(axis=(-2, -1)), 1)
        weight = self._exposure / (level + 1e-3)
        weight = weight / np.maximum(weight.max(axis=0), _TINY)
        variance = np.sum(np.square(weight) * self._square * (level + _TINY), axis=0)
        mean = np.maximum(np.sum(weight * (level + _TINY), axis=0), _TINY)
        scale = np.maximum(variance / mean, _TINY)
        kernel = self._kernel * (weight / scale)[..., None, None].astype(np.float32)
        return tuple(np.maximum(self._convolve(x, kernel), 0) for x in (counts, expected))

    def _convolve(self, planes, kernel):
        """Sum over components of the planes folded with their kernels."""
        shape = self._padded, self._padded
        spectrum = np.sum(rfft2(planes, shape, axes=(-2, -1)) * kernel, axis=0)
        return irfft2(spectrum, shape, axes=(-2, -1))[..., : self._size, : self._size]


def rebinned(planes):
    """Sum over the pixels of the low band, (..., y, x)."""
    *front, height, width = planes.shape
    shape = *front, height // LOW_PIXELS, LOW_PIXELS, width // LOW_PIXELS, LOW_PIXELS
    return planes.reshape(shape).sum(axis=(-3, -1))


def _spread(planes):
    """Repeat each pixel of the low band as those of a patch, (..., y, x)."""
    return np.repeat(np.repeat(planes, LOW_PIXELS, axis=-2), LOW_PIXELS, axis=-1)


def joint_significance(counts, background, relative):
    """Root of the largest TS of a source with these relative counts in the bands, signed.

    Parameters
    ----------
    counts, background : array (band, y, x)
        Counts within the PSF.
    relative : array (band,)
        Counts of the source in the bands, up to a factor.
    """
    relative = np.asarray(relative, np.float32)[:, None, None] / max(np.sum(relative), _TINY)
    background = np.maximum(background, _FLOOR)
    ratio = relative / background
    slope = np.sum((counts - background) * ratio, axis=0)
    noise = np.sqrt(np.sum(background * np.square(ratio), axis=0)) + _TINY
    # The slope of the likelihood is convex and falls: Newton's steps from 0 never go too far.
    amplitude = np.zeros_like(slope)
    for _ in range(_NEWTON):
        inverse = ratio / (1 + amplitude * ratio)
        first = np.sum(counts * inverse, axis=0) - 1
        second = np.sum(counts * np.square(inverse), axis=0)
        amplitude = np.maximum(amplitude + first / np.maximum(second, _TINY), 0)
    gain = np.sum(counts * np.log1p(amplitude * ratio), axis=0) - amplitude
    signed = np.where(slope > 0, np.sqrt(np.maximum(2 * gain, 0)), slope / noise)
    return np.clip(signed, -CLIP, CLIP)


def _relative_counts(index):
    low = np.array([edges[0] for edges in BANDS])
    high = np.minimum([edges[1] for edges in BANDS], _TOP)
    return _AREA * (low ** (1 - index) - high ** (1 - index))


def psf_kernel(psf, size, pixel=PIXEL):
    """Compute the PSF on the grid of the patches, centred on pixel (0, 0), with a sum of one."""
    steps = np.fft.fftfreq(size, 1 / size)
    if psf is None:
        kernel = np.zeros((size, size))
        kernel[0, 0] = 1.0
        return kernel
    offset = (np.arange(5) - 2) / 5  # points within a pixel
    fine = (steps[:, None] + offset).ravel() * pixel
    distance = np.hypot(fine[:, None], fine[None, :])
    logs = np.log(np.maximum(psf.values[0], _TINY))
    values = np.exp(np.interp(distance, psf.rad, logs))
    kernel = values.reshape(size, 5, size, 5).mean(axis=(1, 3))
    kernel[np.hypot(steps[:, None], steps) > REACH] = 0.0
    return kernel / kernel.sum()
