"""Peaks of a significance map, located between its pixels."""

from dataclasses import dataclass

import numpy as np
from astropy.coordinates import SkyCoord
from gammapy.estimators.utils import find_peaks

_SMALLEST, _LARGEST = 0.005, 0.3  # deg, 1-sigma errors that a parabola through pixels can tell


@dataclass(frozen=True)
class Peaks:
    """Maxima of a significance map: where, how significant, how well located."""

    lon: np.ndarray  # Galactic, deg
    lat: np.ndarray
    significance: np.ndarray
    error: np.ndarray  # (peak, 3): semi-major and semi-minor axis at 1 sigma, position angle

    def __len__(self):
        return len(self.lon)

    def __getitem__(self, rows):
        return Peaks(self.lon[rows], self.lat[rows], self.significance[rows], self.error[rows])

    @classmethod
    def joined(cls, parts):
        """Several as one."""
        names = ("lon", "lat", "significance", "error")
        return cls(*(np.concatenate([getattr(p, n) for p in parts]) for n in names))


def find(image, threshold, separation):
    """Peaks of a significance map, refined by parabolas, the most significant first."""
    if not np.any(image.data > threshold):
        empty = np.zeros(0)
        return Peaks(empty, empty, empty, np.zeros((0, 3)))
    table = find_peaks(image, threshold, min_distance=f"{separation} deg")
    inner = [_inside(image.data.shape, x, y) for x, y in zip(table["x"], table["y"], strict=True)]
    table = table[inner]
    fits = [_parabola(image, int(x), int(y)) for x, y in zip(table["x"], table["y"], strict=True)]
    position = SkyCoord([p for p, _ in fits]).galactic if fits else SkyCoord([], [], unit="deg")
    return Peaks(
        np.array(position.spherical.lon.deg),
        np.array(position.spherical.lat.deg),
        np.array(table["value"], float),
        np.array([e for _, e in fits]).reshape(-1, 3),
    )


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
    position = SkyCoord(*place, frame=geom.frame, unit="deg")
    return position.galactic, _ellipse(turn @ covariance @ turn.T)


def _derivatives(values):
    """Gradient and Hessian of the parabola through nine pixels; the Hessian is negative."""
    _, x, y, xx, xy, yy = _QUADRATIC @ values
    hessian = np.array([[2 * xx, xy], [xy, 2 * yy]])
    size, axes = np.linalg.eigh(hessian)
    size = np.minimum(size, -1e-3 * np.abs(size).max())  # a ridge, not a peak
    return np.array([x, y]), axes @ np.diag(size) @ axes.T


def _ellipse(covariance):
    """Semi-axes (deg) at 1 sigma and the position angle of an (east, north) covariance."""
    size, axes = np.linalg.eigh(covariance)
    minor, major = np.clip(np.sqrt(np.maximum(size, 0)), _SMALLEST, _LARGEST)
    return major, minor, np.degrees(np.arctan2(axes[0, 1], axes[1, 1]))
