"""Form, position and size of an extended source: where a log-likelihood of these has its maximum.

As in `fermiml.likelihood.extent`, but that fermipy and the Fermitools have no rings.
"""

from dataclasses import dataclass, replace

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from fermiml.fermipy.engine import FitFailed
from fermiml.fermipy.position_fit import PER_SIGMA, climb
from fermiml.likelihood.extent import ROUNDS, SETTLED, FittedExtent, best_size
from fermiml.model.sources import DISK, GAUSS, POINT, RADIUS_68

_PSF = 0.1  # deg, about its width at high energies


@dataclass(frozen=True)
class Body:
    """What a source looks like, and where it is."""

    form: int  # as in `fermiml.model.sources`
    size: float  # deg, likewise
    place: SkyCoord

    @property
    def radius_68(self):
        """The 68 % radius (deg), which is fermipy's SpatialWidth; 0 of a point."""
        return self.size * RADIUS_68[self.form] if self.form != POINT else 0.0

    def moved(self, offset):
        """Return it at an offset to the east and north (deg)."""
        return replace(self, place=self.place.spherical_offsets_by(*(offset * u.deg)))

    def reshaped(self, form):
        """Return it in another form with the same 68 % radius."""
        return replace(self, form=form, size=self.radius_68 / RADIUS_68[form])


def fit(loglike, start):
    """Find the best `Body`, the covariance of its position, and its `FittedExtent`.

    Parameters
    ----------
    loglike : function of a `Body`
    start : Body
        A disk or a Gaussian.
    """
    found = _settle(loglike, start)
    other = _resized(loglike, found[0].reshaped(GAUSS if start.form == DISK else DISK))[0]
    if loglike(other) > loglike(found[0]):
        found = _settle(loglike, other)
    body, covariance, error = found
    gain = 2 * (loglike(body) - _of_a_point(loglike, body.place))
    return body, covariance, FittedExtent(body.form, body.size, body.size * error, gain)


def _of_a_point(loglike, place):
    """Return the log-likelihood of a point at its best position; where there is no maximum near (as
    in the middle of a ring), at the best of those that were looked at."""
    point, seen = Body(POINT, 0.0, place), []

    def look(offset):
        seen.append(loglike(point.moved(offset)))
        return seen[-1]

    if (found := climb(look, _PSF)) is not None:
        look(found[0])
    return max(seen)


def _settle(loglike, body):
    """Find position and size in turns; return body, covariance, and the error of ln size.

    The first position may be many errors away: of those of a bright source, with a wrong size.
    """
    step = np.hypot(body.radius_68, _PSF) / 3
    for _ in range(ROUNDS):
        before = body.size
        body, covariance = _located(loglike, body, step)
        body, error = _resized(loglike, body)
        if abs(np.log(body.size / before)) < SETTLED * error:
            break
        step = PER_SIGMA * np.linalg.det(covariance) ** 0.25
    return body, covariance, error


def _located(loglike, body, step):
    found = climb(lambda offset: loglike(body.moved(offset)), step)
    if found is None:
        raise FitFailed("the log-likelihood has no maximum near its position")
    return body.moved(found[0]), found[1]


def _resized(loglike, body):
    size, error = best_size(
        lambda sizes: [-loglike(replace(body, size=float(size))) for size in sizes], body.size
    )
    return replace(body, size=size), error
