"""Any table with positions becomes a table with the catalog's columns, types and units."""

import itertools
from functools import cache

import astropy.units as u
import numpy as np
from astropy.coordinates import FK5, ICRS, SkyCoord
from astropy.table import Column as TableColumn
from astropy.table import MaskedColumn, Table

from fermiml.catalog.columns import (
    BLANK,
    COLUMNS,
    HISTORY_COLUMNS,
    SPECTRUM_TYPES,
    cell_names,
    sized_columns,
    unit_problem,
)
from fermiml.catalog.derive import fill_derived, modern_cutoffs, own_columns
from fermiml.catalog.positions import equatorial, galactic, single, source_names
from fermiml.errors import InputError

# Longitude and latitude columns by which other tables call a position, first come first served.
_POSITIONS = (
    ("RAJ2000", "DEJ2000", "fk5"),
    ("RAJ2000", "DECJ2000", "fk5"),
    ("_RAJ2000", "_DEJ2000", "fk5"),
    ("RA_ICRS", "DE_ICRS", "icrs"),
    ("RA", "DEC", "fk5"),
    ("GLON", "GLAT", "galactic"),
)
# Columns of truth tables that fermiml 0.1 named otherwise.
_FORMER = {"TS_Oracle": "TS_Asimov", "TS_Oracle_Bin": "TS_Asimov_Bin"}
_CONTROL = dict.fromkeys((*range(32), 127), " ")
FORMULA = ("=", "+", "-", "@")  # as which a spreadsheet's formula begins
_SPECTRUM_ALIASES = {
    "": "PowerLaw",
    "PLExpCutoff": "PLSuperExpCutoff",
    "PLSuperExpCutoff2": "PLSuperExpCutoff",
    "PLSuperExpCutoff4": "PLSuperExpCutoff",
}


def conform(data):
    """Make a table with all catalog columns in their order, then the columns only `data` has.

    `data` is an astropy table, or anything from which one can be made, with positions in FK5,
    ICRS or Galactic coordinates. What is not given is unknown: NaN, blank text, masked integer.
    Names, Galactic coordinates, fluxes and the like are filled in where they follow from the rest.
    """
    given = modern_cutoffs(own_columns(_arrays_joined(Table(data, copy=False))))
    _rename_former(given)
    names = {name.lower(): name for name in reversed(given.colnames)}
    names |= {name.lower(): name for name in given.colnames if name in COLUMNS}
    ra, dec, used = _find_positions(given, names)
    known = {"RAJ2000": single(ra, 360.0), "DEJ2000": single(dec)}
    columns = sized_columns(given)
    for column in columns:
        name = names.get(column.name.lower())
        if column.name not in known:
            known[column.name] = (
                _unknown(column, len(given)) if name is None else _cast(column, given[name])
            )
    columns = [_table_column(column, known[column.name]) for column in columns]
    table = Table(columns, meta=dict(given.meta), copy=False)
    _fill_positions(table, ra, dec)
    _check_spectrum_types(table)
    fill_derived(table)

    taken = {name.lower() for name in table.colnames} | {name.lower() for name in used}
    for name in given.colnames:
        if name.lower() not in taken:
            table[name] = _extra(given[name])
            taken.add(name.lower())
    return table


def _rename_former(table):
    for name in set(_FORMER) & set(table.colnames):
        table.rename_column(name, _FORMER[name])


def _arrays_joined(table):
    """Join into arrays what a CSV file has as a column for each number."""
    table = table.copy(copy_data=False)
    for column in COLUMNS.values():
        if column.name in HISTORY_COLUMNS:
            column = column.with_intervals(_intervals_of_cells(table.colnames, column))
        names = cell_names(column.name, column.shape)
        if column.shape and names and set(names) <= set(table.colnames):
            cells = [_numbers(name, column.unit, table[name]) for name in names]
            table[column.name] = np.stack(cells, axis=-1).reshape(len(table), *column.shape)
            table.remove_columns(names)
    return table


def _intervals_of_cells(names, column):
    """Count the intervals of a light curve that has a column for each number."""
    last = "_1" * (len(column.shape) - 1)
    return next(n for n in itertools.count() if f"{column.name}_{n + 1}{last}" not in names)


def _find_positions(given, names):
    """Find FK5 right ascension and declination in degrees, and the columns that held them."""
    for name in given.colnames:
        if isinstance(given[name], SkyCoord):
            coord = given[name].transform_to(FK5())
            return *_checked(coord.ra.deg, coord.dec.deg, name, name), {name}
    for lon, lat, frame in _POSITIONS:
        if lon.lower() in names and lat.lower() in names:
            lon, lat = names[lon.lower()], names[lat.lower()]
            x, y = (_numbers(name, "deg", given[name]) for name in (lon, lat))
            x, y = _checked(x, y, lon, lat)
            if frame == "galactic":
                x, y = equatorial(x, y)
            elif frame == "icrs":
                coord = SkyCoord(x, y, unit="deg", frame=ICRS).transform_to(FK5())
                x, y = coord.ra.deg, coord.dec.deg
            return x, y, {lon, lat}
    if len(given) == 0 and not given.colnames:
        return np.array([]), np.array([]), set()
    raise InputError(
        "no positions: columns RAJ2000 and DEJ2000 (deg, FK5) are expected, or GLON and GLAT"
    )


