"""Positions from the likelihood that also gives the fluxes."""

import numpy as np

from fermiml.catalog.ellipses import error_columns, semi_axes
from fermiml.photometry.templates import shared

_LOOSE = 0.5  # deg, prior of the shift, which only matters where nothing is known
_FAR = 1.8  # sigma from the best place, where the likelihood is looked at
_SYSTEMATIC = 1.17, 0.003  # factor and deg (1 sigma): for confusion, as found on selection skies
_WIDENED = (0.7, 4.0)  # the least and the most that a variance may grow by


def gradient(weighted):
    """Gradient (source, 2) of the log-likelihood in the positions.

    `weighted` are the groups as `JointFit` has them: the counts that the spectra predict are those
    that weigh a group, not its noisy amplitudes; and it counts for less where there is more than
    Poisson noise.
    """
    total = 0.0
    for fit, counts, trust in weighted:
        templates = fit.templates
        source, pixel = templates.source, templates.pixel
        ratio = fit.counts[pixel] / fit.models_with(counts, source, pixel, templates.fraction) - 1
        change = templates.east, templates.north
        total = total + np.stack([trust * counts * templates.total(ratio * c) for c in change], 1)
    return total


def information(weighted):
    """Inverse of the information on all positions (2 n, 2 n; all easts first), and the information
    while all else stays as it is.

    Amplitudes and background are free: what they can explain is no information.
    """
    number = len(weighted[0][1])
    fixed, explained = np.zeros((2, 2 * number, 2 * number))
    for fit, counts, trust in weighted:
        scale, mu = np.tile(counts * np.sqrt(trust), 2), fit.model_with(counts)
        templates = fit.templates
        part = fit.explained(templates, templates.east, templates.north, mu=mu) * scale
        fixed += scale[:, None] * _of_one_count(templates, mu) * scale
        explained += part.T @ part
    # A source without counts has no position: a wide prior keeps it where it is.
    return np.linalg.inv(fixed - explained + np.eye(2 * number) / _LOOSE**2), fixed


def rough_inverse(weighted):
    """Inverse of the information on each position while all else stays, (2 n, 2 n)."""
    number = len(weighted[0][1])
    total = np.tile(np.eye(2) / _LOOSE**2, (number, 1, 1))
    for fit, counts, trust in weighted:
        templates, mu = fit.templates, fit.model_with(counts)
        east, north = templates.east, templates.north
        weight = 1 / mu[templates.pixel]
        parts = [templates.total(weight * c) for c in (east**2, east * north, north**2)]
        scale = (counts**2 * trust)[:, None, None]
        total += scale * np.stack(parts, axis=1)[:, [0, 1, 1, 2]].reshape(-1, 2, 2)
    inverse = np.zeros((2, number, 2, number))
    inverse[:, np.arange(number), :, np.arange(number)] = np.linalg.inv(total)
    return inverse.reshape(2 * number, 2 * number)


def _of_one_count(templates, mu):
    """Information on the positions of sources of one count each, while all else stays."""
    east, north = templates.east, templates.north
    weight = 1 / mu[templates.pixel]
    east_east, east_north, north_north = (
        shared(templates, a, templates, b * weight)
        for a, b in ((east, east), (east, north), (north, north))
    )
    return np.block([[east_east, east_north], [east_north.T, north_north]])


def blocks(matrix):
    """Extract the (source, 2, 2) blocks of a matrix in which all easts come first."""
    pairs = np.arange(len(matrix) // 2)[:, None] + np.array([0, len(matrix) // 2])
    return matrix[pairs[:, :, None], pairs[:, None, :]]


def covariances(weighted, walk, index):
    """Covariances (source, 2, 2; deg2) of the positions at the end of a walk.

    Where it did not come to rest, its last step is an error, too.
    """
    inverse, fixed = (blocks(matrix) for matrix in information(weighted))
    covariance = _widened(inverse, fixed, drops(weighted, walk.shift, index))
    return covariance + walk.step[:, :, None] * walk.step[:, None]


def _widened(covariance, fixed, drop_at):
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


def drops(weighted, shift, index):
    """Return a function that gives the loss of log-likelihood when one source moves from its
    `shift` by more (deg), and all else stays as it is."""
    fields = [fit.field for fit, *_ in weighted]
    before = [f.pairs.fractions(f.group, shift, index) for f in fields]
    models = [
        fit.models_with(counts, fit.field.pairs.source, fit.field.pairs.pixel, fraction)
        for (fit, counts, _), fraction in zip(weighted, before, strict=True)
    ]

    def drop(by):
        loss = 0.0
        for (fit, counts, trust), old, mu in zip(weighted, before, models, strict=True):
            pairs = fit.field.pairs
            new = pairs.fractions(fit.field.group, shift + by, index)
            step = counts[pairs.source] * (new - old)
            gain = fit.counts[pairs.pixel] * np.log1p(np.maximum(step / mu, -0.999)) - step
            loss = loss - trust * np.bincount(pairs.source, gain, len(shift))
        return loss

    return drop


def turned(covariance, old, new):
    """Covariances (source, 2, 2) along two directions, each (source, 3), as along two others."""
    turn = np.einsum("isk,jsk->sij", np.array(new), np.array(old))
    return turn @ covariance @ turn.transpose(0, 2, 1)


def ellipses(covariance):
    """Columns of the 68 % and 95 % ellipses of covariances (source, 2, 2; east, north)."""
    factor, floor = _SYSTEMATIC
    major, minor, angle = semi_axes(covariance)
    return error_columns(np.hypot(factor * major, floor), np.hypot(factor * minor, floor), angle)
