"""The maximum of a log-likelihood over positions, and its errors in a fermipy source."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from makers import fakefermipy

from fermiml.catalog.ellipses import semi_axes
from fermiml.fermipy import position_fit

COVARIANCE = np.array([[9e-4, 3e-4], [3e-4, 4e-4]])  # deg2


def loglike(peak, count=None):
    inverse = np.linalg.inv(COVARIANCE)

    def of(offset):
        if count is not None:
            count.append(offset)
        return -0.5 * (offset - peak) @ inverse @ (offset - peak) - 123.0

    return of


@pytest.mark.parametrize("peak", [(0.0, 0.0), (0.02, -0.01), (-0.2, 0.1), (0.2, 0.2)])
@pytest.mark.parametrize("step", [0.01, 0.04, 0.2])
def test_the_maximum_is_found_from_any_start_with_its_covariance(peak, step):
    place, covariance = position_fit.climb(loglike(np.array(peak)), step)
    assert place == pytest.approx(peak, abs=1e-6)
    assert covariance == pytest.approx(COVARIANCE, rel=1e-6)


def test_nine_positions_do_where_the_error_is_known():
    count = []
    position_fit.climb(loglike(np.array([0.02, 0.0]), count), 0.04)
    assert len(count) == 9


def test_no_maximum_within_reach():
    assert position_fit.climb(loglike(np.array([2.0, 0.0])), 0.04) is None
    assert position_fit.climb(lambda offset: 1.0, 0.04) is None
    assert position_fit.climb(lambda offset: offset @ offset, 0.04) is None


def test_errors_in_galactic_coordinates_are_the_same_ellipse():
    source = fakefermipy.Source("S", SkyCoord(279.0, 46.0, unit="deg"))
    position_fit.write_errors(source, COVARIANCE)
    cel, gal = (semi_axes(source[f"pos_{frame}_cov"]) for frame in ("cel", "gal"))
    assert np.allclose(cel[:2], gal[:2])
    # The major axis points to the same place on the sky.
    along = source.skydir.directional_offset_by(
        cel[2] * position_fit.u.deg, 1e-3 * position_fit.u.deg
    )
    angle = source.skydir.galactic.position_angle(along.galactic).deg
    assert (angle - gal[2] + 90) % 180 - 90 == pytest.approx(0, abs=0.1)
