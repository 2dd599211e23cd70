"""Positions by likelihood: the peak and the error ellipse of the surface around a source."""

import dataclasses
from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.coordinates import FK5, SkyCoord

from fermiml.catalog.ellipses import semi_axes
from fermiml.likelihood.region import NORM

_RING = 2.0  # sigma: the ellipse is that of the surface where -2 ln L has risen by 4, as in 4FGL
_POINTS = np.array([[0, 0]] + [[np.cos(a), np.sin(a)] for a in np.arange(8) * np.pi / 4])
_ROUNDS = 8
_FARTHEST = 0.4  # deg that a fit may move a source, or be unsure about it (1 sigma)
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
    start = coordinates(region.sources, source)
    center, settled = start, False
    shape = np.eye(2) * np.clip(0.25 / np.sqrt(max(ts, 1.0)), 0.003, 0.1) ** 2
    for _ in range(_ROUNDS):
        ring = _POINTS @ (_RING * np.linalg.cholesky(shape)).T
        losses = _losses(region, source, _moved(center, ring))
        step, covariance = _peak(ring, losses)
        if covariance is None:  # no peak inside: go where it is best, look farther
            center, shape = _moved(center, step[None])[0], shape * 2.25
            continue
        # The step in units of the ring: a quadratic surface is not trusted far beyond it.
        length = np.sqrt(step @ np.linalg.solve(shape, step)) / _RING
        center = _moved(center, (step / max(1.0, length / 1.5))[None])[0]
        sigma = np.sqrt(step @ np.linalg.solve(covariance, step))
        change = np.linalg.eigvals(np.linalg.solve(shape, covariance)).real
        shape = covariance
        if sigma < 0.15 and np.all(np.abs(np.log(change)) < 0.6):
            settled = True
            break
    reach = max(center.separation(start).deg, np.sqrt(np.linalg.eigvalsh(shape)[1]))
    if not reach < _FARTHEST:
        return Place(start.ra.deg, start.dec.deg, np.full((2, 2), np.nan), False)
    moved = _sources_at(region, source, SkyCoord([center]))
    template, sums = region.images(moved)
    lon, lat = region.sources.lon.copy(), region.sources.lat.copy()
    lon[source], lat[source] = moved.lon[0], moved.lat[0]
    region.move(source, _replace(region.sources, lon, lat), template[0], sums[0])
    return Place(center.ra.deg, center.dec.deg, shape, settled)


def _losses(region, source, positions):
    """Minus ln L with the source at each position, its norm and those of close neighbours free."""
    column = region.column(source)
    here = coordinates(region.sources, slice(None))
    close = here.separation(here[source]).deg < _BLEND
    free = np.zeros(region.state.shape, bool)
    free[region.planes :, NORM] = close
    templates, sums = region.images(_sources_at(region, source, positions))
    # All candidates must share the pixels of the sum, so none is cut to its own window.
    rows = region.templates[np.flatnonzero(free.any(axis=1))].any(axis=0) | templates.any(axis=0)
    state, losses = region.state, []
    for candidate in zip(templates, sums, strict=True):
        found = region.fit(free, state=state, templates={column: candidate}, rows=rows)
        losses.append(found.loss)
        state = found.state
    return np.array(losses)


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


def coordinates(sources, which=slice(None)):
    """Positions of sources, in FK5."""
    return SkyCoord(sources.lon[which], sources.lat[which], unit="deg", frame="galactic").fk5


def _moved(center, offsets):
    """Positions at offsets (deg, east and north) from a place."""
    place = center.skyoffset_frame()
    return SkyCoord(offsets[:, 0] * u.deg, offsets[:, 1] * u.deg, frame=place).transform_to(FK5())


def _sources_at(region, source, positions):
    """Copy a source to other positions, in its present state."""
    copies = region.present()[np.full(len(positions), source)]
    galactic = positions.galactic
    return _replace(copies, galactic.l.deg, galactic.b.deg)


def _replace(sources, lon, lat):
    return dataclasses.replace(sources, lon=lon, lat=lat)
