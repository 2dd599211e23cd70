"""What becomes of a seed: known, close to another, kept or dropped."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from fermiml.fermipy import decisions


def places(*pairs):
    return SkyCoord(list(pairs), unit="deg")


def circles(*radii):
    return np.array(radii), np.array(radii), np.zeros(len(radii))


def test_coincidence_follows_the_ellipse_and_not_only_the_distance():
    seed, shape = places((10.0, 0.0)), (np.array([0.2]), np.array([0.02]), np.array([90.0]))
    along, across = places((10.4, 0.0)), places((10.0, 0.4))
    exact = circles(np.nan)
    assert decisions.coincident(seed, shape, along, exact, 0.99, 0.05)[0] == 0
    assert decisions.coincident(seed, shape, across, exact, 0.99, 0.05)[0] == -1


def test_coincidence_adds_both_errors_and_takes_the_nearest_in_sigma():
    seed = places((10.0, 0.0))
    there = places((10.3, 0.0), (9.8, 0.0), (10.3, 0.1))
    mine = circles(0.01)
    assert decisions.coincident(seed, mine, there, circles(0.01, 0.01, 0.01))[0] == -1
    assert decisions.coincident(seed, mine, there, circles(0.3, 0.01, 0.01))[0] == 0
    assert decisions.coincident(seed, mine, there, circles(0.3, 0.1, 0.3))[0] == 0


def test_a_bright_source_a_little_off_its_tiny_ellipse_is_known():
    seed, there = places((83.63, 22.01)), places((83.63, 22.07))
    tiny = circles(0.003)
    assert decisions.coincident(seed, tiny, there, tiny, 0.99, 0.1)[0] == 0
    assert decisions.coincident(seed, tiny, there, tiny, 0.99, 0.0)[0] == -1


def test_coincidence_of_nothing():
    nothing = SkyCoord([], [], unit="deg")
    none = (np.zeros(0),) * 3
    assert list(decisions.coincident(nothing, none, places((1, 1)), circles(0.1))) == []
    assert list(decisions.coincident(places((1, 1)), circles(0.1), nothing, none)) == [-1]


def test_status_before_the_fit():
    position = places((0, 0), (0.1, 0), (5, 0), (0, 3), (0, 3.1))
    known = np.array([-1, -1, -1, 4, -1])
    status = decisions.first_status(
        position, [0.6, 0.9, 0.9, 0.9, 0.9], known,
        inside=np.array([True, True, False, False, True]), min_separation=0.2,
    )  # fmt: skip
    # The more probable of two close seeds stays; a known source keeps nobody out.
    assert list(status) == ["close", "waiting", "outside", "known", "waiting"]


def test_batches_come_in_descending_probability():
    rows_ = decisions.by_probability([0.5, 0.9, 0.7, 0.8, 0.6], np.array([1, 1, 1, 0, 1], bool))
    assert list(rows_) == [1, 2, 4, 0]
    assert [list(b) for b in decisions.batches(rows_, 3, 5)] == [[1, 2, 4], [0]]
    assert [list(b) for b in decisions.batches(rows_, 2, 1)] == [[1, 2]]
    assert decisions.batches(rows_[:0], 3, 5) == []


@pytest.mark.parametrize("ts, kept", [(25.1, True), (24.9, False), (np.nan, False), (-1, False)])
def test_threshold(ts, kept):
    assert decisions.keeps(ts, 5.0) == kept


def test_search_region():
    away = np.array([0.1, 1.0, 3.0])
    assert list(decisions.in_annulus(away, [None, 1.0])) == [True, True, False]
    assert list(decisions.in_annulus(away, [0.5, None])) == [False, True, True]


def test_the_log_likelihood_may_not_fall_but_for_rounding():
    assert decisions.no_worse(-11768.5, -11768.67) and decisions.no_worse(-11768.671, -11768.67)
    assert not decisions.no_worse(-11769.21, -11768.67)
    assert not decisions.no_worse(np.nan, -11768.67)


def test_groups_are_chains_of_positions_close_to_each_other():
    place = SkyCoord([10.0, 20.0, 11.5, 13.0, 25.0], [0.0] * 5, unit="deg")
    groups = decisions.groups(place, 2.0)
    assert [list(group) for group in groups] == [[0, 2, 3], [1], [4]]
    assert decisions.groups(place[:0], 2.0) == []
