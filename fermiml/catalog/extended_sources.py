"""Extended sources of a catalog: what its columns tell, as 4FGL's table `ExtendedSources`."""

from typing import NamedTuple

import numpy as np
from astropy.table import Table

from fermiml.catalog.positions import source_names

FORM_COLUMN, SIZE_ERROR = "ML_Ext_Form", "Unc_ML_Ext_Size"
# 4FGL's words: the Spatial_Function of its Model_Form. gtlike has none for a ring.
FUNCTIONS = {"Disk": "RadialDisk", "2D Gaussian": "RadialGauss", "Ring": "RadialDisk"}
HOLE = 0.7  # inner radius of a ring over its outer one
IMAGE = "SpatialMap"  # 4FGL's Spatial_Function of a shape that is an image
_COPIED = ("RAJ2000", "DEJ2000", "GLON", "GLAT")


class Extent(NamedTuple):
    """A shape that other programs have a function for: 4FGL's Spatial_Function, and the radius of
    a disk or the 68 % radius of a Gaussian (deg)."""

    function: str
    size: float


def extents(extended):
    """Return the `Extent` of extended sources by name; those whose shape is an image are left
    out. `extended` is None, or a table like `ExtendedSources`."""
    if extended is None:
        return {}
    columns = (extended[name] for name in ("Source_Name", "Spatial_Function", "Model_SemiMajor",
                                           "Model_SemiMinor"))  # fmt: skip
    return {
        str(name).strip(): Extent(str(function).strip(), float(np.sqrt(major * minor)))
        for name, function, major, minor in zip(*columns, strict=True)
        if str(function).strip() in FUNCTIONS.values()
    }


def extended_rows(table):
    """Return the numbers of the rows with an extent, as `fermiml detect` finds them."""
    if FORM_COLUMN not in table.colnames:
        return np.zeros(0, int)
    return np.flatnonzero(np.asarray(table[FORM_COLUMN], str) != "")


def any_form(column):
    """Return a column of 4FGL's words of forms, wide enough for each of them."""
    return np.asarray(column, f"U{max(map(len, [*FUNCTIONS, *FUNCTIONS.values()]))}")


def name_extended(table):
    """Name the rows with an extent after their positions, with 4FGL's e, in place."""
    rows = extended_rows(table)
    names = source_names(table["RAJ2000"][rows], table["DEJ2000"][rows])
    for column in ("Source_Name", "Extended_Source_Name"):
        table[column] = np.full(len(table), "", "U18")
        table[column][rows] = [f"{name}e" for name in names]


def extended_table(table):
    """Return the table of extended sources of rows with an extent; None where none has one."""
    rows = extended_rows(table)
    if not len(rows):
        return None
    chosen = table[rows]
    forms = np.asarray(chosen[FORM_COLUMN], str)
    size = np.asarray(chosen["ML_Ext_Size"], "f4")
    columns = {"Source_Name": np.asarray(chosen["Extended_Source_Name"], str)}
    columns |= {name: np.asarray(chosen[name], "f4") for name in _COPIED}
    columns |= {
        "Model_Form": forms,
        "Model_SemiMajor": size,
        "Model_SemiMinor": size,
        "Model_PosAng": np.zeros(len(rows), "f4"),
        "Spatial_Function": np.array([FUNCTIONS[form] for form in forms]),
        "Spatial_Filename": np.full(len(rows), "", "U24"),
    }
    return Table(columns)


def shapes_of(table, extended):
    """Return semi-axes and position angle (deg) of the extended sources that rows name; 0 for a
    point."""
    names = ("Model_SemiMajor", "Model_SemiMinor", "Model_PosAng")
    shapes = np.column_stack([np.nan_to_num(np.asarray(extended[n], float)) for n in names])
    rows = {str(name).strip(): row for row, name in enumerate(extended["Source_Name"])}
    chosen = [rows.get(str(name), -1) for name in table["Extended_Source_Name"]]
    return np.vstack([shapes, np.zeros(3)])[chosen].T
