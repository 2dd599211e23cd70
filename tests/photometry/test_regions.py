"""Regions own every source once, and never fit more than so many together."""

import numpy as np
import pytest

from fermiml.photometry import regions
from fermiml.photometry.regions import make_regions
from fermiml.sky.sphere import unit_vectors


def field(number, width, seed=1):
    """Unit vectors spread evenly over a square (deg)."""
    random = np.random.default_rng(seed)
    return unit_vectors(*(random.uniform(-width / 2, width / 2, number) for _ in range(2)))


def sky(number):
    vectors = np.random.default_rng(2).normal(size=(number, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize(
    "vectors",
    [field(150, 20), field(400, 30), field(2000, 10), sky(3000), np.tile(field(1, 1), (1000, 1))],
    ids=["ordinary", "large", "crowded", "whole sky", "one place"],
)
def test_every_source_has_one_region_and_no_region_too_many(vectors):
    made = make_regions(vectors)
    owned = np.concatenate([region.own for region in made])
    assert np.array_equal(np.sort(owned), np.arange(len(vectors)))
    for region in made:
        assert np.isin(region.own, region.joint).all()
        assert np.all(np.diff(region.joint) > 0)
        assert len(region.joint) <= regions._MOST


def test_an_ordinary_field_is_fitted_as_a_whole():
    (region,) = make_regions(field(180, 20))
    assert len(region.own) == len(region.joint) == 180
    assert region.margin == regions._MARGIN


def test_regions_grow_in_number_only():
    few, many = (make_regions(field(number, 10)) for number in (2000, 8000))
    assert len(many) <= 4.5 * len(few)
    assert max(len(r.joint) for r in many) <= max(len(r.joint) for r in few)


def test_the_nearest_sources_around_are_fitted_along():
    vectors = field(2000, 10)
    region = make_regions(vectors)[30]
    x, y = region.plane(vectors)
    assert regions._NARROWEST <= region.margin < regions._MARGIN
    near = np.flatnonzero(region.holds(x, y, 0.2))
    assert np.isin(near, region.joint).all()
    assert region.holds(x[region.joint], y[region.joint], region.margin).all()
