"""Candidates from overlapping patches: every source once, none lost, whatever the order."""

from functools import partial

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given, settings
from hypothesis import strategies as st

from fermiml.detect import merge as merging

merge = partial(merging.merge, radius=0.15)
HALF = 6.0  # deg, radius of the round patches here


def sky(lon, lat, frame="galactic"):
    return SkyCoord(lon, lat, unit="deg", frame=frame)


def scattered(rng, number, pole):
    """Sources that are all at least 0.4 deg apart, some of them around a pole."""
    z = rng.uniform(np.cos(np.radians(15)), 1, number) if pole else rng.uniform(-1, 1, number)
    position = sky(rng.uniform(0, 360, number), np.degrees(np.arcsin(z)) * (pole or 1))
    cosine = np.einsum("ij,kj->ik", *[position.cartesian.xyz.value.T] * 2)
    close = np.tril(cosine > np.cos(np.radians(0.4)), -1)
    return position[~close.any(axis=1)]


def found_in_patches(rng, sources, patches, error=0.03):
    """Candidates of every patch that sees a source, near its place; and which source it is."""
    source, patch = np.nonzero(sources[:, None].separation(patches).deg < HALF)
    angle, offset = rng.uniform(0, 360, len(source)), rng.uniform(0, error, len(source))
    position = sources[source].directional_offset_by(angle * u.deg, offset * u.deg)
    depth = HALF - sources[source].separation(patches[patch]).deg
    return position, rng.uniform(0.1, 1, len(source)), patch, depth, source


@pytest.mark.parametrize("pole", [0, 1, -1])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_every_source_remains_once_and_is_the_deepest(pole, seed):
    rng = np.random.default_rng(seed)
    sources = scattered(rng, 150, pole)
    patches = sources[rng.integers(0, len(sources), 60)]
    *found, source = found_in_patches(rng, sources, patches)
    keep = merge(*found)
    assert sorted(source[keep]) == sorted(set(source))
    depth = found[3]
    assert all(depth[i] == depth[source == source[i]].max() for i in np.flatnonzero(keep))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_order_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    number = 80  # in a square degree: chains and ambiguous neighbours
    found = (
        sky(rng.uniform(40, 41, number), rng.uniform(-0.5, 0.5, number)),
        rng.choice([0.3, 0.6], number),
        rng.integers(0, 4, number),
        rng.uniform(0, 3, number),
    )
    order = rng.permutation(number)
    assert np.array_equal(merge(*found)[order], merge(*(values[order] for values in found)))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_two_of_a_patch_never_become_one(seed):
    rng = np.random.default_rng(seed)
    number = 60
    position = sky(rng.uniform(10, 11, number), rng.uniform(60, 60.5, number))
    patch = rng.integers(0, 3, number)
    keep = merge(position, np.ones(number), patch, rng.uniform(0, 3, number))
    assert keep.sum() >= np.bincount(patch).max()


def test_a_close_pair_that_two_patches_see_stays_a_pair():
    # 0.1 deg apart in both patches, the second one shifted by 0.04 deg
    position = sky([20.0, 20.1, 20.04, 20.14], [0.0, 0, 0, 0])
    keep = merge(position, np.full(4, 0.9), [0, 0, 1, 1], [1.0, 1.1, 2.0, 1.9])
    assert keep.tolist() == [False, False, True, True]


def test_candidates_beyond_the_radius_are_two():
    position = sky([0.0, 0.16], [89.9999, 89.9999])
    assert merge(position, [0.9, 0.9], [0, 1], [1.0, 2.0]).tolist() == [False, True]
    position = sky([0.0, 0.16], [0.0, 0.0])
    assert merge(position, [0.9, 0.9], [0, 1], [1.0, 2.0]).all()
    assert merge(position, [0.9, 0.9], [0, 1], [1.0, 2.0], radius=0.2).sum() == 1


def test_at_equal_depth_the_higher_score_remains():
    position = sky([359.99, 0.01], [0.0, 0.0])
    assert merge(position, [0.5, 0.9], [3, 1], [1.0, 1.0]).tolist() == [False, True]


@pytest.mark.parametrize("number", [0, 1])
def test_few_candidates_are_no_trouble(number):
    keep = merge(sky(np.ones(number), np.ones(number)), *[np.ones(number)] * 3)
    assert keep.dtype == bool and keep.tolist() == [True] * number
