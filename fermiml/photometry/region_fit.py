"""All sources of one region, fitted together."""

from dataclasses import dataclass

import numpy as np

from fermiml.photometry import group_fit, localization, spectral_fit
from fermiml.photometry.extension import extension
from fermiml.photometry.group_field import group_fields
from fermiml.photometry.scatter import probes, scatter
from fermiml.sky.sphere import axes

_MOVES = (6, 4, 0)  # steps of the positions after each fit of all groups
_LOOK = 1  # number of the fit after which the sky between the sources is looked at
_TESTED = 16.0  # TS of a source whose extension is tested
REFERENCE = 2000.0  # MeV


@dataclass
class RegionResult:
    """What is known of the sources of a region after the fit."""

    groups: list  # those that have pixels here
    vectors: np.ndarray
    covariance: np.ndarray
    walked: np.ndarray  # deg to the candidate's east and north
    curves: group_fit.Curves
    power_law: spectral_fit.Spectra
    curved: spectral_fit.Spectra
    goodness: np.ndarray
    ts_extended: np.ndarray
    size: np.ndarray  # deg, radius of the best disk


def fit_region(skies, groups, responses, region, vectors):
    """Fit the sources `vectors` of a region and its surroundings.

    `skies` and `responses` are the `RegionPixels` and `SourceResponse` of each component.
    """
    # One pair of axes for all steps of a source: near a pole east is elsewhere after each.
    directions = axes(vectors)
    fields = group_fields(skies, region, groups, vectors, directions)
    groups = [f.group for f in fields]
    folding = _folding(groups, responses)
    shift, index, start = np.zeros((len(vectors), 2)), np.full(len(vectors), 2.2), None
    fits, extra = [None] * len(fields), np.zeros((len(fields), len(vectors)))
    for number, steps in enumerate(_MOVES):
        rough = number < len(_MOVES) - 1
        now = [group_fit.GroupFit(f, f.templates(shift, index), old)
               for f, old in zip(fields, fits, strict=True)]  # fmt: skip
        fits = [fit.maximise(rough) for fit in now]
        there = _moved(vectors, shift, directions)
        if number == _LOOK:
            extra = [scatter(fit, probes(fit.field, region), there) for fit in fits]
        curves = group_fit.all_curves(fits, extra)
        spectrum = spectral_fit.fit(curves, folding, REFERENCE, start)
        start, index = spectrum.parameters, spectrum.parameters[:, 1]
        trust = _trust(fits, extra)
        shift = localization.climb(fits, spectrum.counts, trust, index, shift, steps)
    expected = spectrum.counts
    covariance, fixed = localization.covariances(fits, expected, trust)
    drop = _drops(fits, shift, index, expected, trust)
    covariance = localization.widened(covariance, fixed, drop)
    covariance = localization.turned(covariance, directions, axes(there))
    curved = spectral_fit.fit(curves, folding, REFERENCE, start, curved=True)
    extended = np.zeros((2, len(vectors)))
    rows = np.flatnonzero(2 * spectrum.log_likelihood > _TESTED)
    if len(rows):
        extended[:, rows] = extension(fits, there, index, rows, expected, trust)
    goodness = _goodness(fits)
    return RegionResult(
        groups, there, covariance, shift, curves, spectrum, curved, goodness, *extended
    )


def _moved(vectors, shift, directions):
    """Move unit vectors by shifts (deg) along two directions."""
    first, second = directions
    moved = vectors + np.radians(shift[:, :1]) * first + np.radians(shift[:, 1:]) * second
    return moved / np.linalg.norm(moved, axis=1, keepdims=True)


def _trust(fits, extra):
    """Fraction of the information on an amplitude that is left by variance beyond Poisson noise."""
    return np.stack(
        [1 / (1 + f.profile_information * e) for f, e in zip(fits, extra, strict=True)], axis=1
    )


def _drops(fits, shift, index, expected, weights):
    """Return a function that gives the loss of log-likelihood when one source moves from its
    `shift` by more (deg), and all else stays as it is."""
    before = [f.field.pairs.fractions(f.field.group, shift, index) for f in fits]
    models = [f.model_with(c)[f.field.pairs.pixel] for f, c in zip(fits, expected.T, strict=True)]

    def drop(by):
        loss = 0.0
        for fit, old, mu, counts, trust in zip(
            fits, before, models, expected.T, weights.T, strict=True
        ):
            pairs = fit.field.pairs
            step = counts[pairs.source] * (
                pairs.fractions(fit.field.group, shift + by, index) - old
            )
            gain = fit.counts[pairs.pixel] * np.log1p(np.maximum(step / mu, -0.999)) - step
            loss = loss - trust * np.bincount(pairs.source, gain, len(shift))
        return loss

    return drop


def _folding(groups, responses):
    parts = []
    for number in sorted({g.component for g in groups}):
        response = responses[number]
        fraction = np.stack([g.fraction for g in groups if g.component == number], axis=1)
        parts.append(spectral_fit.ParabolaFolding(
            response.true_edges, response.exposure, fraction, REFERENCE
        ))  # fmt: skip
    return spectral_fit.JointFolding(parts)


def _goodness(fits):
    """Mean of the squared residuals in units of the error within the PSF of each source,
    pixels and groups weighted with the source's counts."""
    total, weights = 0.0, 0.0
    for fit in fits:
        values = fit.templates.values
        residual = np.square(fit.counts - fit.mu) / fit.mu
        total = total + fit.amplitudes * (values.T @ residual)
        weights = weights + fit.amplitudes * np.asarray(values.sum(axis=0))[0]
    return total / np.maximum(weights, 1e-9)
