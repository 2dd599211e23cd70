"""Fitted extents, written into the columns of a catalog and into its HDU `ExtendedSources`."""

import numpy as np
from astropy.coordinates import SkyCoord

from fermiml.catalog.extended_sources import FORM_COLUMN, FUNCTIONS, SIZE_ERROR, any_form
from fermiml.model.sources import MODEL_FORMS

_NUMBERS = "ML_Ext_Size", SIZE_ERROR, "ML_TS_Ext"


def write_extents(table, fitted):
    """Write extents (row number -> `FittedExtent`) into their rows."""
    if not fitted:
        return
    for name in _NUMBERS:
        if name not in table.colnames:
            table[name] = np.full(len(table), np.nan, "f4")
    table[FORM_COLUMN] = any_form(table[FORM_COLUMN])
    for number, extent in fitted.items():
        row = table[number]
        row[FORM_COLUMN] = MODEL_FORMS[extent.form]
        for name, value in zip(_NUMBERS, (extent.size, extent.error, extent.ts), strict=True):
            row[name] = value


def refitted(extended, table, fitted):
    """Return a table of extended sources, those of fitted rows with their new forms and sizes, and
    with the positions that `table` has for these rows."""
    extended = None if extended is None else extended.copy()
    for name in ("Model_Form", "Spatial_Function") if fitted else ():
        extended[name] = any_form(extended[name])
    for number, extent in fitted.items():
        name = str(table["Extended_Source_Name"][number]).strip()
        row = extended[np.flatnonzero(np.char.strip(extended["Source_Name"]) == name)[0]]
        form = MODEL_FORMS[extent.form]
        row["Model_Form"], row["Spatial_Function"] = form, FUNCTIONS[form]
        row["Model_SemiMajor"] = row["Model_SemiMinor"] = extent.size
        ra, dec = table["RAJ2000"][number], table["DEJ2000"][number]
        row["RAJ2000"], row["DEJ2000"] = ra, dec
        place = SkyCoord(ra, dec, unit="deg", frame="fk5").galactic
        row["GLON"], row["GLAT"] = place.l.deg, place.b.deg
    return extended
