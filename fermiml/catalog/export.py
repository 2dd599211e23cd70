"""Catalogs in other programs' formats: each as the text of a file."""

import io

import numpy as np
from astropy.table import MaskedColumn, Table

from fermiml.catalog.columns import COLUMNS
from fermiml.catalog.models import to_models, to_xml
from fermiml.catalog.regions import to_ds9
from fermiml.errors import InputError
from fermiml.files import write_text

ENDINGS = {"ds9": ".reg", "votable": ".vot", "csv": ".csv", "xml": ".xml", "gammapy": ".yaml"}


def export(catalog, form, path, overwrite=False, colour="class"):
    """Write a catalog in a format of ENDINGS; `colour` (class or match) is for ds9."""
    if form not in ENDINGS:
        raise InputError(f"format {form!r}, expected one of {', '.join(ENDINGS)}")
    table = catalog.table
    text = {
        "ds9": lambda: to_ds9(table, colour),
        "votable": lambda: to_votable(table),
        "csv": lambda: to_csv(table),
        "xml": lambda: to_xml(table),
        "gammapy": lambda: to_models(table).to_yaml(),
    }[form]()
    write_text(path, text, overwrite)


def to_votable(table):
    """The text of a VOTable with units, UCDs and descriptions."""
    from astropy.io.votable import from_table
    from astropy.io.votable.tree import CooSys

    plain = table.copy()
    plain.meta.clear()
    for name, column in COLUMNS.items():
        plain[name].meta = {"ucd": column.ucd}
    votable = from_table(plain, table_id="sources")
    resource = votable.resources[0]
    resource.coordinate_systems.append(CooSys(votable, ID="fk5", system="eq_FK5", equinox="J2000"))
    first = votable.get_first_table()
    first.description = "Gamma-ray sources in the columns of 4FGL-DR4, and ML columns"
    for field in first.fields:
        if field.name in ("RAJ2000", "DEJ2000"):
            field.ref = "fk5"
    stream = io.BytesIO()
    votable.to_xml(stream)
    return stream.getvalue().decode("utf-8")


def to_csv(table):
    """The text of a CSV file: arrays become numbered columns, what is not known is empty."""
    flat = Table()
    for name in table.colnames:
        values = table[name]
        cells = np.ma.asarray(values).reshape(
            len(values), int(np.prod(values.shape[1:], dtype=int))
        )
        for number, cell_name in enumerate(cell_names(name, values.shape[1:])):
            cell = cells[:, number]
            mask = np.ma.getmaskarray(cell)
            if cell.dtype.kind == "f":
                mask = mask | np.isnan(cell.filled(0))
            flat[cell_name] = MaskedColumn(cell, mask=mask)
    stream = io.StringIO()
    flat.write(stream, format="ascii.csv")
    return stream.getvalue()


def cell_names(name, shape):
    """Names for the numbers of an array column: Flux_Band_1 ..., Unc_Flux_Band_1_1 ..."""
    return ["_".join([name, *(str(i + 1) for i in index)]) for index in np.ndindex(*shape)]
