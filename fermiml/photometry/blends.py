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
    kept, table["ML_Prob_Blend"] = np.arange(len(table)), np.nan
    if not np.isfinite(table["ML_TS_Split"]).any():
        return table, kept
    radius = psf_core(cube, HELD)
    table["ML_Prob_Blend"] = calibration.probability(table, radius)
    rows = np.flatnonzero(table["ML_Prob_Blend"] >= calibration.threshold)
    while len(rows):
        parted, confirmed = _parted(cube, table, rows, jobs)
        if confirmed.all():
            single = np.setdiff1d(kept, rows)
            parted["ML_Prob_Blend"][single] = calibration.probability(parted[single], radius)
            return parted, np.append(kept, rows)
        rows = rows[confirmed]
    return table, kept


def _parted(cube, table, rows, jobs):
    """Split some rows; return the table, and which of them are two sources indeed."""
    pairs = np.stack([rows, len(table) + np.arange(len(rows))], axis=1)
    parted = vstack([table, table[rows]])
    place = np.stack([parted["RAJ2000"], parted["DEJ2000"]], axis=1).astype(float)
    place[pairs] = np.stack([table[name][rows] for name in SPLIT], axis=2)
    position = SkyCoord(*place.T, unit="deg", frame="fk5")
    parts = _together(vectors_of(position.icrs), pairs)
    anew, measured = measure(cube, position, jobs=jobs, anew=parts), np.concatenate(parts)
    for name in anew.colnames:
        parted[name][measured] = anew[name][measured]
    for name, axis in zip(SPLIT, ("RAJ2000", "DEJ2000"), strict=True):
        parted[name][pairs.ravel()] = np.repeat(parted[axis][pairs], 2, axis=0)
    parted["ML_TS_Split"][pairs] = table["ML_TS_Split"][rows][:, None]
    return parted, np.min(np.asarray(parted["ML_TS"])[pairs], axis=1) > _CONFIRMED


def _together(vectors, pairs):
    """List the rows that are measured anew: those of pairs and around them, by region."""
    near = (vectors[pairs] @ vectors.T > np.cos(np.radians(_AROUND))).any(axis=1)  # (pair, row)
    number, label = connected_components(near.astype(int) @ near.T)
    return [np.flatnonzero(near[label == i].any(axis=0)) for i in range(number)]
