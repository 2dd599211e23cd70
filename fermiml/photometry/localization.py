"""Positions from the likelihood that also gives the fluxes."""

import numpy as np

from fermiml.catalog.ellipses import error_columns, semi_axes
from fermiml.photometry.group_field import FARTHEST
from fermiml.photometry.group_fit import FLOOR, scaled
from fermiml.photometry.templates import make_templates

_STEP = 0.15  # deg, largest of one iteration
_LOOSE = 0.5  # deg, prior of the shift, which only matters where nothing is known
_BACK, _ON = 0.5, 1.3  # change of a source's step length where it turns back, where it goes on
_STILL = 0.05  # of its error, below which a step is the last

_FAR = 1.8  # sigma from the best place, where the likelihood is looked at
_SYSTEMATIC = 1.1, 0.003  # factor and deg (1 sigma): for confusion, as found on selection skies
_WIDENED = (0.7, 4.0)  # the least and the most that a variance may grow by


def climb(fits, expected, weights, index, shift, steps):
    """Move sources to the maximum of the likelihood while amplitudes and background stay.

    Newton's steps, each source for itself. One that turns back has gone too far, as happens where
    photons are few: it goes on in shorter steps. `expected` are the counts (source, group) that
    weigh the groups: those of the spectra; `weights` (source, group) are 1 where only Poisson
    noise matters, below where more does. A source stays within FARTHEST of its candidate, from
    which it is at `shift` (deg).
    """
    groups = [_Group(*g) for g in zip(fits, expected.T, weights.T, strict=True)]
    length, last, moving = np.ones((len(shift), 1)), np.zeros_like(shift), np.ones(len(shift), bool)
    matrix = None
    for _ in range(steps):
        gradient = sum(group.gradient(shift, index) for group in groups)
        if matrix is None:
            matrix = np.eye(2) / _LOOSE**2 + sum(group.information() for group in groups)
        step = np.linalg.solve(matrix, gradient[:, :, None])[:, :, 0]
        back = np.sum(step * last, axis=1, keepdims=True) < 0
        length = np.where(back, _BACK * length, np.minimum(_ON * length, 1.0))
        shift, last = _at_most(shift + _at_most(length * step, _STEP), FARTHEST), step
        arrived = moving & (np.sum(step * gradient, axis=1) < _STILL**2)
        moving &= ~arrived
        for group in groups:
            group.leave(arrived, moving)
    return shift


class _Group:
    """An energy group while sources move."""

    def __init__(self, fit, counts, weight):
        self._fit, self._counts, self._weight = fit, counts, weight
        self._pairs, self._rest = fit.field.pairs, fit.background

    def gradient(self, shift, index):
        """Compute the gradient (source, 2) of the log-likelihood."""
        self._templates = make_templates(self._pairs, self._fit.field.group, shift, index)
        self._mu = np.maximum(self._rest + self._templates.model(self._counts), FLOOR)
        ratio = (self._fit.counts / self._mu - 1)[self._templates.pixel]
        change = self._templates.east, self._templates.north
        factor = self._weight * self._counts
        return np.stack([factor * self._templates.total(ratio * c) for c in change], axis=1)

    def information(self):
        """Compute the information (source, 2, 2) of the last gradient."""
        weight = 1 / self._mu[self._templates.pixel]
        east, north = self._templates.east, self._templates.north
        squares = east * east, east * north, east * north, north * north
        factor = self._weight * self._counts**2
        parts = [factor * self._templates.total(weight * s) for s in squares]
        return np.stack(parts, axis=1).reshape(-1, 2, 2)

    def leave(self, arrived, moving):
        """Let the sources that have arrived stay where the last gradient was."""
        self._rest = self._rest + self._templates.model(self._counts * arrived)
        self._pairs = self._pairs.of(moving)


def _at_most(vectors, limit):
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors * np.minimum(1, limit / np.maximum(length, 1e-9))


def covariances(fits, expected, weights):
    """Covariances (source, 2, 2; deg2) of the positions of all sources together, and the
    information while all else stays as it is; see `climb`.

    Amplitudes and background are free: what they can explain is no information.
    """
    number = len(expected)
    fixed, explained = np.zeros((2, 2 * number, 2 * number))
    for fit, counts, trust in zip(fits, expected.T, weights.T, strict=True):
        scale = np.tile(counts * np.sqrt(trust), 2)
        templates = fit.templates
        change = templates.columns(templates.east, templates.north)
        mu = fit.model_with(counts)
        information = (change.T @ scaled(change, 1 / mu).tocsr()).toarray()
        part = fit.explained(fit.cross_information(change, mu) * scale)
        fixed += scale[:, None] * information * scale
        explained += part.T @ part
    # A source without counts has no position: a wide prior keeps it where it is.
    inverse = np.linalg.inv(fixed - explained + np.eye(2 * number) / _LOOSE**2)
    return _split(inverse), _split(fixed)


def _split(matrix):
    """Extract the (source, 2, 2) blocks of a matrix in which all easts come first."""
    pairs = np.arange(len(matrix) // 2)[:, None] + np.array([0, len(matrix) // 2])
    return matrix[pairs[:, :, None], pairs[:, None, :]]


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
