"""Times of photons: in good time, and as many as the flux wants."""

import numpy as np
import pytest

from fermiml.simulate.time_profiles import TimeProfile, even_times
from fermiml.sky.times import times_at

GTI = np.array([[100.0, 110.0], [200.0, 230.0]])


def test_good_time_passes_only_in_the_intervals():
    assert times_at(np.array([0, 5, 10, 15, 40.0]), GTI) == pytest.approx([100, 105, 200, 205, 230])


def test_a_steady_source_is_seen_evenly():
    times = even_times(np.random.default_rng(1), 4000, GTI)
    assert np.mean(times < 150) == pytest.approx(0.25, abs=0.03)
    assert times[times > 150].mean() == pytest.approx(215, abs=0.5)


def test_a_profile_has_the_mean_one_in_good_time():
    profile = TimeProfile.of(np.array([0, 105, 150, 210, 300.0]), np.array([1, 0, 4, 2.0]), GTI)
    relative = profile.relative
    assert relative / relative[0] == pytest.approx([1, 0, 4, 2])
    assert relative @ [5, 5, 10, 20] == pytest.approx(40)


def test_photons_follow_the_profile():
    profile = TimeProfile.of(np.array([0, 105, 150, 210, 300.0]), np.array([1, 0, 4, 2.0]), GTI)
    times = profile.draw(np.random.default_rng(1), 8500, GTI)
    assert np.histogram(times, [100, 105, 110, 200, 210, 230])[0] == pytest.approx(
        [500, 0, 0, 4000, 4000], abs=150
    )


def test_the_span_holds_nine_tenths_of_the_fluence():
    profile = TimeProfile.of(np.array([0, 100, 200, 300.0]), np.array([0, 1, 0.0]), GTI)
    assert profile.span == pytest.approx([105, 195])
    assert profile.fluence == pytest.approx(100 * profile.relative[1])
