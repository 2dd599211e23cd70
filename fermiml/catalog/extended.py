"""Extended sources of a catalog: what its columns tell, as 4FGL's table `ExtendedSources`."""

import numpy as np
from astropy.table import Table

from fermiml.catalog.positions import source_names

FORM_COLUMN, SIZE_ERROR = "ML_Ext_Form", "Unc_ML_Ext_Size"
# 4FGL's words: the Spatial_Function of its Model_Form. gtlike has none for a ring.
FUNCTIONS = {"Disk": "RadialDisk", "2D Gaussian": "RadialGauss", "Ring": "RadialDisk"}
_COPIED = ("RAJ2000", "DEJ2000", "GLON", "GLAT")


def name_extended(table):
    """Name the rows with an extent after their positions, with 4FGL's e, in place."""
    rows = np.flatnonzero(np.asarray(table[FORM_COLUMN]) != "")
    names = source_names(table["RAJ2000"][rows], table["DEJ2000"][rows])
    for column in ("Source_Name", "Extended_Source_Name"):
        table[column] = np.full(len(table), "", "U18")
        table[column][rows] = [f"{name}e" for name in names]


def extended_sources(table):
    """Return the table of extended sources of rows with an extent; None where none has one."""
    if FORM_COLUMN not in table.colnames or not np.any(table[FORM_COLUMN] != ""):
        return None
    rows = np.flatnonzero(table[FORM_COLUMN] != "")
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
