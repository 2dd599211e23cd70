"""Form, position and size of the largest log-likelihood."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from fermiml.fermipy import extent_fit
from fermiml.fermipy.engine import FitFailed
from fermiml.fermipy.extent_fit import Body
from fermiml.model.sources import DISK, GAUSS, POINT

TRUE = SkyCoord(83.0, 22.0, unit="deg")
BESIDE = TRUE.directional_offset_by(30 * u.deg, 0.1 * u.deg)
RADIUS_68, SPREAD = 0.3, 0.1  # deg; the error of the logarithm of that
OFF = {DISK: 0.0, GAUSS: 4.0, POINT: 50.0}  # in ln L, below the best form


def loglike(body, off=OFF, sigma=0.02):
    """Quadratic in position and ln size, with a best form."""
    away = body.place.separation(TRUE).deg / sigma
    stretch = np.log(body.radius_68 / RADIUS_68) / SPREAD if body.form != POINT else 0.0
    return -off[body.form] - 0.5 * (away**2 + stretch**2)


@pytest.mark.parametrize("first", [DISK, GAUSS])
def test_the_best_form_is_found_from_either(first):
    body, covariance, extent = extent_fit.fit(loglike, Body(first, 0.5, BESIDE))
    assert body.form == extent.form == DISK
    assert body.place.separation(TRUE).deg < 1e-3
    assert body.radius_68 == pytest.approx(RADIUS_68, rel=1e-3)
    assert extent.error == pytest.approx(SPREAD * extent.size, rel=1e-3)
    assert np.sqrt(np.diag(covariance)) == pytest.approx(0.02, rel=1e-2)
    assert extent.ts == pytest.approx(2 * OFF[POINT], abs=0.01)


def test_a_bright_source_may_begin_many_errors_away():
    body, covariance, _ = extent_fit.fit(
        lambda body: loglike(body, sigma=0.004), Body(DISK, 0.5, BESIDE)
    )
    assert body.place.separation(TRUE).deg < 1e-3
    assert np.sqrt(np.diag(covariance)) == pytest.approx(0.004, rel=1e-2)


def test_the_size_is_the_radius_of_a_disk_and_the_68_percent_radius_of_a_gaussian():
    off = {**OFF, DISK: 4.0, GAUSS: 0.0}
    body, _, extent = extent_fit.fit(lambda b: loglike(b, off), Body(DISK, 0.5, BESIDE))
    assert extent.size == body.size == pytest.approx(RADIUS_68, rel=1e-3)
    assert Body(GAUSS, 0.3, TRUE).reshaped(DISK).size == pytest.approx(0.3 / np.sqrt(0.68))


def test_a_point_has_no_gain_and_the_least_size():
    def points(body):
        return loglike(Body(POINT, 0.0, body.place), {POINT: 0.0}) - 5 * body.radius_68**2

    _, _, extent = extent_fit.fit(points, Body(DISK, 0.3, BESIDE))
    assert extent.size < 0.1 and extent.ts == pytest.approx(0, abs=0.1)


def test_a_ring_gains_over_the_best_point_on_its_rim_as_far_as_that_was_looked_for():
    """A point has no maximum in the hole: the farther from its middle, the better."""

    def hole(body):
        if body.form != POINT:
            return loglike(body)
        return -OFF[POINT] + 5 * min(body.place.separation(TRUE).deg, 1.0)

    _, _, extent = extent_fit.fit(hole, Body(DISK, 0.3, BESIDE))
    assert 2 * OFF[POINT] - 10 < extent.ts < 2 * OFF[POINT] - 2


def test_without_a_maximum_the_fit_fails():
    with pytest.raises(FitFailed, match="no maximum near"):
        extent_fit.fit(lambda body: body.place.ra.deg, Body(DISK, 0.3, TRUE))
