"""All sources of one region, fitted together."""

from dataclasses import dataclass

import numpy as np

from fermiml.photometry import localization, spectral_fit
from fermiml.photometry.coarse_pixels import are_coarse, average_shifts, farthest
from fermiml.photometry.curves import Curves
from fermiml.photometry.extension import extension
from fermiml.photometry.group_field import group_fields
from fermiml.photometry.joint_fit import REFERENCE, fit_jointly
from fermiml.photometry.split import Splits, split
from fermiml.photometry.walk import Walk
from fermiml.sky.sphere import axes

_TESTED = 16.0  # TS of a source whose extension is tested
_BRIGHT = 50.0  # TS of a source that is tested for being two
_THERE = 9.0  # TS of a source that is not taken for a part of another


@dataclass
class RegionResult:
    """What is known of the sources of a region after the fit."""

    groups: list  # those that have pixels here
    vectors: np.ndarray
    covariance: np.ndarray
    walked: np.ndarray  # deg to the candidate's east and north
    curves: Curves
    power_law: spectral_fit.Spectra
    curved: spectral_fit.Spectra
    goodness: np.ndarray
    ts_extended: np.ndarray
    size: np.ndarray  # deg, radius of the best disk
    splits: Splits  # of two sources in place of one


def fit_region(skies, groups, responses, region, vectors):
    """Fit the sources `vectors` of a region and its surroundings.

    `skies` and `responses` are the `RegionPixels` and `SourceResponse` of each component.
    """
    # One pair of axes for all steps of a source: near a pole east is elsewhere after each.
    directions = axes(vectors)
    fields = group_fields(skies, region, groups, vectors, directions)
    groups = [f.group for f in fields]
    folding = make_folding(groups, responses)
    pixel_size = max(sky.pixel_size for sky in skies)
    walk = Walk(vectors, directions, farthest(pixel_size))
    best = fit_jointly(fields, region, folding, walk)
    coarse = are_coarse(pixel_size, groups)
    if coarse:
        walk.shift, covariance = average_shifts(best.weighted, walk, best.index, pixel_size)
    else:
        covariance = localization.covariances(best.weighted, walk, best.index)
    covariance = localization.turned(covariance, directions, axes(walk.vectors))
    power_law = best.spectra
    curved = spectral_fit.fit(best.curves, folding, REFERENCE, power_law.parameters, curved=True)
    extended = np.zeros((2, len(vectors)))
    own = np.isin(region.joint, region.own)  # of the others nothing is wanted
    rows = np.flatnonzero(own & (2 * power_law.log_likelihood > _TESTED))
    if len(rows):
        extended[:, rows] = extension(best.weighted, walk.vectors, best.index, rows)
    splits = Splits.unknown(len(vectors)) if coarse else _splits(best, curved, walk.vectors, own)
    return RegionResult(
        groups, walk.vectors, covariance, walk.shift, best.curves, power_law, curved,
        goodness(best.fits), *extended, splits,
    )  # fmt: skip


def _splits(best, curved, vectors, own):
    """Test the bright ones of a region's `own` sources for being two; of the others nothing is
    known."""
    rows = np.flatnonzero(own & (2 * best.spectra.log_likelihood > _BRIGHT))
    if not len(rows):
        return Splits.unknown(len(vectors))
    weighted = [(fit, counts, trust) for (fit, _, trust), counts
                in zip(best.weighted, curved.counts.T, strict=True)]  # fmt: skip
    others = np.flatnonzero(2 * best.spectra.log_likelihood > _THERE)
    return split(weighted, vectors, best.index, rows, others)


def make_folding(groups, responses):
    parts = []
    for number in sorted({g.component for g in groups}):
        response = responses[number]
        fraction = np.stack([g.fraction for g in groups if g.component == number], axis=1)
        parts.append(spectral_fit.ParabolaFolding(
            response.true_edges, response.exposure, fraction, REFERENCE
        ))  # fmt: skip
    return spectral_fit.JointFolding(parts)


def goodness(fits):
    """Mean of the squared residuals in units of the error within the PSF of each source,
    pixels and groups weighted with the source's counts."""
    total, weights = 0.0, 0.0
    for fit in fits:
        templates = fit.templates
        residual = np.square(fit.counts - fit.mu) / fit.mu
        total = total + fit.amplitudes * (templates.values.T @ residual)
        weights = weights + fit.amplitudes * templates.total(templates.fraction)
    return total / np.maximum(weights, 1e-9)
