"""Positions where a pixel holds the whole PSF: its counts do not tell where in it a source is."""

import numpy as np

from fermiml.photometry.localization import drops

_FARTHEST = 0.35  # deg from the candidate, that a position may move
_COARSE = 2.0  # of the widest r68, from which pixels are coarse
_HALF = 0.6  # of a coarse pixel, that a position may move
_SAMPLED = 1 / 8  # of a pixel, the distance of the points at which templates are sampled
_GRID = 9  # places across the possible shifts


def farthest(pixel_size):
    """Deg that a position may move from its candidate: about half a pixel at least."""
    return max(_FARTHEST, _HALF * pixel_size)


def are_coarse(pixel_size, groups):
    """Whether pixels hold the whole PSF."""
    return pixel_size > _COARSE * max(group.r68 for group in groups)


def average_shifts(weighted, walk, index, pixel_size):
    """Means (source, 2) and covariances (source, 2, 2) of all possible shifts from the candidates.

    The likelihood is flat within a coarse pixel, and its maximum is where the counts of the
    neighbouring pixels happen to be; the mean is in the middle of what they allow. All else stays
    as it is at the end of the `walk`. No error is smaller than the distance of the points at which
    templates are sampled.
    """
    steps = np.linspace(-1, 1, _GRID)
    places = np.array([(x, y) for x in steps for y in steps if np.hypot(x, y) <= 1])
    shifts = walk.limit * places[:, None]  # (place, source, 2)
    drop_at = drops(weighted, walk.shift, index)
    loss = np.array([drop_at(shift - walk.shift) for shift in shifts])
    weight = np.exp(loss.min(axis=0) - loss)
    weight /= weight.sum(axis=0)
    mean = np.einsum("ps,psi->si", weight, shifts)
    around = shifts - mean
    covariance = np.einsum("ps,psi,psj->sij", weight, around, around)
    return mean, covariance + (_SAMPLED * pixel_size) ** 2 * np.eye(2)
