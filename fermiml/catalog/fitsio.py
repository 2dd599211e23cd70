"""The FITS file of a catalog, laid out as 4FGL-DR4 is, and reading of catalog files."""

import textwrap
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.io.fits.connect import is_fits
from astropy.table import Table
from astropy.time import Time
from astropy.units import Quantity

from fermiml import __version__
from fermiml.catalog.columns import (
    BAND_COLUMNS,
    BAND_EDGES,
    BLANK,
    COLUMNS,
    EXTNAME,
    HISTORY_COLUMNS,
    sized_columns,
)
from fermiml.catalog.conform import FORMULA
from fermiml.catalog.ellipses import ERPOSABS, ERPOSFAC
from fermiml.catalog.flags import FLAG_MEANING
from fermiml.catalog.text_tables import read_text_table
from fermiml.errors import InputError
from fermiml.files import check_input
from fermiml.fitsfile import open_fits, reading
from fermiml.sky.selection import MJDREF

# Header keywords that travel with a catalog; all others are about the file, and written anew.
KEYWORDS = {
    "DATE-OBS": "start of the observation (UTC)",
    "DATE-END": "end of the observation (UTC)",
    "TSTART": "[s] mission elapsed time at the start",
    "TSTOP": "[s] mission elapsed time at the end",
    "EMIN": "[MeV] lowest energy of the data",
    "EMAX": "[MeV] highest energy of the data",
    "HISTEMIN": "[MeV] lowest energy of Flux_History",
    "HISTEMAX": "[MeV] highest energy of Flux_History",
    "RSPFUNC": "instrument response function",
    "SIMULATE": "the data are simulated",
    "ERPOSFAC": "systematic factor in the position errors",
    "ERPOSABS": "[deg] systematic error added to Conf_95",
}
HIST_START = "Hist_Start"  # in the meta of a table: edges of the intervals of the light curves
HISTORY = "HISTORY"  # in the meta of a table: a list of cards, where the response came from
_CARD = 72  # characters of a card of text
_TEXT_ENDINGS = {".csv", ".ecsv", ".vot", ".votable", ".xml"}
_MARKED = tuple(f"'{sign}" for sign in FORMULA)
_NOBODY = "NONE"  # the dummy row of ExtendedSources, which fermipy needs

# fermipy cannot join an empty table with the extended sources, as it does with a 4FGL-DR4
# file. So an empty catalog does not call itself one, and has the two more columns that fermipy
# asks of a user's own catalog.
_USER_CATALOG = {"Spatial_Filename": "24A", "param_values": "10D"}

_EXTENDED = (
    ("Source_Name", "18A", None, "", "meta.id;meta.main"),
    ("RAJ2000", "E", "deg", np.nan, "pos.eq.ra;meta.main"),
    ("DEJ2000", "E", "deg", np.nan, "pos.eq.dec;meta.main"),
    ("GLON", "E", "deg", np.nan, "pos.galactic.lon"),
    ("GLAT", "E", "deg", np.nan, "pos.galactic.lat"),
    ("Model_Form", "11A", None, "", "meta.code.class"),
    ("Model_SemiMajor", "E", "deg", np.nan, "phys.angSize.smajAxis"),
    ("Model_SemiMinor", "E", "deg", np.nan, "phys.angSize.sminAxis"),
    ("Model_PosAng", "E", "deg", np.nan, "pos.posAng"),
    ("Spatial_Function", "11A", None, "", "meta.code.class"),
    ("Spatial_Filename", "24A", None, "", "meta.id"),
)


def to_hdus(table, extended=None, gti=None):
    """Build the HDUs of a catalog file."""
    hdus = {
        EXTNAME: _catalog_hdu(table),
        "ExtendedSources": _extended_hdu(extended),
        "EnergyBounds": _bounds_hdu(),
    }
    if HIST_START in table.meta:
        hdus[HIST_START] = _history_hdu(table.meta[HIST_START])
    if gti is not None:
        hdus["GTI"] = _gti_hdu(gti)
    for name, hdu in hdus.items():
        hdu.header["EXTNAME"] = name  # astropy's own way would make capitals of it
    result = fits.HDUList([fits.PrimaryHDU(), *hdus.values()])
    for hdu in result:
        _fill_header(hdu.header, table.meta)
    for card in table.meta.get(HISTORY, ()):
        result[EXTNAME].header.add_history(card)
    return result


def add_history(meta, who, lines):
    """Add lines of text to the history in the meta of a table, as cards that FITS can hold."""
    plain = (line.encode("ascii", "backslashreplace").decode() for line in lines)
    cards = [card for line in plain for card in textwrap.wrap(f"{who}: {line}", _CARD)]
    meta[HISTORY] = [*meta.get(HISTORY, ()), *cards]


