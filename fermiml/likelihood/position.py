"""Positions by likelihood: the peak and the error ellipse of the surface around a source."""

import dataclasses
from dataclasses import dataclass
from functools import cache

import numpy as np
from astropy.coordinates import SkyCoord

from fermiml.catalog.ellipses import semi_axes
from fermiml.likelihood.region import NORM
from fermiml.sky.sphere import separation, to_frame, unit_vectors

_RING = 2.0  # sigma: the ellipse is that of the surface where -2 ln L has risen by 4, as in 4FGL
_POINTS = np.array([[0, 0]] + [[np.cos(a), np.sin(a)] for a in np.arange(8) * np.pi / 4])
_ROUNDS = 8
_FARTHEST = 0.4  # deg that a fit may move a source, or be unsure about it (1 sigma)
_TOLERANCE = 0.02  # in ln L, of the last step at a point; by then it is known what that would gain
_WIDENING = 1.1  # of the axes: sources too faint for the model move positions, too (docs/fit.md)
_OUTLINE = "lon", "lat", "form", "size"
_BLEND = 0.7  # deg within which the norms of neighbours are refitted at every point


@dataclass(frozen=True)
class Place:
    """A position (deg, FK5) and its covariance (deg2, east and north)."""

    ra: float
    dec: float
    covariance: np.ndarray
    converged: bool

    def ellipse(self):
        """Semi-major and semi-minor axis at 1 sigma (deg), position angle from north to east."""
        return tuple(map(float, semi_axes(self.covariance)))


def locate(region, source, ts):
    """Find the best position of a source, move its template there; returns a `Place`."""
    start = unit_vectors(region.sources.lon[source], region.sources.lat[source])
    center, settled = start, False
    shape = np.eye(2) * np.clip(0.25 / np.sqrt(max(ts, 1.0)), 0.003, 0.1) ** 2
    for _ in range(_ROUNDS):
        ring = _POINTS @ (_RING * np.linalg.cholesky(shape)).T
        found = losses(region, source, _sources_at(region, source, _moved(center, ring)))
        step, covariance = _peak(ring, found)
        if covariance is None:  # no peak inside: go where it is best, look farther
            center, shape = _moved(center, step), shape * 2.25
            continue
        # The step in units of the ring: a quadratic surface is not trusted far beyond it.
        length = np.sqrt(step @ np.linalg.solve(shape, step)) / _RING
        center = _moved(center, step / max(1.0, length / 1.5))
        sigma = np.sqrt(step @ np.linalg.solve(covariance, step))
        change = np.linalg.eigvals(np.linalg.solve(shape, covariance)).real
        shape = covariance
        if sigma < 0.15 and np.all(np.abs(np.log(change)) < 0.6):
            settled = True
            break
    if not max(separation(center, start), np.sqrt(np.linalg.eigvalsh(shape)[1])) < _FARTHEST:
        return _place(start, np.full((2, 2), np.nan), False)
    put(region, source, _sources_at(region, source, center[None]))
    return _place(center, _WIDENING**2 * shape, settled)


def put(region, source, other):
    """Give a source the position, form and size of another one."""
    template, sums = region.images(other, region.photons(source))
    columns = {name: getattr(region.sources, name).copy() for name in _OUTLINE}
    for name, column in columns.items():
        column[source] = getattr(other, name)[0]
    region.move(source, dataclasses.replace(region.sources, **columns), template[0], sums[0])


def _place(vector, covariance, converged):
    lon, lat = _lon_lat(vector)
    place = SkyCoord(lon, lat, unit="deg", frame="galactic").fk5
    return Place(place.ra.deg, place.dec.deg, covariance, converged)


def losses(region, source, candidates):
    """Minus ln L with each of some `Sources` in place of one, its norm and those of close
    neighbours free."""
    column = region.column(source)
    free = np.zeros(region.state.shape, bool)
    near = _BLEND + np.max(candidates.size)
    free[region.planes :, NORM] = close_to(region.sources, source, near)
    photons = [np.repeat(p, len(candidates), axis=0) for p in region.photons(source)]
    templates, sums = region.images(candidates, photons)
    # All candidates must share the pixels of the sum, so none is cut to its own window.
    rows = region.templates[np.flatnonzero(free.any(axis=1))].any(axis=0) | templates.any(axis=0)
    state, found = region.state, []
    for candidate in zip(templates, sums, strict=True):
        fit = region.fit(
            free, state=state, templates={column: candidate}, rows=rows, tolerance=_TOLERANCE
        )
        found.append(fit.loss)
        state = fit.state
    return np.array(found)


def _peak(offsets, losses):
    """(step to the least loss, covariance) of a quadratic surface; covariance None without one."""
    x, y = offsets.T
    scale = np.sqrt(np.mean(x**2 + y**2))
    x, y = x / scale, y / scale
    design = np.column_stack([np.ones(len(x)), x, y, 0.5 * x**2, x * y, 0.5 * y**2])
    _, gx, gy, hxx, hxy, hyy = np.linalg.lstsq(design, losses - losses.min(), rcond=None)[0]
    hessian = np.array([[hxx, hxy], [hxy, hyy]])
    values = np.linalg.eigvalsh(hessian)
    if values[0] <= 0.02 * values[1] or values[1] <= 0:
        return offsets[np.argmin(losses)], None
    covariance = np.linalg.inv(hessian) * scale**2
    return -np.linalg.solve(hessian, [gx, gy]) * scale, covariance


def close_to(sources, source, radius):
    """Which sources are within `radius` (deg) of one of them."""
    vectors = unit_vectors(sources.lon, sources.lat)
    chord = np.linalg.norm(vectors - vectors[source], axis=1)
    return chord <= 2 * np.sin(np.radians(radius) / 2)


def _moved(center, offsets):
    """Directions at offsets (deg, east and north in FK5) from one; all of them Galactic."""
    east = np.cross(_pole(), center)
    east = east / np.linalg.norm(east)
    north = np.cross(center, east)
    lon, lat = np.moveaxis(np.radians(offsets)[..., None], -2, 0)
    return np.cos(lat) * (np.cos(lon) * center + np.sin(lon) * east) + np.sin(lat) * north


@cache
def _pole():
    """Return the Galactic direction of the pole of FK5."""
    return to_frame(np.array([0.0, 0.0, 1.0]), "fk5", "galactic")


def _lon_lat(vectors):
    x, y, z = np.moveaxis(vectors, -1, 0)
    return np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arctan2(z, np.hypot(x, y)))


def _sources_at(region, source, vectors):
    """Copy a source to other places, in its present state."""
    lon, lat = _lon_lat(vectors)
    own = region.present()[np.full(len(vectors), source)]
    return dataclasses.replace(own, lon=lon, lat=lat)
