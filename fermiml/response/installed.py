"""The available responses: the compact tables shipped with fermiml, or any other from a CALDB."""

import os
from contextlib import contextmanager
from importlib import resources

import numpy as np

from fermiml.errors import InputError
from fermiml.response.caldb import read_caldb
from fermiml.response.irfs import ALL_EVENTS, DEFAULT_IRF, Response, type_names
from fermiml.response.psf import PSF


def installed_irfs():
    """Names of the responses that come with fermiml."""
    return sorted(p.name[:-5] for p in _folder().iterdir() if p.name.startswith("P8"))


@contextmanager
def open_table(filename):
    """Yield an open FITS file of data/irfs, wherever the package is installed."""
    from astropy.io import fits

    path = _folder().joinpath(filename)
    with path.open("rb") as file, fits.open(file) as hdus:
        yield hdus


def _folder():
    return resources.files("fermiml.data.irfs")


def load_response(name=DEFAULT_IRF, evtype=ALL_EVENTS):
    """Load a response by name, from the installed tables or else from the folder named by
    $CALDB."""
    types = type_names(evtype)
    if name in installed_irfs():
        per_type = _read_compact(name, types)
    elif os.environ.get("CALDB"):
        per_type = read_caldb(os.environ["CALDB"], name, types)
    else:
        raise InputError(
            f"unknown IRF {name!r}: known are {', '.join(installed_irfs())}; "
            "set CALDB to the calibration folder of the Fermitools to use another"
        )
    return Response.combine(name, per_type)


def _read_compact(name, types):
    """Single event types from data/irfs; the columns are those that build_tables.py writes."""
    with open_table(f"{name}.fits") as hdus:
        axes = {c: np.array(hdus["AXES"].data[c][0], float) for c in hdus["AXES"].columns.names}
        rows = {row["EVTYPE"]: row for row in hdus["RESPONSE"].data}
        missing = [t for t in types if t not in rows]
        if missing:
            raise InputError(
                f"{name} has no table for {'+'.join(missing)}: known are {', '.join(rows)}"
            )
        return [_compact_row(name, t, axes, rows[t]) for t in types]


def _compact_row(name, event_type, axes, row):
    def column(key):
        return np.array(row[key], float).reshape(len(axes["ENERGY"]), -1)

    return Response(
        name,
        (event_type,),
        axes["ENERGY"],
        axes["COSTHETA"],
        column("AEFF"),
        PSF(axes["ENERGY"], axes["RAD"], column("PSF")),
        axes["RATIO"],
        column("EDISP"),
    )
