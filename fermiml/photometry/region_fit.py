"""All sources of one region, fitted together."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import diags

from fermiml.photometry import group_fit, localization, spectral_fit
from fermiml.photometry.extension import extension
from fermiml.photometry.pixels import grids
from fermiml.photometry.scatter import probes, scatter
from fermiml.photometry.splines import knot_spacing, splines
from fermiml.photometry.templates import make_shapes, make_templates, pairs
from fermiml.sky.sphere import axes

_MOVES = 5  # times that the positions are improved
_LOOKS = (0, 2)  # moves before which the sky between the sources is looked at
_TESTED = 16.0  # TS of a source whose extension is tested
FARTHEST = 0.35  # deg from the candidate, that a position may move
_BLOCK = 0.45  # deg
_MODEL_SPACING = 4.0  # deg, of the free norm of a background model
MARGIN = 4.0  # deg of pixels around a region, at most
_LEAST = 0.02  # of the local level, that a coefficient of the background has
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
    fields = [f for i, sky in enumerate(skies) for f in _fields(sky, region, groups, i, vectors)]
    groups = [f.group for f in fields]
    # One pair of axes for all steps of a source: near a pole east is elsewhere after each.
    start, directions, index = vectors, axes(vectors), np.full(len(vectors), 2.2)
    walked = np.zeros((len(vectors), 2))
    folding = _folding(groups, responses)
    between = [probes(field, region) for field in fields]
    fits, spectrum = None, None
    for move in range(_MOVES + 1):
        templates = [f.templates(vectors, index, directions) for f in fields]
        old = fits or [None] * len(fields)
        fits = [f.fit(t, o) for f, t, o in zip(fields, templates, old, strict=True)]
        if move in _LOOKS:
            extra = [scatter(*pair, vectors) for pair in zip(fits, between, strict=True)]
        curves = group_fit.all_curves(fits, extra)
        start_at = None if spectrum is None else spectrum.parameters
        spectrum = spectral_fit.fit(curves, folding, REFERENCE, start_at)
        index = spectrum.parameters[:, 1]
        trust = _trust(fits, extra)
        gradient, matrix, fixed = localization.score(fits, spectrum.counts, trust)
        step, covariance = localization.newton_step(gradient, matrix, walked, FARTHEST)
        if move == _MOVES:
            break
        walked = walked + step
        vectors = _moved(start, walked, directions)
    covariance = localization.widened(
        covariance,
        fixed,
        lambda shift: _drop(
            fields, fits, vectors, _moved(vectors, shift, directions), index, spectrum.counts, trust
        ),
    )
    covariance = localization.turned(covariance, directions, axes(vectors))
    curved = spectral_fit.fit(curves, folding, REFERENCE, spectrum.parameters, curved=True)
    extended = np.zeros((2, len(vectors)))
    rows = np.flatnonzero(2 * spectrum.log_likelihood > _TESTED)
    if len(rows):
        extended[:, rows] = extension(fields, fits, vectors, rows, spectrum.counts, trust)
    goodness = _goodness(fits)
    return RegionResult(
        groups, vectors, covariance, walked, curves, spectrum, curved, goodness, *extended
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


def _drop(fields, fits, vectors, there, index, expected, weights):
    """Loss of log-likelihood when one source moves `there` and all else stays as it is."""
    loss = 0.0
    for field, fit, counts, trust in zip(fields, fits, expected.T, weights.T, strict=True):
        change = (field.templates(there, index).values - fit.templates.values).tocsc()
        source = np.repeat(np.arange(len(vectors)), np.diff(change.indptr))
        step = counts[source] * change.data
        mu = fit.model_with(counts)[change.indices]
        gain = fit.counts[change.indices] * np.log1p(np.maximum(step / mu, -0.999)) - step
        loss = loss - trust * np.bincount(source, gain, len(vectors))
    return loss


def _folding(groups, responses):
    parts = []
    for number in sorted({g.component for g in groups}):
        response = responses[number]
        fraction = np.stack([g.fraction for g in groups if g.component == number], axis=1)
        parts.append(spectral_fit.ParabolaFolding(
            response.true_edges, response.exposure, fraction, REFERENCE
        ))  # fmt: skip
    return spectral_fit.JointFolding(parts)


class _Field:
    """A group's pixels and background within a region."""

    def __init__(self, grid, group, vectors):
        self.grid, self.group = grid, group
        self._near = pairs(grid, vectors, group.reach + FARTHEST)
        x, y = grid.xy.T
        modelled = grid.background is not None
        weight = grid.background if modelled else grid.area * np.degrees(1) ** 2
        free = knot_spacing(grid.counts, grid.area, group.edges)
        spacing = _MODEL_SPACING if modelled else free
        self._splines = splines(x, y, np.maximum(weight, 1e-12), spacing)
        self._blocks = group_fit.block_sums(grid.xy, _BLOCK)
        size = np.asarray(self._blocks.sum(axis=1))[:, 0]
        self._coarse = (diags(1 / size) @ self._blocks @ self._splines.values).tocsr()
        level = self._splines.values.T @ grid.counts
        support = np.asarray(self._splines.values.sum(axis=0))[0]
        norm = self._splines.values.T @ (self._splines.values @ np.ones(len(support)))
        self._level = (level + 0.1 * level.mean()) / norm + 1e-9
        self._penalty = self._splines.penalty(self._level)

    def templates(self, vectors, index, directions=None):
        """Templates of the sources, at or near their first places."""
        return make_templates(self.grid, self._near, self.group, vectors, index, directions)

    def templates_at(self, places):
        """Templates (pixel, place) of a typical source at any places."""
        near = pairs(self.grid, places, self.group.reach)
        return make_templates(self.grid, near, self.group, places, np.full(len(places), 2.2)).values

    def shapes(self, vectors):
        return make_shapes(self.grid, self.group, vectors)

    def fit(self, templates, previous):
        sources = templates.values.shape[1]
        start = np.concatenate([np.zeros(sources), self._level])
        if previous is not None:
            start = previous.parameters
        lowest = np.concatenate([np.zeros(sources), _LEAST * self._level])
        return group_fit.GroupFit(
            self.grid.counts, templates, self._splines.values, self._blocks, self._coarse,
            self._penalty, lowest, start,
        ).maximise()  # fmt: skip


def _fields(sky, region, groups, component, vectors):
    mine = [g for g in groups if g.component == component]
    margins = [min(MARGIN, 1.2 * p.reach + 0.8) for p in mine]
    cut = zip(grids(sky, region, mine, margins), mine, strict=True)
    return [_Field(grid, group, vectors) for grid, group in cut if len(grid.area)]


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
