"""Peaks of a significance map, located between its pixels."""

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table
from gammapy.estimators.utils import find_peaks

from fermiml.catalog.ellipses import semi_axes

_SMALLEST, _LARGEST = 0.005, 0.3  # deg, 1-sigma errors that a parabola through pixels can tell


def find(image, threshold, separation):
    """Peaks of a significance map, refined by parabolas, the most significant first.

    A table with Galactic positions, significance, error ellipse at 1 sigma, and the row and
    column of the highest pixel. A peak at the border of the map is none.
    """
    found = find_peaks(image, threshold, min_distance=f"{separation} deg")
    rows = [
        (*_parabola(image, x, y), value, y, x)
        for x, y, value in (found.iterrows("x", "y", "value") if len(found) else ())
        if _inside(image.data.shape, x, y)
    ]
    names = ("lon", "lat", "major", "minor", "angle", "significance", "row", "column")
    return Table(rows=rows or None, names=names, dtype=[float] * 6 + [int] * 2)


def _inside(shape, x, y):
    return 0 < x < shape[1] - 1 and 0 < y < shape[0] - 1


# Least squares of 1, x, y, x^2, xy, y^2 through nine pixels.
_DX, _DY = (a.ravel() for a in np.meshgrid([-1, 0, 1], [-1, 0, 1]))
_QUADRATIC = np.linalg.pinv(np.stack([np.ones(9), _DX, _DY, _DX**2, _DX * _DY, _DY**2], axis=1))


def _parabola(image, x, y):
    """Position of a peak between the pixels, and its error ellipse from the fall of TS."""
    around = image.data[y - 1 : y + 2, x - 1 : x + 2].ravel()
    slope, curvature = _derivatives(around)
    shift = np.clip(np.linalg.solve(curvature, -slope), -1, 1)
    _, fall = _derivatives(around**2)
    covariance = np.linalg.inv(-fall / 2)
    geom = image.geom
    points = SkyCoord(
        [geom.pix_to_coord((x + a, y + b)) for a, b in ((0, 0), (1, 0), (0, 1))],
        frame=geom.frame,
        unit="deg",
    ).fk5
    angle = points[0].position_angle(points[1:]).rad
    length = points[0].separation(points[1:]).deg
    turn = np.array([length * np.sin(angle), length * np.cos(angle)])  # (east, north) per pixel
    place = geom.pix_to_coord((x + shift[0], y + shift[1]))
    position = SkyCoord(*place, frame=geom.frame, unit="deg").galactic
    return position.l.deg, position.b.deg, *_ellipse(turn @ covariance @ turn.T)


def _derivatives(values):
    """Gradient and Hessian of the parabola through nine pixels; the Hessian is negative."""
    _, x, y, xx, xy, yy = _QUADRATIC @ values
    hessian = np.array([[2 * xx, xy], [xy, 2 * yy]])
    size, axes = np.linalg.eigh(hessian)
    size = np.minimum(size, -1e-3 * np.abs(size).max())  # a ridge, not a peak
    return np.array([x, y]), axes @ np.diag(size) @ axes.T


def _ellipse(covariance):
    """Semi-axes (deg) at 1 sigma and the position angle of an (east, north) covariance."""
    major, minor, angle = semi_axes(covariance)
    return *np.clip([major, minor], _SMALLEST, _LARGEST), angle
