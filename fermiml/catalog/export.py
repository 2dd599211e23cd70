"""Catalogs in other programs' formats: each as the text of a file."""

import io
import warnings

import numpy as np
from astropy.table import MaskedColumn, Table
from astropy.units import UnitsWarning

from fermiml.catalog.columns import COLUMNS, cell_names
from fermiml.catalog.positions import decimal
from fermiml.catalog.sky_regions import to_ds9
from fermiml.catalog.spectral_models import to_xml, to_yaml
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
        "gammapy": lambda: to_yaml(table),
    }[form]()
    write_text(path, text, overwrite)


def to_votable(table):
    """The text of a VOTable with units, UCDs and descriptions."""
    from astropy.io.votable import from_table
    from astropy.io.votable.tree import CooSys

    plain = table.copy()
    plain.meta.clear()
    plain.convert_unicode_to_bytestring()
    for name, column in COLUMNS.items():
        plain[name].meta = {"ucd": column.ucd}
    stream = io.BytesIO()
    with warnings.catch_warnings():
        # VOUnit frowns on erg, which is what 4FGL and its readers use.
        warnings.simplefilter("ignore", UnitsWarning)
        votable = from_table(plain, table_id="sources")
        system = CooSys("fk5", equinox="J2000", system="eq_FK5", config=votable._config)
        votable.resources[0].coordinate_systems.append(system)
        first = votable.get_first_table()
        first.name = "fermiml"
        first.description = "Gamma-ray sources in the columns of 4FGL-DR4, and ML columns"
        for field in first.fields:
            if field.name in ("RAJ2000", "DEJ2000"):
                field.ref = "fk5"
            if field.datatype == "char":
                field.arraysize = "*"  # so that a text may be empty
            elif plain[field.name].ndim > 2:
                # VOTable names the fastest axis first; astropy writes numpy's order.
                field.arraysize = "x".join(str(n) for n in plain[field.name].shape[:0:-1])
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
                cell = decimal(cell.filled(0)) if cell.dtype == "f4" else cell
            flat[cell_name] = MaskedColumn(cell, mask=mask)
    stream = io.StringIO()
    flat.write(stream, format="ascii.csv")
    return stream.getvalue()
