"""Significance maps of an excess over a model, with gammapy's TSMapEstimator."""

import warnings

import numpy as np
from astropy import units as u
from gammapy.datasets import Datasets
from gammapy.estimators import TSMapEstimator
from gammapy.estimators.utils import estimate_exposure_reco_energy
from gammapy.maps import WcsNDMap
from gammapy.modeling.models import PointSpatialModel, PowerLawSpectralModel, SkyModel
from scipy.ndimage import maximum_filter
from scipy.signal import oaconvolve

from fermiml.likelihood import datasets
from fermiml.response import exposure as exposures

BREAK = 2000.0  # MeV, where the PSF kernel changes its size
WIDTHS = (3.0, 1.2)  # deg, sides of the kernels below and above
_NEGLIGIBLE = 1e-4  # fraction of the events of a bin that a true energy contributes
_BELOW = 1.5  # sigma by which the score test may fall short of a peak
_TINY = 1e-12


class SignificanceMaps:
    """Significance and flux of one more point source at every pixel, on models that change.

    All components and bins are fitted together: one norm is free.

    Parameters
    ----------
    components : list of `fermiml.sky.cube.Component`
        On the same pixels.
    index : float
        Photon index of the source.
    everywhere : bool
        Fit every pixel, as gammapy does, and not only those around which a quick test finds
        anything. Several times slower; the peaks are the same.
    """

    def __init__(self, components, index, everywhere=False):
        self._everywhere = everywhere
        self._spectrum = PowerLawSpectralModel(
            index=index, amplitude="1e-13 MeV-1 cm-2 s-1", reference="1 GeV"
        )
        source = SkyModel(spatial_model=PointSpatialModel(), spectral_model=self._spectrum)
        self._estimator = _Estimator(source, sum_over_energy_groups=False, n_jobs=1)
        self._parts = [_halves(component) for component in components]
        datasets = [
            _dataset(f"{number} {bins.start}", component, bins)
            for number, (component, parts) in enumerate(zip(components, self._parts, strict=True))
            for bins in parts
        ]
        widest = max(map(_kernel_width, datasets))
        self._pad = int(np.ceil(widest / 2 / components[0].pixel_size)) + 1
        self._datasets = Datasets([d.pad(self._pad, name=d.name) for d in datasets])

    def __call__(self, expected, least):
        """sqrt(TS), negative for a deficit, and flux (1-100 GeV, ph cm-2 s-1) at every pixel.

        `expected` is what a model expects, one array (bin, y, x) for each component; `least` the
        sqrt(TS) from which a peak matters.
        """
        planes = [e[b] for e, parts in zip(expected, self._parts, strict=True) for b in parts]
        around = (0, 0), (self._pad,) * 2, (self._pad,) * 2
        for dataset, plane in zip(self._datasets, planes, strict=True):
            dataset.background.data = np.pad(plane, around)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if not self._everywhere:
                pixels = self._estimator.pixels = self._promising(least - _BELOW)
                if not pixels.any():
                    return np.zeros(planes[0].shape[1:]), np.zeros(planes[0].shape[1:])
            maps = self._estimator.estimate_flux_map(self._datasets)
        inner = (0, *(slice(self._pad, -self._pad),) * 2)
        ts, norm = (np.nan_to_num(maps[name].data[inner]) for name in ("ts", "norm"))
        unit = self._spectrum.integral(1 * u.GeV, 100 * u.GeV).to_value("cm-2 s-1")
        return np.sign(norm) * np.sqrt(np.maximum(ts, 0)), norm * unit

    def _promising(self, least):
        """Pixels in or next to which the score test sees an excess of `least` sigma.

        It compares the slope of the likelihood at norm zero with its expected scatter:
        convolutions only. Where counts are few it exceeds sqrt(TS), so nothing is lost.
        """
        slope, variance, observed = 0.0, 0.0, False
        for dataset in self._datasets:
            seen = dataset.mask_safe.data.any(axis=0)
            observed |= seen & (dataset.background.data.sum(axis=0) > 0)
            kernel = self._estimator.estimate_kernel(dataset).data
            kernel = kernel / np.maximum(kernel.sum(axis=(1, 2), keepdims=True), _TINY)
            source = estimate_exposure_reco_energy(dataset, self._spectrum, normalize=False).data
            for k, s, c, b, seen in zip(
                kernel, source, dataset.counts.data, dataset.background.data,
                dataset.mask_safe.data, strict=True,
            ):  # fmt: skip
                b = np.maximum(b, _TINY)
                slope = slope + s * oaconvolve(np.where(seen, c / b - 1, 0), k, mode="same")
                inverse = np.where(seen, 1 / b, 0)
                variance = variance + s**2 * oaconvolve(inverse, k**2, mode="same")
        score = slope / np.sqrt(np.maximum(variance, _TINY))
        return observed & (maximum_filter(score, 3) > least)


class _Estimator(TSMapEstimator):
    """gammapy's estimator, with narrower kernels at high energies, at chosen pixels only."""

    pixels = None  # all of them

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._kernels = {}

    def estimate_kernel(self, dataset):
        """Compute the kernel, once, as wide as the dataset's energies require."""
        if dataset.name not in self._kernels:
            self.kernel_width = _kernel_width(dataset) * u.deg
            self._kernels[dataset.name] = super().estimate_kernel(dataset)
        return self._kernels[dataset.name]

    def _estimate_mask_2d(self, map_dict):
        mask = super()._estimate_mask_2d(map_dict)
        return mask if self.pixels is None else mask & self.pixels


def _kernel_width(dataset):
    return WIDTHS[int(dataset.counts.geom.axes["energy"].edges[0].to_value("MeV") >= 0.99 * BREAK)]


def _halves(component):
    """Return the bins below and above the break."""
    edges = component.energy_edges
    middle = int(np.searchsorted(np.sqrt(edges[:-1] * edges[1:]), BREAK))
    halves = slice(0, middle), slice(middle, len(edges) - 1)
    return [half for half in halves if half.stop > half.start]


def _dataset(name, component, bins):
    """Convert some bins of a component to a gammapy dataset, with an empty background."""
    counts = component.counts.slice_by_idx({"energy": bins})
    true_edges, matrix = _dispersion(component.edisp, bins)
    # gammapy wants the exposure on the pixels of the counts.
    center = np.sqrt(true_edges[:-1] * true_edges[1:])
    exposure = exposures.sample(component.exposure, component.pixel_positions(), center)
    return datasets.build(
        name,
        WcsNDMap(counts.geom, counts.data.astype(float)),
        component.mask,
        background=np.zeros(counts.data.shape),
        true_edges=true_edges,
        exposure=np.nan_to_num(exposure),
        dispersion=matrix,
        psf=component.psf,
    )


def _dispersion(edisp, bins):
    """Select the true energies that matter for some bins, and the dispersion matrix of these."""
    matrix = edisp.matrix[:, bins]
    used = np.flatnonzero((matrix > _NEGLIGIBLE).any(axis=1))
    rows = slice(used[0], used[-1] + 1)
    return edisp.true_edges[used[0] : used[-1] + 2], matrix[rows]
