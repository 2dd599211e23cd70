"""What a page tells of sources: the columns of its tables, and their spectra."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from fermiml.catalog.columns import BAND_EDGES, COLUMNS
from fermiml.catalog.spectra import MEV, upper_limits


@dataclass(frozen=True)
class Shown:
    """A column of a page's table.

    Its name in the catalog, heading, digits, and form: fixed, exp, or flags. `tip` shows it when
    the pointer is over the source; rows that are blank in the column `beside` are blank here.
    """

    name: str
    title: str = ""
    digits: int = 2
    form: str = "fixed"
    tip: bool = False
    beside: str = ""  # another column, without which this one tells nothing


# What decides whether a source is believed comes first.
SHOWN = (
    Shown("Source_Name", "Name"),
    Shown("TS", digits=1, tip=True),
    Shown("ML_Prob", digits=3, tip=True),
    Shown("Conf_95_SemiMajor", "r95", 3, tip=True),
    Shown("ML_TS", digits=1, tip=True),
    Shown("Signif_Avg", "Sigma", 1),
    Shown("ML_Class", "Class", tip=True),
    Shown("ASSOC_FGL", "FGL source", tip=True),
    Shown("ASSOC_FHL", "FHL source"),
    Shown("ASSOC1", "Association"),
    Shown("ASSOC_GAM1", "Known as", tip=True),
    Shown("CLASS1", "Class of association"),
    Shown("Flux1000", "Flux 1-100 GeV", 2, "exp", tip=True),
    Shown("PL_Index", "Index"),
    Shown("SpectrumType", "Spectrum"),
    Shown("Variability_Index", "Variability", 1, tip=True),
    Shown("ML_Ext_Form", "Extended as", tip=True),
    Shown("ML_Ext_Size", "Radius", beside="ML_Ext_Form", tip=True),
    Shown("GLON", "l", 3),
    Shown("GLAT", "b", 3),
    Shown("RAJ2000", "RA", 3),
    Shown("DEJ2000", "Dec", 3),
    Shown("ML_Flags", "Flags", 0, "flags"),
)
RANKED_BY = ("TS", "ML_TS", "Signif_Avg", "ML_Prob", "TS_Expected")  # the first that is shown


def table(catalog, shown=SHOWN):
    """Columns and rows for a page; columns that the catalog lacks or that are empty are left out.

    `rank` is the number of the column by which the rows are sorted at first, or None.
    """
    rows = catalog.table
    found = {s: _cells_of(rows, s) for s in shown if s.name in rows.colnames}
    found = {s: cells for s, cells in found.items() if any(c not in (None, "") for c in cells)}
    names = [s.name for s in found]
    columns = [
        {
            "name": s.name,
            "title": s.title or s.name,
            "unit": COLUMNS[s.name].unit if s.name in COLUMNS else str(rows[s.name].unit or ""),
            "digits": s.digits,
            "form": s.form,
            "tip": s.tip,
            "numeric": rows[s.name].dtype.kind in "iuf",
            "help": COLUMNS[s.name].description if s.name in COLUMNS else s.name,
        }
        for s in found
    ]
    return {
        "columns": columns,
        "rows": [list(row) for row in zip(*found.values(), strict=True)],
        "rank": next((names.index(n) for n in RANKED_BY if n in names), None),
    }


def ellipses(catalog):
    """RA, Dec, and where known half axes and position angle (deg) of the 95 % ellipse or the
    extent: regions."""
    place = (np.asarray(catalog.table[name], float) for name in ("RAJ2000", "DEJ2000"))
    rows = np.column_stack([*place, *catalog.outlines()])
    known = np.isfinite(rows).all(axis=1)
    rows = np.round(rows, 6).tolist()
    return [row if whole else row[:2] for row, whole in zip(rows, known, strict=True)]


def spectra(catalog):
    """Compute the points of every source's spectral energy distribution.

    A point is energies (MeV), nuFnu and its ends (erg cm-2 s-1); the lower end of a limit is None.
    """
    names = ("nuFnu_Band", "Flux_Band", "Unc_Flux_Band")
    columns = (np.asarray(catalog.table[name], float) for name in names)
    return [_spectrum(*row) for row in zip(*columns, strict=True)]


def _cells_of(rows, shown):
    """Cells of a column, None where the one that it needs beside it is blank."""
    cells = _cells(rows[shown.name])
    if not shown.beside:
        return cells
    blank = len(cells) * [""]
    others = _cells(rows[shown.beside]) if shown.beside in rows.colnames else blank
    return [cell if other else None for cell, other in zip(cells, others, strict=True)]


def _cells(column):
    """Numbers, texts, and None for what is not known."""
    masked = np.ma.getmaskarray(np.ma.asarray(column))
    values = np.ma.getdata(column)
    if values.dtype.kind == "f":
        return [None if m or not np.isfinite(v) else float(f"{v:.7g}")
                for v, m in zip(values.tolist(), masked, strict=True)]  # fmt: skip
    if values.dtype.kind in "iu":
        return [None if m else int(v) for v, m in zip(values, masked, strict=True)]
    return [str(v) for v in values]


def _spectrum(nufnu, fluxes, errors):
    points = []
    limits = upper_limits(fluxes, errors)
    for (low, high), value, flux, (down, up), limit in zip(
        pairwise(BAND_EDGES), nufnu, fluxes, errors, limits, strict=True
    ):
        if not np.isfinite(value + flux + up):
            continue
        scale = value / flux if flux > 0 else MEV * low * high / (high - low)
        ends = (np.nan, limit) if np.isfinite(limit) else (flux + down, flux + up)
        points.append([low, high, *_numbers(np.array([flux, *ends]) * scale)])
    return points


def _numbers(values):
    """Round floats, None where not finite."""
    return [float(f"{v:.5g}") if np.isfinite(v) else None for v in values]
