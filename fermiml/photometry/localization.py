"""Positions from the likelihood that also gives the fluxes."""

import numpy as np
from scipy.sparse import diags, hstack

from fermiml.catalog.ellipses import error_columns, semi_axes
from fermiml.photometry.group_fit import scaled

_STEP = 0.15  # deg, largest of one iteration
_LOOSE = 0.5  # deg, prior of the shift, which only matters where nothing is known

_FAR = 1.8  # sigma from the best place, where the likelihood is looked at
_SYSTEMATIC = 1.1, 0.003  # factor and deg (1 sigma): for confusion, as found on selection skies
_WIDENED = (0.7, 4.0)  # the least and the most that a variance may grow by


def score(fits, expected, weights):
    """Gradient (source, 2) and information (2 n, 2 n; all easts first) of the positions, and
    the information (source, 2, 2) while all else stays as it is.

    `expected` are the counts (source, group) that weigh the groups: those of the spectra;
    `weights` (source, group) are 1 where only Poisson noise matters, below where more does.
    Amplitudes and background are free: what they can explain is no information.
    """
    number = len(expected)
    gradient, fixed = np.zeros(2 * number), np.zeros((2 * number, 2 * number))
    explained = np.zeros_like(fixed)
    for fit, counts, trust in zip(fits, expected.T, weights.T, strict=True):
        scale = diags(counts * np.sqrt(trust))
        change = hstack([fit.templates.east @ scale, fit.templates.north @ scale]).tocsc()
        mu = fit.model_with(counts)
        gradient += np.tile(np.sqrt(trust), 2) * (change.T @ (fit.counts / mu - 1))
        fixed += (change.T @ scaled(change, 1 / mu)).toarray()
        cross = fit.cross_information(change, mu)
        explained += cross.T @ fit.solve(cross)
    return gradient.reshape(2, -1).T, fixed - explained, _blocks(fixed)


def _blocks(matrix):
    """Extract the (source, 2, 2) blocks of a matrix in which all easts come first."""
    pairs = np.arange(len(matrix) // 2)[:, None] + np.array([0, len(matrix) // 2])
    return matrix[pairs[:, :, None], pairs[:, None, :]]


def newton_step(gradient, matrix, walked, farthest):
    """Compute steps (deg; east, north), limited in length, and covariances (source, 2, 2).

    A source stays within `farthest` of its candidate, from which it is at `walked`.
    """
    number = len(gradient)
    # A source without counts has no position: a wide prior keeps it where it is.
    inverse = np.linalg.inv(matrix + np.eye(2 * number) / _LOOSE**2)
    step = (inverse @ gradient.T.ravel()).reshape(2, -1).T
    length = np.linalg.norm(step, axis=1, keepdims=True)
    step = step * np.minimum(1, _STEP / np.maximum(length, 1e-9))
    goal = walked + step
    length = np.linalg.norm(goal, axis=1, keepdims=True)
    goal = goal * np.minimum(1, farthest / np.maximum(length, 1e-9))
    return goal - walked, _blocks(inverse)


def widened(covariance, fixed, drop_at):
    """Covariances made true to the likelihood at about the distance that matters.

    With few photons it is no paraboloid: along each axis of an ellipse it is compared with the
    one that the information `fixed` predicts. `drop_at` gives the loss of log-likelihood of
    all sources after shifts (source, 2) in deg.
    """
    values, vectors = np.linalg.eigh(covariance)
    scales = []
    for axis in range(2):
        shift = _FAR * np.sqrt(np.maximum(values[:, axis, None], 0)) * vectors[:, :, axis]
        expected = 0.5 * np.einsum("si,sij,sj->s", shift, fixed, shift)
        drop = 0.5 * (drop_at(shift) + drop_at(-shift))
        scales.append(expected / np.maximum(drop, 1e-3 * expected + 1e-12))
    scales = np.clip(np.stack(scales, axis=1), *_WIDENED)
    return (vectors * (values * scales)[:, None]) @ vectors.transpose(0, 2, 1)


def turned(covariance, old, new):
    """Covariances (source, 2, 2) along two directions, each (source, 3), as along two others."""
    turn = np.einsum("isk,jsk->sij", np.array(new), np.array(old))
    return turn @ covariance @ turn.transpose(0, 2, 1)


def ellipses(covariance):
    """Columns of the 68 % and 95 % ellipses of covariances (source, 2, 2; east, north)."""
    factor, floor = _SYSTEMATIC
    major, minor, angle = semi_axes(covariance)
    return error_columns(np.hypot(factor * major, floor), np.hypot(factor * minor, floor), angle)
