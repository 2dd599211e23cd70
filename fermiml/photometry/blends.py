"""Rows that are two sources become two rows."""

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import vstack
from scipy.sparse.csgraph import connected_components

from fermiml.catalog.flags import psf_core
from fermiml.photometry.blend_calibration import HELD, SPLIT, BlendCalibration
from fermiml.photometry.measure import measure
from fermiml.sky.sphere import vectors_of

_AROUND = 1.0  # deg around a pair, within which sources are measured anew
_CONFIRMED = 25.0  # TS that each of two sources has beside the other


def resolve(cube, table, calibration=None, jobs=None):
    """Split the rows that are two sources, and measure both and what is around them anew.

    Parameters
    ----------
    cube : SkyCube
    table : astropy.table.Table
        What `measure` gave; it gets the column ML_Prob_Blend.
    calibration : BlendCalibration, optional
        By default the one shipped with fermiml.
    jobs : optional
        As `measure` has it.

    Returns
    -------
    table : astropy.table.Table
        The rows as they were, then the second sources of those that were split.
    origin : numpy.ndarray
        The row of the given table that each row comes from.
    """
    calibration = BlendCalibration.load() if calibration is None else calibration
    number, origin = len(table), np.arange(len(table))
    table["ML_Prob_Blend"] = np.nan
    if not np.isfinite(table["ML_TS_Split"]).any():
        return table, origin
    radius = psf_core(cube, HELD)
    table["ML_Prob_Blend"] = calibration.probability(table, radius)
    rows = np.flatnonzero(table["ML_Prob_Blend"] >= calibration.threshold)
    while len(rows):
        table, parted, rows = _parted(cube, table, rows, jobs)
        origin = np.append(origin, parted)
    single = np.setdiff1d(origin, origin[number:])
    table["ML_Prob_Blend"][single] = calibration.probability(table[single], radius)
    return table, origin


def _parted(cube, table, rows, jobs):
    """Split some rows; return the table, the rows that are two in it, and those to be tried again.

    Pairs that share neighbours are measured together. Where one of them is not confirmed, nothing
    changes, and the others are tried again without it; all other pairs stay as they are measured.
    """
    pairs = np.stack([rows, len(table) + np.arange(len(rows))], axis=1)
    parted = vstack([table, table[rows]])
    place = np.stack([parted["RAJ2000"], parted["DEJ2000"]], axis=1).astype(float)
    place[pairs] = np.stack([table[name][rows] for name in SPLIT], axis=2)
    position = SkyCoord(*place.T, unit="deg", frame="fk5")
    parts, part_of = _together(vectors_of(position.icrs), pairs)
    anew = measure(cube, position, jobs=jobs, anew=parts)
    confirmed = np.min(np.asarray(anew["ML_TS"])[pairs], axis=1) > _CONFIRMED
    whole = ~np.isin(part_of, part_of[~confirmed])
    measured = np.concatenate([[], *(parts[i] for i in np.unique(part_of[whole]))]).astype(int)
    for name in anew.colnames:
        parted[name][measured] = anew[name][measured]
    stay = pairs[whole]
    for name, axis in zip(SPLIT, ("RAJ2000", "DEJ2000"), strict=True):
        parted[name][stay.ravel()] = np.repeat(parted[axis][stay], 2, axis=0)
    parted["ML_TS_Split"][stay] = table["ML_TS_Split"][rows[whole]][:, None]
    kept = np.append(np.arange(len(table)), stay[:, 1])
    return parted[kept], rows[whole], rows[confirmed & ~whole]


def _together(vectors, pairs):
    """List the rows that are measured anew, those of pairs and around them, in parts that share
    none; and the part of each pair."""
    near = (vectors[pairs] @ vectors.T > np.cos(np.radians(_AROUND))).any(axis=1)  # (pair, row)
    number, label = connected_components(near.astype(int) @ near.T)
    return [np.flatnonzero(near[label == i].any(axis=0)) for i in range(number)], label