def _checked(lon, lat, lon_name, lat_name):
    for name, values, bad in (
        (lon_name, lon, ~np.isfinite(lon)),
        (lat_name, lat, ~(np.abs(lat) <= 90)),
    ):
        if np.any(bad):
            row = int(np.flatnonzero(bad)[0])
            expected = "-90 to 90 deg" if name == lat_name else "a longitude in deg"
            raise InputError(f"column {name}, row {row}: {values[row]:g}, expected {expected}")
    return np.asarray(lon, float), np.asarray(lat, float)


def _fill_positions(table, ra, dec):
    """Fill in Galactic coordinates (from the positions before rounding) and names (from after)."""
    unknown = np.isnan(table["GLON"]) | np.isnan(table["GLAT"])
    if np.any(unknown):
        lon, lat = galactic(ra[unknown], dec[unknown])
        table["GLON"][unknown], table["GLAT"][unknown] = single(lon, 360.0), single(lat)
    unnamed = table["Source_Name"] == ""
    if np.any(unnamed):
        table["Source_Name"][unnamed] = source_names(
            table["RAJ2000"][unnamed], table["DEJ2000"][unnamed]
        )
    name, count = np.unique(table["Source_Name"], return_counts=True)
    if np.any(count > 1):
        raise InputError(
            f"column Source_Name: {str(name[count > 1][0])!r} occurs in {count.max()} rows, "
            "expected unique names"
        )


def _check_spectrum_types(table):
    types = [_SPECTRUM_ALIASES.get(t, t) for t in table["SpectrumType"]]
    for kind in set(types) - set(SPECTRUM_TYPES):
        raise InputError(f"column SpectrumType: {str(kind)!r}, expected one of {SPECTRUM_TYPES}")
    table["SpectrumType"][:] = types


def unknown_column(column, rows):
    """Build a column of a table of which nothing is known."""
    return _table_column(column, _unknown(column, rows))


def _table_column(column, values):
    kind = MaskedColumn if column.code == "I" else TableColumn
    unit, text = _unit(column.unit) if column.unit else None, column.description
    return kind(values, name=column.name, unit=unit, description=text)


@cache
def _unit(text):
    return u.Unit(text)


def _unknown(column, rows):
    shape = (rows, *column.shape)
    if column.code == "A":
        return np.full(shape, "", dtype=column.dtype)
    if column.code == "I":
        return np.ma.array(np.full(shape, BLANK, "i2"), mask=True, fill_value=BLANK)
    return np.full(shape, np.nan, dtype=column.dtype)


def _cast(column, values):
    """Convert a given column to the form in which the catalog keeps it."""
    if column.code == "A":
        return _text(column, values)
    numbers = _numbers(column.name, column.unit, values)
    if numbers.shape[1:] != column.shape:
        got, expected = (" x ".join(map(str, s)) or "1" for s in (numbers.shape[1:], column.shape))
        raise InputError(f"column {column.name} has {got} values per row, expected {expected}")
    if column.code != "I":
        return np.where(np.isinf(numbers), np.nan, numbers).astype(column.dtype)  # 3FGL: -inf
    known = np.isfinite(numbers)
    whole = np.where(known, numbers, BLANK)
    if np.any(whole != np.rint(whole)) or np.any(np.abs(whole) > -BLANK):
        raise InputError(f"column {column.name}: whole numbers within +-32767 are expected")
    return np.ma.array(whole.astype("i2"), mask=~known, fill_value=BLANK)


def _text(column, values):
    """Convert the values of a text column, which widens if it must."""
    text = _ascii(values)
    return text.astype(f"U{max(column.length, text.dtype.itemsize // 4)}")


def _ascii(values):
    """Convert to ASCII text without blanks around it, as FITS asks; control characters, which
    would end lines of other formats or be forbidden there, become blanks."""
    if not len(values):
        return np.zeros(0, "U1")
    text = np.ma.filled(np.ma.asarray(values).astype("U"), "")
    text = np.char.decode(np.char.encode(text, "ascii", "replace"), "ascii")
    return np.char.strip(np.char.translate(text, _CONTROL))


def _numbers(name, unit, values):
    """Convert to floating-point numbers in the wanted unit; what is masked or blank becomes NaN."""
    given = getattr(values, "unit", None)
    values = np.ma.asarray(getattr(values, "value", values) if given else values)
    if values.dtype.kind in "US" and len(values):  # such as a blank column of a CSV file
        values = np.ma.masked_where(np.char.strip(values.filled("")) == "", values)
    try:
        numbers = np.ma.filled(values.astype(float), np.nan)
    except (TypeError, ValueError):
        raise InputError(
            f"column {name} holds text, expected numbers in {unit or 'plain'}"
        ) from None
    if given in (None, "") or not len(numbers):
        return numbers
    try:
        return numbers * _plain(given).to(_plain(unit))
    except (u.UnitsError, TypeError, ValueError):
        raise InputError(unit_problem(name, given, unit)) from None


def _plain(unit):
    """Drop photons from a unit: they are counted, so 'ph cm-2 s-1' and 'cm-2 s-1' are the same."""
    unit = u.Unit(unit)
    powers = dict(zip(unit.bases, unit.powers, strict=True))
    return unit / u.ph ** powers.get(u.ph, 0)


def _extra(values):
    """Return a column that only the user's table has, if a FITS file can keep it."""
    if getattr(values, "dtype", np.dtype(object)).kind not in "biufSU":
        raise InputError(f"column {values.info.name} holds objects, expected numbers or text")
    return TableColumn(_ascii(values)) if values.dtype.kind in "US" else values.copy()
