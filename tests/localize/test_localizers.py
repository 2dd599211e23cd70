"""Localizers: sub-pixel positions from made-up maps of discs and of heatmaps."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from pytest import approx

from fermiml.errors import InputError
from fermiml.localize import DISC, HEATMAP, LOCALIZERS, get_localizer

RADIUS = {"disc": DISC, "heatmap": HEATMAP}
CLUSTERING = ("kmeans", "log", "dbscan", "centroid")
EVERY = [(name, kind) for name in LOCALIZERS.names() for kind in RADIUS]


def made_up(x, y, height=1.0, kind="disc", shape=(40, 48)):
    """Maps with sources at (x, y): discs with soft rims or Gaussians, perfect vectors."""
    x, y, height = np.broadcast_arrays(*np.atleast_1d(x, y, height))
    row, column = np.indices(shape)
    dx, dy = x[:, None, None] - column, y[:, None, None] - row
    distance = np.hypot(dx, dy)
    if kind == "disc":
        blobs = 1 / (1 + np.exp((distance - DISC) / 0.35))
        probability = 1 - np.prod(1 - height[:, None, None] * blobs, axis=0)
    else:
        blobs = np.exp(-0.5 * (distance / 1.1) ** 2)
        probability = np.max(height[:, None, None] * blobs, axis=0)
    nearest = distance.argmin(axis=0)[None]
    vector = [np.take_along_axis(d, nearest, axis=0)[0] for d in (dx, dy)]
    maps = {"probability": probability, "vector": np.array(vector)}
    return {name: values.astype(np.float32) for name, values in maps.items()}


def assert_found(result, x, y, within):
    """Every source is found, nothing else, and not far off."""
    found = np.c_[result[0], result[1]]
    assert len(found) == len(np.atleast_1d(x))
    distance = np.hypot(*(found[:, None] - np.c_[x, y]).T)
    assert distance.min(axis=1).max() < within


@pytest.mark.parametrize(("name", "kind"), EVERY)
@settings(max_examples=25, deadline=None)
@given(x=st.floats(5, 42), y=st.floats(5, 34), height=st.floats(0.35, 0.999))
def test_a_lone_source_is_found_within_a_tenth_of_a_pixel(name, kind, x, y, height):
    maps = made_up(x, y, height, kind)
    result = get_localizer(name)(maps, 0.25, radius=RADIUS[kind])
    assert_found(result, x, y, 0.1)
    assert result[2][0] == approx(maps["probability"].max())


@pytest.mark.parametrize(("name", "kind"), EVERY)
@settings(max_examples=15, deadline=None)
@given(turn=st.floats(0, 2 * np.pi), dx=st.floats(0, 1), dy=st.floats(0, 1))
@example(turn=2.296875, dx=0, dy=0)  # squares around the two overlap beside the sources
def test_touching_sources_are_told_apart(name, kind, turn, dx, dy):
    apart = {"disc": 5.1, "heatmap": 4.0}[kind]
    x = 20 + dx + apart * np.array([0, np.cos(turn)])
    y = 20 + dy + apart * np.array([0, np.sin(turn)])
    result = get_localizer(name)(made_up(x, y, 0.9, kind), 0.3, radius=RADIUS[kind])
    assert_found(result, x, y, 0.6)


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_sources_below_the_threshold_are_dropped(name, kind):
    x, y = np.array([10.3, 30.8]), np.array([12.2, 25.6])
    maps = made_up(x, y, [0.9, 0.3], kind)
    locate = get_localizer(name)
    for threshold, number in ((0.2, 2), (0.5, 1), (0.95, 0)):
        result = locate(maps, threshold, radius=RADIUS[kind])
        assert [len(values) for values in result] == [number] * 3
        assert np.all(result[2] >= threshold)


@pytest.mark.parametrize("name", CLUSTERING)
def test_a_faint_source_beside_a_bright_one_is_found(name):
    x, y = np.array([20.3, 26.8]), np.array([18.2, 18.6])
    result = get_localizer(name)(made_up(x, y, [0.95, 0.4]), 0.2)
    assert_found(result, x, y, 0.6)


@pytest.mark.parametrize("name", LOCALIZERS.names())
@pytest.mark.parametrize("level", [0.0, 0.05])
def test_empty_maps_hold_nothing(name, level):
    maps = {
        "probability": np.full((32, 32), level, np.float32),
        "vector": np.zeros((2, 32, 32), np.float32),
    }
    x, y, score = get_localizer(name)(maps, 0.1)
    assert x.shape == y.shape == score.shape == (0,)
    assert x.dtype == y.dtype == score.dtype == float


@pytest.mark.parametrize(("name", "kind"), EVERY)
@pytest.mark.parametrize("x", [0.2, 46.7])
@pytest.mark.parametrize("y", [0.3, 38.9])
def test_sources_at_the_corners_are_found(name, kind, x, y):
    result = get_localizer(name)(made_up(x, y, 0.9, kind), 0.3, radius=RADIUS[kind])
    assert_found(result, x, y, 1.5)


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_scores_are_probabilities_and_rank_like_the_heights(name, kind):
    x, y = np.array([6.2, 20.1, 34.6]), np.array([10.9, 28.3, 12.5])
    result = get_localizer(name)(made_up(x, y, [0.5, 1.0, 0.8], kind), 0.1, radius=RADIUS[kind])
    order = np.argsort(result[2])
    assert np.all((result[2] > 0) & (result[2] <= 1))
    assert_allclose(result[0][order], x[[0, 2, 1]], atol=0.1)


@pytest.mark.parametrize("name", LOCALIZERS.names())
def test_a_crowded_map_is_neither_doubled_nor_thinned(name):
    rng = np.random.default_rng(2)
    grid = np.array([8.0, 18, 28, 38, 48, 58])
    x, y = (a.ravel() + rng.uniform(-1.5, 1.5, 36) for a in np.meshgrid(grid, grid))
    maps = made_up(x, y, rng.uniform(0.3, 1, 36), shape=(66, 66))
    assert_found(get_localizer(name)(maps, 0.2, radius=DISC), x, y, 0.2)


def with_offsets(maps, x, y, seen_x, seen_y):
    """Maps in which the 3x3 pixels around (x, y) say that the source is at (seen_x, seen_y)."""
    offset = maps.setdefault("offset", np.zeros_like(maps["vector"]))
    rows, columns = np.mgrid[y - 1 : y + 2, x - 1 : x + 2]
    offset[:, rows, columns] = seen_x - columns, seen_y - rows
    return maps


def test_offsets_of_the_network_go_before_the_shape_of_the_peak():
    maps = with_offsets(made_up(20.0, 18.0, 0.9, "heatmap"), 20, 18, 20.4, 17.7)
    x, y, _ = get_localizer("peaks")(maps, 0.3)
    assert (x[0], y[0]) == (approx(20.4), approx(17.7))


def test_maxima_that_meet_by_their_offsets_are_one():
    maps = made_up([20.0, 24.0], [18.0, 18.0], [0.9, 0.8], "heatmap")
    with_offsets(maps, 20, 18, 21.5, 18.0)
    with_offsets(maps, 24, 18, 22.5, 18.0)
    x, _, _ = get_localizer("peaks")(maps, 0.3)
    assert x == [approx(21.5)]


def test_stray_votes_make_no_source():
    maps = made_up(20.4, 18.2, 0.9)
    maps["vector"][:, 18:20, 18] += 3.0  # two of twenty pixels point elsewhere
    assert_found(get_localizer("centroid")(maps, 0.3), 20.4, 18.2, 0.1)


def test_voting_needs_vectors():
    maps = {"probability": made_up(20, 20)["probability"]}
    with pytest.raises(InputError, match="lat-centroid"):
        get_localizer("centroid")(maps, 0.3)


def test_an_unknown_localizer_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"'wavelet'.*kmeans, log, dbscan, centroid, peaks"):
        get_localizer("wavelet")
