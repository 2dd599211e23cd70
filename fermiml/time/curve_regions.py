"""Regions of sky as tasks: everything that a process needs to measure light curves of a region."""

import json
from dataclasses import dataclass, replace

import numpy as np
from astropy.coordinates import SkyCoord

from fermiml.checkpoint import Pieces
from fermiml.files import write_text
from fermiml.likelihood import cut, measurement
from fermiml.likelihood.measurement import FitSettings
from fermiml.likelihood.region import NORM, RegionModel
from fermiml.model.observation import response_of
from fermiml.sky.sphere import angles
from fermiml.time.interval_fit import Interval, constant_norm

# Norms, and the tilt of the background: spectral shapes and positions are those of the catalog.
_MEAN = FitSettings(
    positions=False, spectra=False, background=True, bands=False, extents=False, neighbours=0.0
)


@dataclass(frozen=True)
class CurveTask:
    """A region of a cube with times, and the sources in it."""

    components: list  # cut out of the cube
    fractions: np.ndarray  # of the exposure, (interval, column, bin), background first
    background: object
    sources: object  # those that are fitted, then the frozen ones
    fitted: int  # how many of them
    core: np.ndarray  # numbers of those whose light curves are wanted


def tasks_of(cutters, background, sources, groups):
    """Yield the task of each group of sources."""
    for group in groups:
        cuts = [cutter.cut(group.center, group.radius) for cutter in cutters]
        cuts = [c for c in cuts if c is not None]
        members = np.concatenate([group.inner, group.frozen])
        yield CurveTask(
            [_without_exposure(c) for c in cuts],
            _fractions(cuts, group.center, sources[group.inner]),
            background, sources[members], len(group.inner),
            np.searchsorted(group.inner, group.core),
        )  # fmt: skip


def _fractions(cuts, center, sources):
    """Compute what part of the exposure each interval has, (interval, column, bin): of the
    background at the middle of the region, of sources where they are."""
    lon, lat = angles(center)
    position = SkyCoord(
        np.append(lon, sources.lon), np.append(lat, sources.lat), unit="deg", frame="galactic"
    )
    parts = []
    for component in cuts:
        edges = component.energy_edges
        energy = np.sqrt(edges[:-1] * edges[1:])
        parts.append(component.times.fractions(position, energy, response_of(component)))
    return np.concatenate(parts, axis=1).swapaxes(1, 2)


def _without_exposure(component):
    """Leave out what `_fractions` has used: of a spacecraft file it is large."""
    return replace(component, times=replace(component.times, exposure=None))


def run_task(task):
    """Measure the light curves of a task's core sources: a dictionary of arrays for each."""
    cuts = [cut.cut_for_fit(component, task.background) for component in task.components]
    numbers = np.arange(len(task.sources))
    region = RegionModel(
        cuts, task.sources[numbers < task.fitted], task.sources[numbers >= task.fitted]
    )
    measurement.fit_all(region, range(task.fitted), _MEAN)
    intervals = _intervals(region, task)
    return [_light_curve(intervals, region, source) for source in task.core]


def _light_curve(intervals, region, source):
    """Measure one source in all intervals; NaN where there is no exposure."""
    column, mean = 1 + source, region.state[region.column(source), NORM]
    seen = [interval for interval in intervals if interval is not None]
    found = [interval.measure(column) for interval in seen]
    constant, losses = constant_norm(seen, column, mean)
    rises = losses - [each.pop("loss") for each in found]
    curve = {name: np.full(len(intervals), np.nan) for name in (*found[0], "rise")}
    used = [number for number, interval in enumerate(intervals) if interval is not None]
    for name in found[0]:
        curve[name][used] = [each[name] for each in found]
    curve["rise"][used] = np.maximum(rises, 0.0)
    return {**curve, "mean": mean, "constant": constant}


def _intervals(region, task):
    """Build the likelihood of every interval, None for those without exposure."""
    unit, totals, mean = _columns(region)
    rows, interval, counts = _entries(region, task.components)
    number_of_bin = np.repeat(np.arange(region.folding.bins), np.diff(region.starts))
    found = []
    for number, fraction in enumerate(task.fractions):  # (column, bin)
        if not fraction.any():
            found.append(None)
            continue
        here = interval == number
        own, which = np.unique(rows[here], return_inverse=True)
        scale = fraction[:, number_of_bin[own]]
        found.append(Interval(
            np.bincount(which, counts[here], minlength=len(own)),
            unit[:, own] * scale,
            np.sum(totals * fraction, axis=1),
            region.frozen[own] * scale[0],
            mean,
        ))  # fmt: skip
    return found


def _columns(region):
    """Compute counts for norms of 1 of the background (first) and the sources: at the rows, and
    over all used pixels by bin. Return also the mean norms."""
    state = region.state.copy()
    state[region.planes :, NORM] = 1.0
    counts, _, _ = region.expected(state, np.arange(len(region.templates)))
    at_rows = np.repeat(counts, np.diff(region.starts), axis=1) * region.templates
    mean = np.append(1.0, region.state[region.planes :, NORM])
    return _one_background(region, at_rows), _one_background(region, counts * region.sums), mean


def _one_background(region, values):
    """Add up the columns of the background."""
    return np.vstack([values[: region.planes].sum(axis=0), values[region.planes :]])


def _entries(region, components):
    """Rows, intervals and numbers of the counts of all components."""
    parts = []
    for component, numbers in zip(components, region.row_numbers, strict=True):
        times = component.times
        rows = numbers[times.energy_bin, times.pixel]
        used = rows >= 0
        parts.append((rows[used], times.interval[used], times.counts[used]))
    return tuple(np.concatenate(columns) for columns in zip(*parts, strict=True))


def held(folder):
    """Hold a folder for the results of tasks; None keeps nothing."""
    return Pieces.held(folder, _write, _read)


def _write(path, curves):
    plain = [{name: np.asarray(v).tolist() for name, v in curve.items()} for curve in curves]
    write_text(path, json.dumps(plain), overwrite=True)


def _read(path):
    stored = json.loads(path.read_text(encoding="utf-8"))
    return [{name: np.array(values, float) for name, values in curve.items()} for curve in stored]
