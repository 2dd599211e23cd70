"""`measure`: from a cube and candidate positions to a table."""

from dataclasses import dataclass

import numpy as np
from astropy.coordinates import SkyCoord

from fermiml import tasks
from fermiml.catalog.flags import MLFlag, blended
from fermiml.checkpoint import Pieces
from fermiml.cores import usable_cores
from fermiml.errors import InputError
from fermiml.executors import check_jobs, open_executor
from fermiml.files import replacing
from fermiml.photometry.energy_groups import make_groups
from fermiml.photometry.pixels import SkyPixels
from fermiml.photometry.region_fit import fit_region
from fermiml.photometry.regions import SkyRegion, make_regions, regions_of
from fermiml.photometry.table import empty_table, fill
from fermiml.sky.sphere import axes, sky_coord, vectors_of

_RIM = 0.5  # deg, within which a source is near the edge of the data
LOW_TS = 9.0
_EXTENDED = 25.0  # TS of a disk over a point


def measure(cube, positions, progress=False, jobs=None, parts=None, anew=None):
    """Fit all candidates jointly with a free smooth background.

    Parameters
    ----------
    cube : SkyCube
        Counts and response; where a component has a `background`, its shape is used.
    positions : SkyCoord
        Candidates.
    progress : bool
        Show a progress bar.
    jobs : int, str or concurrent.futures.Executor, optional
        Threads that fit regions, or a cluster (docs/scaling.md); by default FERMIML_JOBS, or the
        usable cores.
    parts : path or `fermiml.checkpoint.Pieces`, optional
        Folder for the results of regions: an interrupted run resumes there.
    anew : list of arrays of int, optional
        Numbers of candidates: only these are fitted, those of an array together with all others
        around them; the other rows have nothing but their positions.

    Returns
    -------
    astropy.table.Table
        One row for each candidate, in their order, in the columns and units of a
        `SourceCatalog` and some working columns (`table.WORKING`). Candidates outside the
        data have NaN and the flag 1.
    """
    position = _checked(positions)
    table = empty_table(position)
    if not len(position):
        return table
    groups, responses = make_groups(cube)
    vectors = vectors_of(position.icrs)
    inside, rim = _surroundings(cube, vectors)
    table["ML_Flags"][rim] |= MLFlag.EDGE
    numbers = np.flatnonzero(inside)
    if not len(numbers):
        return table
    regions = _regions(vectors, numbers, anew)
    waiting = _tasks(cube, groups, responses, regions, vectors[numbers])
    # Threads, not processes: most of the time goes into numpy and scipy, which let others run.
    jobs = check_jobs(jobs, default=usable_cores())
    with (
        held(parts) as kept,
        open_executor(jobs, most=len(regions), threads=True) as executor,
    ):
        found = tasks.run(
            fit_task, waiting, executor, count=len(regions), what="region", keep=kept,
            progress=progress,
        )  # fmt: skip
    for region, columns in zip(regions, found, strict=True):
        _put(table, numbers[region.own], columns)
    _flag(table, cube, numbers)
    return table


def _regions(vectors, numbers, anew):
    """Regions of the candidates that are inside, or of some of them."""
    if anew is None:
        return make_regions(vectors[numbers])
    parts = [np.searchsorted(numbers, part[np.isin(part, numbers)]) for part in anew]
    return regions_of(vectors[numbers], [part for part in parts if len(part)])


def held(folder):
    """Hold a folder for the results of regions; None keeps nothing."""
    return Pieces.held(folder, _write, _read, ".npz")


def _write(path, columns):
    with replacing(path, overwrite=True) as temporary:
        np.savez(temporary, **columns)


def _read(path):
    with np.load(path, allow_pickle=False) as stored:
        return dict(stored)


@dataclass(frozen=True)
class RegionTask:
    """All that a process needs to fit a region: its part of the data, and its sources."""

    skies: list  # `RegionPixels` of each component
    groups: list
    responses: list  # `SourceResponse` of each component
    region: SkyRegion
    vectors: np.ndarray  # of the region's sources and those around
    own: np.ndarray  # which of these are the region's


def _tasks(cube, groups, responses, regions, vectors):
    """Yield the task of each region."""
    skies = [SkyPixels(component) for component in cube.components]
    for region in regions:
        around = vectors[region.joint]
        position = sky_coord(around)
        yield RegionTask(
            [sky.cut(region) for sky in skies], groups, [r.at(position) for r in responses],
            region, around, np.searchsorted(region.joint, region.own),
        )  # fmt: skip


def fit_task(task):
    """Fit a region; return the columns of its own sources."""
    result = fit_region(task.skies, task.groups, task.responses, task.region, task.vectors)
    table = empty_table(sky_coord(task.vectors[task.own]))
    fill(table, result, task.own, np.arange(len(task.own)))
    return {name: np.asarray(table[name]) for name in table.colnames}


def _put(table, rows, columns):
    """Write the results of a region into its rows; where it failed, all stays unknown."""
    if isinstance(columns, tasks.Failure):
        table["ML_Flags"][rows] |= MLFlag.NOT_CONVERGED
        return
    for name, values in columns.items():
        if name == "ML_Flags":
            values = table[name][rows] | values
        table[name][rows] = values


def _checked(positions):
    if not isinstance(positions, SkyCoord):
        raise InputError(f"candidates are {type(positions).__name__}, expected a SkyCoord")
    position = positions.reshape(-1) if positions.isscalar else positions.ravel()
    bad = ~np.isfinite(position.spherical.lon.deg + position.spherical.lat.deg)
    if bad.any():
        raise InputError(f"candidate {int(np.flatnonzero(bad)[0])} has no position (NaN)")
    return position


def _surroundings(cube, vectors):
    """Which candidates lie in an observed pixel, and which have unobserved sky close by."""
    inside, rim = np.zeros(len(vectors), bool), np.ones(len(vectors), bool)
    east, north = axes(vectors)
    angle = np.arange(12)[:, None, None] * np.pi / 6
    ring = vectors + np.radians(_RIM) * (np.sin(angle) * east + np.cos(angle) * north)
    for component in cube.components:
        here = component.observed(sky_coord(vectors))
        around = component.observed(sky_coord(ring.reshape(-1, 3))).reshape(ring.shape[:2])
        inside |= here
        rim &= ~(here & around.all(axis=0))
    return inside, rim


def _flag(table, cube, numbers):
    """Set the flags that need all sources at once."""
    _flag_extended(table, numbers)
    table["ML_Flags"][numbers[table["ML_TS"][numbers] < LOW_TS]] |= MLFlag.LOW_TS
    place = SkyCoord(table["RAJ2000"][numbers], table["DEJ2000"][numbers], unit="deg", frame="fk5")
    table["ML_Flags"][numbers[blended(place, cube)]] |= MLFlag.BLENDED


def _flag_extended(table, numbers):
    """Flag sources that are extended themselves, and fainter ones within them."""
    place = vectors_of(SkyCoord(table["RAJ2000"], table["DEJ2000"], unit="deg", frame="fk5"))
    large = numbers[table["ML_TS_Ext"][numbers] > _EXTENDED]
    table["ML_Flags"][large] |= MLFlag.DIFFUSE
    for number in large:
        near = place[numbers] @ place[number] > np.cos(np.radians(table["ML_Ext_Size"][number]))
        fainter = table["ML_TS"][numbers] <= table["ML_TS"][number]
        table["ML_Flags"][numbers[near & fainter]] |= MLFlag.DIFFUSE