def _catalog_hdu(table):
    columns = [_fits_column(c, table[c.name]) for c in sized_columns(table)]
    extras = Table(table, copy=False)
    extras.meta.clear()
    extras.remove_columns(list(COLUMNS))
    if extras.colnames:
        columns += list(fits.table_to_hdu(extras).columns)
    if not len(table):
        columns += [fits.Column(name, code) for name, code in _USER_CATALOG.items()]
    hdu = fits.BinTableHDU.from_columns(columns, nrows=len(table))
    for number, column in enumerate(COLUMNS.values(), start=1):
        hdu.header[f"TCOMM{number}"] = column.description
        hdu.header[f"TUCD{number}"] = column.ucd
    header = hdu.header
    header["HDUCLASS"] = ("OGIP", "format conforms to OGIP standard")
    header["HDUCLAS1"] = ("SRCLIST", "an OGIP standard class")
    if len(table):
        header["CDS-NAME"] = ("4FGL-DR4", "whose columns these are, for readers")
    for flag, meaning in FLAG_MEANING.items():
        header["COMMENT"] = f"ML_Flags {flag.value}: {meaning}"
    return hdu


def _fits_column(column, values):
    dim = f"({','.join(str(n) for n in reversed(column.shape))})" if len(column.shape) > 1 else None
    integer = column.code == "I"
    letters = values.dtype.itemsize // 4  # at least 4FGL's, more where a text needs it
    return fits.Column(
        name=column.name,
        format=f"{letters}A" if column.code == "A" else column.format,
        unit=column.unit or None,
        disp=column.disp or None,
        null=BLANK if integer else None,
        dim=dim,
        array=values.filled(BLANK) if integer else np.asarray(values),
    )


def _extended_hdu(extended):
    if extended is None or not len(extended):
        extended = Table({"Source_Name": [_NOBODY], "Spatial_Function": ["RadialDisk"]})
    columns = []
    for name, code, unit, unknown, _ in _EXTENDED:
        given = name in extended.colnames
        array = np.asarray(extended[name]) if given else np.full(len(extended), unknown)
        columns.append(fits.Column(name=name, format=code, unit=unit, array=array))
    hdu = fits.BinTableHDU.from_columns(columns)
    for number, (*_, ucd) in enumerate(_EXTENDED, start=1):
        hdu.header[f"TUCD{number}"] = ucd
    return hdu


def _bounds_hdu():
    low, high = BAND_EDGES[:-1], BAND_EDGES[1:]
    columns = [
        fits.Column("LowerEnergy", "E", unit="MeV", disp="F7.0", array=low),
        fits.Column("UpperEnergy", "E", unit="MeV", disp="F7.0", array=high),
        fits.Column("SysRel", "E", disp="F5.3", array=np.full(len(low), np.nan)),
    ]
    hdu = fits.BinTableHDU.from_columns(columns)
    hdu.header["TUCD1"] = hdu.header["TUCD2"] = "em.energy"
    return hdu


def _history_hdu(edges):
    """As 4FGL has it: where each interval of the light curves starts, and where the last ends."""
    column = fits.Column(HIST_START, "D", unit="s", array=np.asarray(edges, float))
    return fits.BinTableHDU.from_columns([column])


def _gti_hdu(gti):
    columns = [
        fits.Column(name, "D", unit="s", array=np.asarray(gti[name], float))
        for name in ("START", "STOP")
    ]
    return fits.BinTableHDU.from_columns(columns)


def _fill_header(header, meta):
    header["TELESCOP"] = ("GLAST", "name of telescope generating data")
    header["INSTRUME"] = ("LAT", "name of instrument generating data")
    header["EQUINOX"] = (2000.0, "equinox for ra and dec")
    header["RADESYS"] = ("FK5", "world coordinate system")
    header["DATE"] = (Time.now().utc.isot[:19], "file creation date (UTC)")
    header["TIMEUNIT"] = ("s", "units for the time related keywords")
    header["TIMESYS"] = ("TT", "type of time system that is used")
    header["MJDREFI"] = (MJDREF[0], "integer part of MJD of MET 0")
    header["MJDREFF"] = (MJDREF[1], "fractional part of MJD of MET 0")
    header["ORIGIN"] = ("fermiml", "not a product of the LAT collaboration")
    header["CREATOR"] = (f"fermiml {__version__}", "software that wrote the file")
    header["VERSION"] = ("v1", "version of the layout")
    for name, comment in KEYWORDS.items():
        if name in meta:
            header[name] = (meta[name], comment)


def read_tables(path):
    """Read a catalog's table as given, its extended sources and good time intervals, or None.

    FITS files are searched for a table with the name of 4FGL's, else for the first that has
    positions; others are VOTable, ECSV or CSV.
    """
    path = check_input(path, "a catalog")
    with reading(path, "a catalog"):
        if _is_fits(path):
            return _read_fits(path)
        return _without_formula_marks(read_text_table(path)), None, None


def _without_formula_marks(table):
    """Remove from text cells the ' that keeps spreadsheets from taking them for formulas."""
    for name in table.colnames:
        if table[name].dtype.kind == "U" and len(table):
            text = np.ma.filled(np.ma.asarray(table[name]), "")
            marked = np.any([np.char.startswith(text, mark) for mark in _MARKED], axis=0)
            if marked.any():
                text[marked] = [word[1:] for word in text[marked]]
                table[name] = text
    return table


