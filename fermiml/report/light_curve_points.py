"""Light curves of a catalog as a page draws them."""

import numpy as np

from fermiml.catalog.fitsio import HIST_START
from fermiml.catalog.spectra import upper_limits
from fermiml.sky.selection import modified_julian


def light_curves(catalog):
    """List the points of every source's light curve; without good time there is none.

    A point is its interval (MJD), flux and its ends (ph cm-2 s-1); the lower end of a limit is
    None.
    """
    table = catalog.table
    if HIST_START not in table.meta:
        return [[] for _ in range(len(table))]
    mjd = np.round(modified_julian(table.meta[HIST_START]), 3)
    fluxes, errors = (np.asarray(table[f"{unc}Flux_History"], float) for unc in ("", "Unc_"))
    return [_points(mjd, *row) for row in zip(fluxes, errors, strict=True)]


def _points(mjd, fluxes, errors):
    points = []
    limits = upper_limits(fluxes, errors)
    for start, stop, flux, (down, up), limit in zip(
        mjd[:-1], mjd[1:], fluxes, errors, limits, strict=True
    ):
        if np.isfinite(flux + up):
            ends = (None, limit) if np.isfinite(limit) else (_short(flux + down), flux + up)
            points.append([float(start), float(stop), _short(flux), ends[0], _short(ends[1])])
    return points


def _short(value):
    return float(f"{value:.5g}")
