"""Patches of sky whose sources vary from interval to interval, made in memory."""

import dataclasses
import itertools

import numpy as np
from gammapy.maps import WcsNDMap

from fermiml import SkyCube
from fermiml.model import point_sources
from fermiml.sky.timed_counts import GoodTimeExposure, TimedCounts
from fermiml.sky.times import YEAR, TimeBins
from makers import smallskies

START = 239557417.0


def intervals(count=10, without=()):
    """Years of time, all good but for some that have none."""
    edges = START + YEAR * np.arange(count + 1)
    good = [pair for i, pair in enumerate(itertools.pairwise(edges))
            if i not in without]  # fmt: skip
    return TimeBins.of(edges, np.array(good))


def cube(sources, factors, seed, bins=None, **options):
    """Counts of sources times factors (source, interval), drawn for each interval."""
    factors = np.asarray(factors, float)
    bins = intervals(factors.shape[1]) if bins is None else bins
    seen, background = smallskies.observation(**options)
    flat = np.zeros((len(sources), *background.shape)).reshape(len(sources), len(background), -1)
    for i, pixels, values in point_sources.windows(seen, sources):
        flat[i][:, pixels] = values
    images = flat.reshape(len(sources), *background.shape)
    random = np.random.default_rng(seed)
    maps = [
        random.poisson(f * (background + np.tensordot(factors[:, n], images, 1)))
        for n, f in enumerate(bins.fractions)
    ]
    component = smallskies.component(sources, **options)
    component = dataclasses.replace(
        component,
        counts=WcsNDMap(seen.geom, np.sum(maps, axis=0)),
        times=TimedCounts.of_maps(bins, GoodTimeExposure(bins), maps),
        selection=dataclasses.replace(
            component.selection, gti=np.column_stack([bins.edges[:-1], bins.edges[1:]])
        ),
    )
    return SkyCube([component], "test")
