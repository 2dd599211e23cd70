"""Where a source is: the parabola through a log-likelihood at nine positions, and its errors."""

import numpy as np
from astropy import units as u

from fermiml.catalog.ellipses import semi_axes

_GRID = np.array([(x, y) for x in (-1.0, 0.0, 1.0) for y in (-1.0, 0.0, 1.0)])
_ROUNDS = 5
_FARTHEST = 0.5  # deg from where the source was, as for fermipy's localize
_STEPS = (0.002, 0.2)  # deg, between positions
PER_SIGMA = 1.5  # step of the grid
_QUANTILES = {"pos_r68": 2.30, "pos_r95": 5.99, "pos_r99": 9.21}  # chi-square, two dimensions


def parabola(offsets, values):
    """Compute maximum (2) and covariance (2, 2) of a log-likelihood known at offsets (n, 2).

    None where its parabola has no maximum.
    """
    x, y = np.transpose(offsets)
    terms = np.column_stack([np.ones(len(x)), x, y, x * x, x * y, y * y])
    _, *slope, xx, xy, yy = np.linalg.lstsq(terms, np.asarray(values, float), rcond=None)[0]
    curvature = -np.array([[2 * xx, xy], [xy, 2 * yy]])
    if not np.all(np.linalg.eigvalsh(curvature) > 0):
        return None
    covariance = np.linalg.inv(curvature)
    return covariance @ slope, covariance


def climb(loglike, step):
    """Find maximum (2) and covariance (2, 2) of a function of an offset (east, north; deg).

    The climb begins at zero offset. None where there is no maximum within reach. `step` is the
    first guess of the grid's.
    """
    center = np.zeros(2)
    for _ in range(_ROUNDS):
        step = float(np.clip(step, *_STEPS))
        offsets = center + step * _GRID
        values = [loglike(offset) for offset in offsets]
        found = parabola((offsets - center) / step, values)
        if found is None:
            best = offsets[np.argmax(values)]
            step *= 1 if np.any(best != center) else 2
            center = best
        else:
            peak, covariance = found
            sigma = np.linalg.det(covariance) ** 0.25  # in steps
            if np.abs(peak).max() <= 1 and 1 / 4 <= sigma <= 2:
                return center + step * peak, step**2 * covariance
            center = center + step * np.clip(peak, -2, 2)
            step *= np.clip(PER_SIGMA * sigma, 1 / 4, 4)
        if np.linalg.norm(center) > _FARTHEST:
            return None
    return None


def write_errors(source, covariance):
    """Write the position's errors into a fermipy source, where its own `localize` has them."""
    major, minor, angle = (float(value) for value in semi_axes(covariance))
    sigma = np.sqrt(major * minor)
    source.data.update({key: np.sqrt(value) * sigma for key, value in _QUANTILES.items()})
    source.data.update(
        pos_err=sigma, pos_err_semimajor=major, pos_err_semiminor=minor, pos_angle=angle
    )
    turned = _galactic(source.skydir, covariance)
    for frame, names, matrix in (("cel", "ra dec", covariance), ("gal", "glon glat", turned)):
        errors = np.sqrt(np.diag(matrix))
        source.data[f"pos_{frame}_cov"] = matrix
        source.data[f"pos_{frame}_corr"] = matrix / np.outer(errors, errors)
        source.data.update({f"{n}_err": e for n, e in zip(names.split(), errors, strict=True)})


def _galactic(place, covariance):
    """Rotate a covariance of offsets to the east and north to Galactic longitude and latitude."""
    north = place.icrs.directional_offset_by(0 * u.deg, 1e-3 * u.deg).galactic
    angle = place.galactic.position_angle(north).rad  # of the celestial north
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return turn @ covariance @ turn.T