def _is_fits(path):
    """Return whether a file is FITS by its first bytes, or by its name, as a compressed one is."""
    with open(path, "rb") as stream:
        return is_fits("read", None, stream) or is_fits("read", str(path), None)


def _read_fits(path):
    with open_fits(path, strict=False) as hdus:  # 4FGL gll_psc_v20 was edited by its makers
        if "EVENTS" in hdus:
            raise InputError("is an event list, not a catalog")
        tables, main = _tables(hdus), _main_table(hdus)
        if main is None:
            raise InputError("has no table with positions (RAJ2000 and DEJ2000, in deg)")
        table = _as_table(main)
        bounds = _named(tables, "EnergyBounds")
        _fit_bands(table, None if bounds is None else _as_table(bounds))
        extended, gti, history = (
            _named(tables, name) for name in ("ExtendedSources", "GTI", HIST_START)
        )
        gti = None if gti is None else _as_table(gti)["START", "STOP"]
        if extended is not None:
            extended = _as_table(extended)
            extended["Source_Name"] = np.char.strip(extended["Source_Name"])
            extended = extended[extended["Source_Name"] != _NOBODY]
            extended.meta.clear()
        edges = None if history is None else np.array(history.data[HIST_START], float)
    kept = (
        [*KEYWORDS, HISTORY] if str(table.meta.get("CREATOR")).startswith("fermiml") else KEYWORDS
    )
    table.meta = {name: table.meta[name] for name in kept if name in table.meta}
    if edges is not None and _intervals(table) == len(edges) - 1:
        table.meta[HIST_START] = edges.tolist()
    if not len(table):
        table.remove_columns(list(set(_USER_CATALOG) & set(table.colnames)))
    return table, extended, gti


def is_catalog(path):
    """Return whether a file is a catalog, judged by the content of FITS files and the names of
    others."""
    path = Path(path).expanduser()
    if not path.is_file():
        return False
    if not _is_fits(path):
        return bool(_TEXT_ENDINGS & {suffix.lower() for suffix in path.suffixes[-2:]})
    with open_fits(path, strict=False) as hdus:
        return "EVENTS" not in hdus and _main_table(hdus) is not None


def header_of(path):
    """Return the header of a catalog's table; an empty one where the file is not FITS."""
    if not _is_fits(path):
        return fits.Header()
    with open_fits(path, strict=False) as hdus:
        return _main_table(hdus).header.copy()


def _tables(hdus):
    return [hdu for hdu in hdus if isinstance(hdu, (fits.BinTableHDU, fits.TableHDU))]


def _main_table(hdus):
    """Return the table with the name of 4FGL's, else the first one with positions, or None."""
    tables = _tables(hdus)
    named = [hdu for hdu in tables if hdu.name.upper() == EXTNAME.upper()]
    return next(iter(named + [h for h in tables if _has_positions(h.columns.names)]), None)


def _intervals(table):
    """Count the intervals of the light curves, 0 where there are none."""
    name = HISTORY_COLUMNS[0]
    return table[name].shape[1] if name in table.colnames and table[name].ndim > 1 else 0


def _as_table(hdu):
    table = Table.read(hdu, mask_invalid=False)
    table.convert_bytestring_to_unicode()
    return table


def _named(hdus, name):
    return next((h for h in hdus if h.name.upper() == name.upper()), None)


def _has_positions(names):
    lower = {name.lower() for name in names}
    return bool(lower & {"raj2000", "ra", "glon", "ra_icrs"})


def _fit_bands(table, bounds):
    """Give band columns of other releases the eight bands of DR4.

    4FGL-DR1 and DR2 have seven bands of which six are the same. A band that a catalog does not
    have is not known.
    """
    edges = np.column_stack([BAND_EDGES[:-1], BAND_EDGES[1:]])
    own = np.zeros((0, 2))
    if bounds is not None:
        unit = bounds["LowerEnergy"].unit or "MeV"
        own = np.column_stack(
            [Quantity(bounds[n].data, unit).to_value("MeV") for n in ("LowerEnergy", "UpperEnergy")]
        )
        own = np.unique(own, axis=0)
    for name, column in COLUMNS.items():
        if not column.shape or name not in table.colnames:
            continue
        if table[name].shape[1:] == column.shape:
            continue
        if name in HISTORY_COLUMNS and table[name].shape[2:] == column.shape[1:]:
            continue  # of other intervals
        values, unit = table[name].data, table[name].unit
        table.remove_column(name)
        if name not in BAND_COLUMNS or values.shape[1] != len(own):
            continue
        fitted = np.full((len(values), *column.shape), np.nan, "f4")
        for i, band in enumerate(edges):
            same = np.flatnonzero(np.all(np.isclose(own, band, rtol=1e-3), axis=1))
            if len(same):
                fitted[:, i] = values[:, same[0]]
        table[name] = fitted
        table[name].unit = unit


def systematic_keywords():
    """Return the header keywords of ellipses that include 4FGL-DR4's systematic error."""
    return {"ERPOSFAC": ERPOSFAC, "ERPOSABS": ERPOSABS}
