"""Light curves as a table with one row for each source and interval."""

import numpy as np
from astropy.table import Table, vstack

from fermiml.catalog.fitsio import HIST_START
from fermiml.catalog.spectra import upper_limits


def curve_table(catalog, rows):
    """Build the table of the light curves of some rows of a catalog.

    Returns
    -------
    astropy Table
        Source_Name, TSTART, TSTOP (mission elapsed time, s), Flux, Unc_Flux_Low, Unc_Flux_High,
        Flux_UL95 (where TS < 1, and there are no lower errors) and Sqrt_TS; NaN where there was no
        good time. The energy range of the fluxes is in `meta` (EMIN, EMAX, in MeV).
    """
    tables = [one_curve(catalog, row) for row in rows]
    table = vstack(tables, metadata_conflicts="silent")
    table.meta = {"EMIN": catalog.table.meta["HISTEMIN"], "EMAX": catalog.table.meta["HISTEMAX"]}
    return table


def one_curve(catalog, row):
    """Build the table of the light curve of one row."""
    table = catalog.table
    edges = np.array(table.meta[HIST_START], float)
    flux = np.asarray(table["Flux_History"][row], float)
    low, high = np.asarray(table["Unc_Flux_History"][row], float).T
    limits = upper_limits(flux, table["Unc_Flux_History"][row])
    found = Table(
        {
            "Source_Name": [table["Source_Name"][row]] * len(flux),
            "TSTART": edges[:-1],
            "TSTOP": edges[1:],
            "Flux": flux,
            "Unc_Flux_Low": np.abs(low),
            "Unc_Flux_High": np.where(np.isfinite(limits), np.nan, high),
            "Flux_UL95": limits,
            "Sqrt_TS": np.asarray(table["Sqrt_TS_History"][row], float),
        }
    )
    for name in found.colnames:
        if name.startswith("T"):
            found[name].unit = "s"
        elif "Flux" in name:
            found[name].unit = "ph cm-2 s-1"
    return found
