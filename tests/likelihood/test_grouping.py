"""Sources are shared among regions."""

import numpy as np
from makers import smallskies as sky

from fermiml.likelihood import grouping


def test_groups_hold_every_source_once_and_stay_small():
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(0, 360, 400), np.degrees(np.arcsin(rng.uniform(-1, 1, 400)))
    found = grouping.groups(sky.power_laws(lon, lat, np.full(400, 1e-9)), np.arange(400), 4.0)
    core = np.concatenate([g.core for g in found])
    assert sorted(core) == list(range(400))
    assert max(len(g.core) for g in found) <= 20
    for group in found:
        assert set(group.core) <= set(group.near) <= set(group.inner)
        assert not set(group.inner) & set(group.frozen)


def test_the_frozen_sources_are_those_that_matter():
    lon = np.array([0.0, 1.0, 9.0, 9.5, 40.0])
    flux = np.array([1e-10, 1e-10, 1e-11, 1e-8, 1e-6])
    (group,) = grouping.groups(sky.power_laws(lon, 0 * lon, flux), [0, 1], 4.0)
    assert list(group.core) == [0, 1] and list(group.inner) == [0, 1]
    assert 3 in group.frozen and 4 not in group.frozen and 2 not in group.frozen
