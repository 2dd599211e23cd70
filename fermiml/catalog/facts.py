"""A catalog in words and numbers: where its sources are, what was measured, and what made it."""

import numpy as np
from astropy.coordinates import SkyCoord, UnitSphericalRepresentation

from fermiml.catalog import fitsio, glance
from fermiml.catalog.columns import COLUMNS
from fermiml.catalog.flags import FLAG_MEANING
from fermiml.sky.energy_text import range_text
from fermiml.sky.selection import dates_text

_BRIGHTEST = 5
_BRIGHTNESS = ("Energy_Flux100", "Flux1000", "TS", "ML_TS", "Signif_Avg")  # the best known one
# What may be measured of a source, and the column that tells whether it was.
_MEASURED = {
    "95 % ellipses": "Conf_95_SemiMajor",
    "spectra": "Pivot_Energy",
    "fluxes in bands": "Flux_Band",
    "likelihood TS": "TS",
    "network probabilities": "ML_Prob",
    "light curves": "Flux_History",
}
_LISTED = 10  # classes or columns that are named
_WIDE = 60.0  # deg from the middle, above which it says nothing
_NOT_SAID = "not in the file"


def facts(catalog, path):
    """Plain data (ready for JSON) about a catalog and its file; each fact has a `text`."""
    table = catalog.table
    column, order = _brightest(table)
    return {
        "source": str(path),
        "kind": "source catalog" + (" of simulated data" if catalog.simulated else ""),
        "sources": _sources(catalog),
        "sky": _sky(catalog.positions),
        "energy": _energy(table.meta),
        "time": _time(table.meta),
        "irf": {"text": str(table.meta.get("RSPFUNC", _NOT_SAID))},
        "simulated": catalog.simulated,
        "made by": _made_by(fitsio.header_of(path), table),
        "measured": _measured(table),
        "classes": _classes(table),
        "associated": _associated(table),
        "flags": _flags(table["ML_Flags"]),
        "columns": _columns(table),
        "history": [str(card) for card in table.meta.get(fitsio.HISTORY, ())],
        "brightest": {"by": column, "head": list(glance.HEAD),
                      "rows": [list(map(str, row)) for row in glance.rows(table[order])]},
    }  # fmt: skip


def _sources(catalog):
    number, probability = len(catalog), np.asarray(catalog.table["ML_Prob"], float)
    text = str(number)
    if np.isfinite(probability).any():
        text += f", of which {np.nansum(probability):.1f} are expected to be real"
    if catalog.extended is not None and len(catalog.extended):
        text += f"; {np.sum(catalog.extensions() > 0)} extended"
    return {"text": text, "number": number}


def _sky(positions):
    if not len(positions):
        return {"text": "nowhere"}
    mean = positions.icrs.cartesian.mean()
    middle = SkyCoord(mean.represent_as(UnitSphericalRepresentation), frame="icrs")
    radius = float(middle.separation(positions).deg.max())
    facts = {"radius_deg": radius, "ra": middle.ra.deg, "dec": middle.dec.deg}
    if radius > _WIDE:
        return {"text": "spread over the sky", **facts}
    galactic = middle.galactic
    text = (f"within {radius:.3g} deg of RA {middle.ra.deg:.3f}, Dec {middle.dec.deg:.3f} "
            f"(l {galactic.l.deg:.3f}, b {galactic.b.deg:.3f})")  # fmt: skip
    return {"text": text, **facts}


def _energy(meta):
    if not {"EMIN", "EMAX"} <= set(meta):
        return {"text": _NOT_SAID, "mev": None}
    low, high = float(meta["EMIN"]), float(meta["EMAX"])
    return {"text": range_text(low, high), "mev": [low, high]}


def _time(meta):
    if not {"TSTART", "TSTOP"} <= set(meta):
        return {"text": _NOT_SAID, "met": None}
    met = [float(meta["TSTART"]), float(meta["TSTOP"])]
    return {"text": dates_text(*met), "met": met}


def _made_by(header, table):
    """Tell which program and which network made the catalog."""
    maker, date = (str(header.get(name, "")).strip() for name in ("CREATOR", "DATE"))
    text = ", ".join(part for part in (maker, date.partition("T")[0]) if part) or _NOT_SAID
    networks = sorted({str(name).strip() for name in table["ML_Model"]} - {""})
    if networks:
        text += f"; found by {', '.join(networks)}"
    return {"text": text, "creator": maker or None, "date": date or None, "found_by": networks}


def _measured(table):
    numbers = {what: int(_is_known(table[name]).sum()) for what, name in _MEASURED.items()}
    text = ", ".join(f"{what} {n}" for what, n in numbers.items() if n)
    return {"text": text or "positions only", **numbers}


def _is_known(column):
    """Return which rows have a number in any of their cells."""
    finite = np.isfinite(np.asarray(column, float))
    return finite.any(axis=tuple(range(1, finite.ndim)))


def _classes(table):
    for name in ("ML_Class", "CLASS1"):
        names, numbers = np.unique(np.char.strip(np.asarray(table[name], str)), return_counts=True)
        found = {str(n): int(k) for n, k in zip(names, numbers, strict=True) if n}
        if found:
            found = dict(sorted(found.items(), key=lambda item: -item[1]))
            return {"text": _listed([f"{n} {k}" for n, k in found.items()]), "numbers": found}
    return {"text": "not given", "numbers": {}}


def _associated(table):
    named = sum(cells[-1] != "" for cells in glance.rows(table))
    return {"text": f"{named} with a known source or counterpart", "number": named}


def _flags(column):
    bits = np.ma.filled(column, 0)
    numbers = {flag: int(np.sum(bits & flag > 0)) for flag in FLAG_MEANING}
    numbers = {FLAG_MEANING[flag]: number for flag, number in numbers.items() if number}
    text = "; ".join(f"{meaning} ({number})" for meaning, number in numbers.items())
    return {"text": text or "none", "numbers": numbers}


def _columns(table):
    others = [name for name in table.colnames if name not in COLUMNS]
    text = f"the {len(COLUMNS)} of the format"
    if others:
        text += f"; also {_listed(others)}"
    return {"text": text, "others": others}


def _listed(texts):
    more = [f"and {len(texts) - _LISTED} more"] if len(texts) > _LISTED else []
    return ", ".join(texts[:_LISTED] + more)


def _brightest(table):
    """Return the column that tells best how bright sources are, and the rows of the brightest."""
    values = {name: np.asarray(table[name], float) for name in _BRIGHTNESS}
    name = max(_BRIGHTNESS, key=lambda name: np.isfinite(values[name]).sum())
    order = np.argsort(-np.nan_to_num(values[name], nan=-np.inf), kind="stable")
    return name, order[:_BRIGHTEST]
