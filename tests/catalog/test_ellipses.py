"""Error ellipses: axes and angles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fermiml.catalog.ellipses import position_angle, semi_axes


@pytest.mark.parametrize("angle", [0.0, 30.0, 90.0, 150.0])
def test_ellipse_of_a_covariance(angle):
    turn = np.radians(angle)  # north to east; the covariance is (east, north)
    axes = np.array([[np.sin(turn), np.cos(turn)], [np.cos(turn), -np.sin(turn)]])
    covariance = axes.T @ np.diag([0.2**2, 0.05**2]) @ axes
    major, minor, found = semi_axes(covariance)
    assert (major, minor) == pytest.approx((0.2, 0.05))
    assert np.cos(np.radians(2 * (found - angle))) == pytest.approx(1)


@given(st.floats(-1000, 1000))
def test_position_angles_are_those_of_an_axis(angle):
    folded = position_angle(angle)
    assert -90 < folded <= 90
    assert np.isclose(np.sin(np.radians(folded - angle)), 0, atol=1e-9)
