"""Pixels that are as wide as the PSF at their energies allows.

At 100 MeV the PSF holds 68 % of a source within 5 deg, and pixels of 0.1 deg tell nothing that
wider ones do not. So the bins of a component are split into layers, and the pixels of a layer
are merged by 2 x 2, 4 x 4 ... while many of them still lie across the PSF. That saves most rows of
a fit.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np
from gammapy.maps import HpxGeom, WcsGeom

from fermiml.fitsmaps import image_geom, with_axes

_ACROSS = 12.0  # pixels, at least, within the PSF's 68 % radius
_STEPS_ACROSS = 20.0  # between the points at which the PSF is sampled near a source
_NEGLIGIBLE = 1e-7  # probability of a true energy to be counted in a bin


@dataclass(frozen=True)
class Layer:
    """Some bins of a component, pixels in a row."""

    observation: object  # fermiml.model.observation.Observation
    true: slice  # its true bins among the component's
    step: float  # deg between the points at which the PSF is sampled near a source
    counts: np.ndarray  # (bin, pixel), in the fit
    planes: np.ndarray  # (background, bin, pixel), expected counts of it
    covered: np.ndarray  # (pixel,), the fraction that is in the fit


def split(observation, counts, planes, used):
    """Split data (bin, pixel) of an observation, of which the pixels `used` are in the fit."""
    energy = np.sqrt(observation.edges[:-1] * observation.edges[1:])
    radius = np.minimum.accumulate(observation.psf.containment_radius(energy, 0.68))
    doublings = np.floor(np.log2(radius / _ACROSS / observation.pixels.side)).clip(0)
    layers = []
    for power in -np.unique(-doublings):
        bins = np.flatnonzero(doublings == power)
        bins, step = slice(bins[0], bins[-1] + 1), radius[bins[-1]] / _STEPS_ACROSS
        layers.append(_layer(observation, counts, planes, used, bins, 2 ** int(power), step))
    return layers


def _layer(observation, counts, planes, used, bins, factor, step):
    part, true = _bins_of(observation, bins)
    counts, planes = counts[bins] * used, planes[:, bins] * used
    if factor == 1:
        return Layer(part, true, step, counts, planes, used.astype(float))
    image, parent = _merged(image_geom(observation.geom), factor)
    part = dataclasses.replace(part, geom=with_axes(image, part.geom.axes))

    area = part.pixels.area

    def merged(maps):
        rows = maps.reshape(-1, len(used))
        sums = [np.bincount(parent, row, len(area)) for row in rows]
        return np.reshape(sums, (*maps.shape[:-1], len(area)))

    covered = merged(observation.pixels.area * used) / np.where(area > 0, area, np.inf)
    return Layer(part, true, step, merged(counts), merged(planes), covered)


def _bins_of(observation, bins):
    """Select some bins of an observation, and the true bins that they take events from."""
    dispersion = observation.dispersion[:, bins]
    used = np.flatnonzero((dispersion > _NEGLIGIBLE).any(axis=1))
    true = slice(used[0], used[-1] + 1)
    axis = observation.geom.axes["energy"].slice(bins)
    part = dataclasses.replace(
        observation,
        geom=with_axes(observation.geom, [axis]),
        true_edges=observation.true_edges[true.start : true.stop + 1],
        dispersion=dispersion[true],
        mask=None,
    )
    return part, true


def _merged(image, factor):
    """Merge pixels by `factor` x `factor`: the geometry, and each pixel's number in it."""
    if image.is_hpx:
        whole = HpxGeom(image.nside[0] // factor, image.nest, image.frame)
        numbers, parent = np.unique(whole.coord_to_idx(image.get_coord())[0], return_inverse=True)
        return HpxGeom(whole.nside, image.nest, image.frame, region=(numbers,)), parent
    rows, columns = (-(-n // factor) for n in image.data_shape)
    row, column = np.indices(image.data_shape) // factor
    wcs = image.wcs[::factor, ::factor]
    wcs.array_shape = rows, columns
    return WcsGeom(wcs, npix=(columns, rows)), (row * columns + column).ravel()
