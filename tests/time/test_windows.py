"""Windows of time, their exposure, and how wrong that may be."""

import numpy as np
import pytest
from makers import flaringskies, orbit, smallskies

from fermiml.sky.times import DAY
from fermiml.time.window_exposure import exposure_until, systematic_errors
from fermiml.time.windows import Ladder


def _ladder(days=100.0, shortest=1.0, longest=16.0, exposed=lambda time: time):
    return Ladder.of((0.0, days * DAY), exposed, shortest * DAY, longest * DAY)


def test_lengths_double_and_windows_overlap_by_half():
    ladder = _ladder()
    assert list(ladder.seconds / DAY) == [1, 2, 4, 8, 16]
    first = ladder.first_steps(2)
    assert np.all(np.diff(first) * ladder.step == 2 * DAY)


def test_no_window_is_longer_than_half_the_data():
    assert list(_ladder(days=9.0).seconds / DAY) == [1, 2, 4]
    assert _ladder(days=1.5).lengths == ()


def test_fractions_are_those_of_the_exposure():
    """Half the days have none: windows within are not looked at, the others have twice as much."""
    ladder = _ladder(exposed=lambda time: np.minimum(time, 50 * DAY))
    first, fraction = ladder.windows[0]
    assert np.allclose(fraction[first * ladder.step < 49 * DAY], 1 / 50)
    assert np.all(first * ladder.step < 50 * DAY)
    assert ladder.fraction(0.0, 25 * DAY) == pytest.approx(0.5)


def test_pointings_tell_more_than_good_time(tmp_path):
    """Within an hour a source is seen, or behind the Earth."""
    columns = orbit.pointings(3)
    orbit.write_ft2(tmp_path / "ft2.fits", columns)
    gti = orbit.gti(columns)
    component = flaringskies.sky(1)[0].components[0]
    edges = orbit.START + np.arange(0, 2 * DAY, 600.0)
    good, pointed = (np.diff(exposure_until(component, gti, scfile)(edges))
                     for scfile in (None, tmp_path / "ft2.fits"))  # fmt: skip
    assert np.all(pointed >= 0)
    assert np.mean(pointed[good > 0] == 0) > 0.1
    assert pointed.sum() > 0.1 * smallskies.YEAR / 365


def test_errors_are_smaller_where_the_pointing_is_known():
    seconds = np.array([1.0, 7.0, 30.0, 90.0]) * DAY
    assert np.all(np.diff(systematic_errors(seconds, False)) < 0)
    assert np.all(systematic_errors(seconds, True) <= systematic_errors(seconds, False))
