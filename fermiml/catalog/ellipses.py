"""Error ellipses: containment, axes and position angles, covariances. Angles in degrees."""

import numpy as np


def containment(level):
    """Compute the radius, in sigma, that holds a fraction `level` of a two-dimensional Gaussian."""
    return np.sqrt(-2 * np.log1p(-np.asarray(level, dtype=float)))


R68, R95 = containment(0.68), containment(0.95)  # the ratio, 1.6215, is that of 4FGL

# 4FGL-DR4's systematic error of a position: conf95 -> hypot(ERPOSFAC conf95, ERPOSABS)
ERPOSFAC = 1.075
ERPOSABS = 0.0079167  # deg


def position_angle(angle):
    """Fold a position angle of an axis into (-90, 90], as 4FGL has it."""
    return 90.0 - np.remainder(90.0 - np.asarray(angle, float), 180.0)


def covariance(major, minor, posang, direction):
    """Compute covariances (n, 2, 2) of 1-sigma ellipses, in axes along and across a direction.

    Both `posang` (of the long axis) and `direction` are from north to east.
    """
    phi = np.radians(np.asarray(posang, float) - direction)
    along, across = np.cos(phi), np.sin(phi)
    a2, b2 = np.square(major), np.square(minor)
    c01 = (a2 - b2) * along * across
    c00 = a2 * along**2 + b2 * across**2
    c11 = a2 * across**2 + b2 * along**2
    return np.moveaxis(np.array([[c00, c01], [c01, c11]]), (0, 1), (-2, -1))


def with_systematics(semi_axis, factor=ERPOSFAC, absolute=ERPOSABS, scale=1.0):
    """Widen semi-axes by the systematic error that 4FGL found in its own positions.

    `absolute` is for the 95 % axis; `scale` is the ratio of the axis to the 95 % one.
    """
    return np.hypot(factor * np.asarray(semi_axis), absolute * scale)


def semi_axes(covariance):
    """Compute semi-axes (major, minor) at 1 sigma and position angle of covariances (..., 2, 2)
    of offsets to the east and north; NaN where a covariance is not known."""
    covariance = np.asarray(covariance, float)
    known = np.isfinite(covariance).all(axis=(-2, -1))
    values, vectors = np.linalg.eigh(np.where(known[..., None, None], covariance, 0.0))
    minor, major = np.moveaxis(np.sqrt(np.maximum(values, 0)), -1, 0)
    angle = position_angle(np.degrees(np.arctan2(vectors[..., 0, 1], vectors[..., 1, 1])))
    return tuple(np.where(known, axis, np.nan) for axis in (major, minor, angle))


def error_columns(major, minor, angle):
    """Make a catalog's columns of the 68 % and 95 % ellipses from 1-sigma semi-axes."""
    columns = {}
    for percent, factor in ((68, R68), (95, R95)):
        columns[f"Conf_{percent}_SemiMajor"] = factor * np.asarray(major)
        columns[f"Conf_{percent}_SemiMinor"] = factor * np.asarray(minor)
        columns[f"Conf_{percent}_PosAng"] = np.asarray(angle)
    return columns
