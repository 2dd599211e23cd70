"""`measure`: from a cube and candidate positions to a table."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from astropy.coordinates import SkyCoord
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from fermiml.catalog.flags import MLFlag, blended
from fermiml.cores import usable_cores
from fermiml.errors import InputError
from fermiml.photometry.energy_groups import make_groups
from fermiml.photometry.pixels import SkyPixels
from fermiml.photometry.region_fit import fit_region
from fermiml.photometry.regions import make_regions
from fermiml.photometry.table import empty_table, fill
from fermiml.sky.sphere import axes, sky_coord, vectors_of

_AROUND = 3.0  # deg around a region, from where sources are fitted along
_RIM = 0.5  # deg, within which a source is near the edge of the data
_LOW_TS = 9.0
_EXTENDED = 25.0  # TS of a disk over a point


def measure(cube, positions, progress=False):
    """Fit all candidates jointly with a free smooth background.

    Parameters
    ----------
    cube : SkyCube
        Counts and response; where a component has a `background`, its shape is used.
    positions : SkyCoord
        Candidates.
    progress : bool
        Show a progress bar.

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
    skies = [SkyPixels(component) for component in cube.components]
    regions = make_regions(vectors[numbers])

    def fitted(region):
        x, y = region.plane(vectors[numbers])
        joint = np.flatnonzero(region.holds(x, y, _AROUND))
        result = fit_region(skies, groups, responses, region, vectors[numbers[joint]])
        return region, np.searchsorted(joint, region.own), result

    # Threads, not processes: most of the time goes into numpy and scipy, which let others run. Each
    # has BLAS on one core: threads of its own would wait for each other where cores are taken.
    workers = min(len(regions), usable_cores())
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(workers) as pool:
        results = pool.map(fitted, regions)
        hidden = None if progress else True
        for region, own, result in tqdm(results, "photometry", len(regions), disable=hidden):
            fill(table, result, own, numbers[region.own])
    _flag(table, cube, numbers)
    return table


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
    table["ML_Flags"][numbers[table["ML_TS"][numbers] < _LOW_TS]] |= MLFlag.LOW_TS
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
