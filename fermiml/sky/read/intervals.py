"""Data with times: events sorted into intervals, or one cube per interval put together."""

import dataclasses
import itertools
import re
from pathlib import Path

import numpy as np
from gammapy.datasets import Datasets

from fermiml.errors import InputError
from fermiml.sky.cube import SkyCube
from fermiml.sky.read.dispatch import is_events
from fermiml.sky.read.events import read_list
from fermiml.sky.selection import merge_gti
from fermiml.sky.timed_counts import MapsExposure, TimedCounts
from fermiml.sky.times import DAY, TimeBins

_OF_FERMIPY = re.compile(r"lightcurve_\d+_\d+")  # folders that GTAnalysis.lightcurve leaves
_GAP = 0.1  # of a typical interval: longer ones between cubes become intervals of their own


def read_with_times(data, time_bins=None, **options):
    """Read a cube that keeps the times of its counts.

    Parameters
    ----------
    data : SkyCube, path, list of paths, or gammapy Datasets
        FT1 events (a file, several, an ``@list``); cubes of one interval each (several files or
        fermipy folders, an ``@list``); a folder with the ``lightcurve_*`` folders of fermipy,
        which are there with its option ``save_bin_data``; Datasets whose GTIs are the intervals.
        A SkyCube is returned as it is.
    time_bins : int, str or list, optional
        For events, as of `SkyCube.read`; a year each by default.
    **options
        More of `SkyCube.read`.

    Returns
    -------
    SkyCube
    """
    cube = data if isinstance(data, SkyCube) else _read(data, time_bins, options)
    for component in cube.components:
        if component.times is None:
            raise InputError(
                f"{cube.source}: these data are a single map; a light curve needs "
                "events (FT1), or one cube per interval"
            )
    _check_intervals(cube, time_bins)
    return cube


def _check_intervals(cube, time_bins):
    times = cube.components[0].times
    if np.count_nonzero(times.bins.good_time) < 2:
        days = times.bins.total / DAY
        wanted = f" with time bins {time_bins!r}" if time_bins is not None else ""
        raise InputError(
            f"{cube.source}: {days:.3g} d of good time are one interval{wanted}; a light curve "
            "needs two: choose --time-bins, a number or monthly"
        )


def _read(data, time_bins, options):
    if isinstance(data, Datasets):
        return join(list(_by_gti(data)), "Datasets")
    sources = _sources(data)
    if is_events(sources[0]):
        bins = "yearly" if time_bins is None else time_bins
        return SkyCube.read(data if len(sources) == 1 else sources, time_bins=bins, **options)
    if time_bins is not None:
        options["time_bins"] = time_bins  # which is refused in the words of all such options
    cubes = [SkyCube.read(source, **options) for source in sources]
    return cubes[0] if len(cubes) == 1 else join(cubes, str(sources[0]))


def _sources(data):
    """List the files or folders that are read one by one."""
    if isinstance(data, list | tuple):
        if not data:
            raise InputError("no data are given")
        return list(itertools.chain.from_iterable(map(_sources, data)))
    if str(data).startswith("@"):
        return read_list(str(data)[1:])
    path = Path(data).expanduser()
    folders = sorted(p for p in path.glob("lightcurve_*") if _OF_FERMIPY.fullmatch(p.name))
    return folders or [path]


def _by_gti(datasets):
    """Yield a cube for each set of good time intervals."""
    groups = {}
    for dataset in datasets:
        if dataset.gti is None or not len(dataset.gti.table):
            raise InputError(f"dataset {dataset.name!r} has no GTI: its interval is unknown")
        groups.setdefault(str(dataset.gti.time_start.mjd), []).append(dataset)
    for group in groups.values():
        yield SkyCube.read(Datasets(group))


def join(cubes, source):
    """Put cubes of one interval each together to one of the whole time that keeps the intervals."""
    cubes = sorted(cubes, key=_start)
    for before, after in itertools.pairwise(cubes):
        _check_pair(before, after)
    bins, numbers = _bins([cube.components[0].selection.gti for cube in cubes])
    components = [
        _joint(parts, bins, numbers)
        for parts in zip(*(cube.components for cube in cubes), strict=True)
    ]
    return SkyCube(components, f"{len(cubes)} cubes of {cubes[0].kind}", source)


def _start(cube):
    selection = cube.components[0].selection
    if selection.gti is None:
        raise InputError(f"{cube.source}: no GTI: the interval of this cube is unknown")
    return selection.time[0]


def _check_pair(before, after):
    """Refuse cubes of overlapping intervals, and of different pixels."""
    end, start = before.components[0].selection.time[1], after.components[0].selection.time[0]
    if start < end - 1:
        raise InputError(
            f"{after.source} begins at {start:.0f} s, {end - start:.0f} s before {before.source} "
            "ends: intervals must not overlap"
        )
    same = len(before.components) == len(after.components)
    for one, two in zip(before.components, after.components, strict=False):
        same &= one.counts.data.shape == two.counts.data.shape
        same = same and np.allclose(one.energy_edges, two.energy_edges, rtol=1e-4)
        same = same and _corners_agree(one, two)
    if not same:
        raise InputError(f"{after.source} has other components, pixels or energies than "
                         f"{before.source}")  # fmt: skip


def _corners_agree(one, two):
    ends = np.array([0, one.mask.size - 1])
    apart = one.positions_of(ends).separation(two.positions_of(ends)).deg
    return bool(np.all(np.nan_to_num(apart) < 1e-3))


def _bins(gtis):
    """Build the intervals of cubes in their order, and number the cubes among them.

    An interval lasts until the next cube begins, unless there is a long gap, which becomes an
    interval without good time.
    """
    starts, stops = (np.array([gti[k] for gti in gtis]) for k in ((0, 0), (-1, 1)))
    gap = _GAP * np.median(stops - starts)
    edges, numbers = [], []
    for i, start in enumerate(starts):
        if i and start - stops[i - 1] > gap:
            edges.append(stops[i - 1])
        numbers.append(len(edges))
        edges.append(start)
    return TimeBins.of([*edges, stops[-1]], merge_gti(np.concatenate(gtis))), numbers


def _joint(parts, bins, numbers):
    """Add up components of the same pixels."""
    first = parts[0]
    if len({part.exposure.data.shape for part in parts}) > 1:
        raise InputError(f"component {first.name}: the exposure maps of the cubes differ in shape")
    maps, exposures = [None] * len(bins), [None] * len(bins)
    for number, part in zip(numbers, parts, strict=True):
        maps[number], exposures[number] = part.counts.data, part.exposure
    background = None
    if all(part.background is not None for part in parts):
        background = _sum(part.background for part in parts)
    selection = dataclasses.replace(
        first.selection, gti=merge_gti(np.concatenate([part.selection.gti for part in parts]))
    )
    return dataclasses.replace(
        first,
        counts=_sum(part.counts for part in parts),
        mask=np.all([part.mask for part in parts], axis=0),
        exposure=_sum(part.exposure for part in parts),
        background=background,
        selection=selection,
        times=TimedCounts.of_maps(bins, MapsExposure(tuple(exposures)), maps),
        notes=[*first.notes, "PSF and energy dispersion are those of the first interval"],
    )


def _sum(maps):
    maps = list(maps)
    return maps[0].copy(data=np.sum([m.data for m in maps], axis=0))
