"""Catalogs in other programs' formats: each as the text of a file."""

import io
import logging
import warnings
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from astropy.units import UnitsWarning

from fermiml.catalog import template_files
from fermiml.catalog.cell_texts import cell_texts
from fermiml.catalog.columns import COLUMNS, cell_names
from fermiml.catalog.conform import FORMULA
from fermiml.catalog.sky_regions import to_ds9
from fermiml.catalog.spectral_models import to_xml, to_yaml
from fermiml.errors import InputError
from fermiml.files import write_text

log = logging.getLogger(__name__)

ENDINGS = {"ds9": ".reg", "votable": ".vot", "csv": ".csv", "xml": ".xml", "gammapy": ".yaml"}
OTHER_ENDINGS = {"votable": (".xml", ".votable"), "gammapy": (".yml",)}


def export(catalog, form, path, overwrite=False, colour="class"):
    """Write a catalog in a format of ENDINGS; `colour` (class or match) is for ds9."""
    if form not in ENDINGS:
        raise InputError(f"format {form!r}, expected one of {', '.join(ENDINGS)}")
    table, extended = catalog.table, catalog.extended
    text = {
        "ds9": lambda: to_ds9(table, colour, catalog.outlines()),
        "votable": lambda: to_votable(table),
        "csv": lambda: to_csv(table),
        "xml": lambda: to_xml(table, extended, _write_rings(extended, path, overwrite)),
        "gammapy": lambda: to_yaml(table, extended),
    }[form]()
    write_text(path, text, overwrite)


def _write_rings(extended, path, overwrite):
    """Write the images of rings beside the file that will name them; return their absolute paths by
    name."""
    images, path = {}, Path(path).expanduser().absolute()
    for row in [] if extended is None else extended[np.asarray(extended["Model_Form"]) == "Ring"]:
        name, radius = str(row["Source_Name"]).strip(), float(row["Model_SemiMajor"])
        image = path.with_name(f"{path.stem}_{name.replace(' ', '_')}.fits")
        template_files.write_ring(image, (row["GLON"], row["GLAT"]), radius, overwrite)
        images[name] = str(image)
        log.info("%s: the image of an extended source", image)
    return images


def to_votable(table):
    """Return the text of a VOTable with units, UCDs and descriptions."""
    frame = _votable_frame(table[:0])
    if not len(table):
        return frame
    end = frame.rindex("  </TABLE>")
    columns = [_votable_cells(table[name]) for name in table.colnames]
    rows = (f"<TR><TD>{'</TD><TD>'.join(row)}</TD></TR>" for row in zip(*columns, strict=True))
    data = "<DATA><TABLEDATA>\n", "\n".join(rows), "\n</TABLEDATA></DATA>\n"
    return "".join([frame[:end], *data, frame[end:]])


def _votable_cells(values):
    """Return the texts between the tags of a column's cells."""
    if _is_text(values):
        return _each(escape, cell_texts(values)[0])
    if values.dtype.kind == "b":
        values = values.astype(int)  # bits
    unknown = "NaN" if values.dtype.kind == "f" else ""
    return [" ".join(cell) for cell in zip(*cell_texts(values, unknown), strict=True)]


def _votable_frame(table):
    """Build the VOTable of a table without rows: astropy writes fields, and is slow with cells."""
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
    """Return the text of a CSV file: arrays become numbered columns, unknown values are empty."""
    names, columns = [], []
    for name in table.colnames:
        values = table[name]
        names += cell_names(name, values.shape[1:])
        cells = cell_texts(values)
        columns += [_each(_csv_word, cell) for cell in cells] if _is_text(values) else cells
    rows = map(",".join, zip(*columns, strict=True))
    return "\n".join([",".join(map(_csv_word, names)), *rows, ""])


def _each(function, texts):
    """Apply a function to all texts, only once to those that are the same."""
    results = {text: function(text) for text in set(texts)}
    return [results[text] for text in texts]


def _is_text(values):
    return values.dtype.kind in "US"


def _csv_word(text):
    """Quote a text as a cell; a ' keeps spreadsheets from taking it for a formula."""
    text = f"'{text}" if text.startswith(FORMULA) else text
    quoted = text.replace('"', '""')
    return f'"{quoted}"' if any(mark in text for mark in '",\n\r') else text
