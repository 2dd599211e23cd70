"""A catalog at a glance: ten columns of its hundred, for notebooks."""

import numpy as np

from fermiml import notebook
from fermiml.catalog.flags import FLAG_MEANING
from fermiml.wording import counted

HEAD = ("name", "RA", "Dec", "r95 (deg)", "ML_Prob", "ML_Class", "TS", "1-100 GeV (1e-10 cm-2 s-1)",
        "flags", "association")  # fmt: skip
_MOST_ROWS = 30
_ASSOCIATIONS = ("ASSOC_4FGL", "ASSOC_FGL", "ASSOC_FHL", "ASSOC_GAM1", "ASSOC1")


def to_html(catalog):
    """Render the first rows as an HTML table."""
    table = catalog.table[:_MOST_ROWS]
    number = len(catalog)
    caption = f"SourceCatalog: {counted(number, 'source')}"
    if number > _MOST_ROWS:
        caption += f", of which the first {_MOST_ROWS}"
    return notebook.table(HEAD, list(rows(table)), caption)


def rows(table):
    """Yield the cells of each row, under `HEAD`."""
    columns = table.colnames
    ts = np.asarray(table["TS"], float)
    ts = np.where(np.isfinite(ts), ts, np.asarray(table["ML_TS"], float))
    known = [name for name in _ASSOCIATIONS if name in columns]
    flags = np.ma.filled(table["ML_Flags"], 0)  # 4FGL has none
    for row, value, bits in zip(table, ts, flags, strict=True):
        flux, error = (1e10 * float(row[name]) for name in ("Flux1000", "Unc_Flux1000"))
        yield (
            row["Source_Name"],
            _number(row["RAJ2000"], ".3f"),
            _number(row["DEJ2000"], "+.3f"),
            _number(row["Conf_95_SemiMajor"], ".3f"),
            _number(row["ML_Prob"], ".3f"),
            row["ML_Class"],
            _number(value, ".1f"),
            f"{_number(flux, '.2f')} ± {_number(error, '.2f')}" if np.isfinite(flux) else "",
            _flags(bits),
            _first_other(row, known),
        )


def _first_other(row, columns):
    """Return the first name of a source that is not its own, as 4FGL repeats that."""
    names = (str(row[column]).strip() for column in columns)
    return next((name for name in names if name not in ("", row["Source_Name"].strip())), "")


def _number(value, form):
    value = float(value)
    return format(value, form) if np.isfinite(value) else ""


def _flags(bits):
    return "; ".join(text for bit, text in FLAG_MEANING.items() if bits & bit)
