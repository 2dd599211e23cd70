"""Sources of a fermipy analysis in the columns of the catalog."""

import numpy as np
from astropy.coordinates import FK5, SkyCoord

from fermiml.catalog.catalog import SourceCatalog
from fermiml.catalog.columns import COLUMNS
from fermiml.catalog.ellipses import R68, R95, error_columns, semi_axes
from fermiml.catalog.flags import MLFlag
from fermiml.likelihood.results import REPLACED
from fermiml.model.sources import DISK, GAUSS, POINT, RADIUS_68

ENGINE = "fermipy"
# fermipy's spectra: columns of the parameters, and the sign that the Fermitools give them.
_SPECTRA = {
    "PowerLaw": ("PowerLaw", "Scale", {"Prefactor": "PL_Flux_Density", "Index": "PL_Index"}),
    "LogParabola": (
        "LogParabola",
        "Eb",
        {"norm": "LP_Flux_Density", "alpha": "LP_Index", "beta": "LP_beta"},
    ),
    "PLSuperExpCutoff4": (
        "PLSuperExpCutoff",
        "Scale",
        {
            "Prefactor": "PLEC_Flux_Density",
            "IndexS": "PLEC_IndexS",
            "ExpfactorS": "PLEC_ExpfactorS",
            "Index2": "PLEC_Exp_Index",
        },
    ),
}
FORMS = {POINT: "PointSource", DISK: "RadialDisk", GAUSS: "RadialGaussian"}  # fermipy's names
_START = 1e-13, 2.0, 1000.0  # flux density, index, pivot energy of a row without a spectrum
_NEGATIVE = ("Index", "IndexS")
_NORMS = ("Prefactor", "norm")
_CLOSE = 1e-3  # of the range of a parameter: as good as at its end


def places(sources):
    """Return positions and 1-sigma ellipses (as crossmatch takes them) of fermipy sources.

    Errors are those of a localisation, else of the catalog that the source came from; an
    extended source has its size added, as in `SourceCatalog.ellipses`.
    """
    position = SkyCoord([s.skydir.icrs.ra.deg for s in sources],
                        [s.skydir.icrs.dec.deg for s in sources], unit="deg")  # fmt: skip
    shapes = np.array([_place(source) for source in sources], float).reshape(-1, 3)
    return position, tuple(shapes.T)


def _place(source):
    major, minor, angle = _axes(source["pos_cel_cov"])
    known = source["catalog"] if "catalog" in source.data else {}
    if not np.isfinite(major):
        major, minor = (
            _number(known.get(f"Conf_95_{a}")) / R95 for a in ("SemiMajor", "SemiMinor")
        )
        angle = _number(known.get("Conf_95_PosAng"))
    size = 0.0
    if source.extended:
        sizes = (_number(source["SpatialWidth"]), _number(known.get("Model_SemiMajor")))
        size = max([s for s in sizes if np.isfinite(s)], default=0.0) / R68
    if size > 0:
        major, minor = (np.hypot(np.nan_to_num(a), size) for a in (major, minor))
    return major, minor, np.nan_to_num(angle)


def _axes(covariance):
    """Compute 1-sigma semi-axes and position angle of what fermipy has for a covariance."""
    covariance = np.asarray(covariance, float)
    return semi_axes(covariance if covariance.shape == (2, 2) else np.full((2, 2), np.nan))


def _number(value):
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan


def extended_properties(row, extent):
    """Return what fermipy needs to add a row with an `Extent`; its widths are 68 % radii."""
    form = DISK if extent.function == "RadialDisk" else GAUSS
    place = SkyCoord(row["RAJ2000"], row["DEJ2000"], unit="deg", frame=FK5()).icrs
    known = row["PL_Flux_Density"] > 0 and row["Pivot_Energy"] > 0
    density, index, pivot = (
        (row["PL_Flux_Density"], row["PL_Index"], row["Pivot_Energy"]) if known else _START
    )
    return {
        "ra": float(place.ra.deg), "dec": float(place.dec.deg),
        "SpatialModel": FORMS[form],
        "SpatialWidth": float(extent.size * RADIUS_68[form]),
        "SpectrumType": "PowerLaw", "Prefactor": float(density), "Index": float(index),
        "Scale": float(pivot),
    }  # fmt: skip


def write_spectrum(row, source, ts):
    """Write spectrum, fluxes and TS of a source into a row, in place of those it held."""
    if row["ML_Flags"] is not np.ma.masked:
        row["ML_Flags"] = row["ML_Flags"] & ~MLFlag.AT_BOUND  # of the spectrum before
    for name in REPLACED:
        row[name] = "" if COLUMNS[name].code == "A" else np.nan
    row["TS"], row["TS_Engine"], row["Npred"] = ts, ENGINE, source["npred"]
    kind = source["SpectrumType"]
    if kind in _SPECTRA:
        _write_parameters(row, source, *_SPECTRA[kind])
    else:  # as the power law that touches it
        row["SpectrumType"], row["Pivot_Energy"] = "PowerLaw", source["pivot_energy"]
        row["PL_Flux_Density"], row["PL_Index"] = source["dnde"], source["dnde_index"]


def _write_parameters(row, source, kind, scale, columns):
    pars = source.params
    row["SpectrumType"], row["Pivot_Energy"] = kind, pars[scale]["value"]
    for name, column in columns.items():
        sign = -1 if name in _NEGATIVE else 1
        row[column] = sign * pars[name]["value"]
        error = _number(pars[name]["error"])
        row[f"Unc_{column}"] = error if error > 0 else np.nan
        if error > 0 and name not in _NORMS and _at_bound(source.spectral_pars[name]):
            row[f"Unc_{column}"] = np.nan
            row["ML_Flags"] = int(np.ma.filled(row["ML_Flags"], 0)) | MLFlag.AT_BOUND
    index_error = row["Unc_PL_Index"] if kind == "PowerLaw" else np.nan
    if np.isfinite(index_error):  # where density and index are independent
        row["Pivot_Energy"] = source["pivot_energy"]
        row["PL_Flux_Density"], row["Unc_PL_Flux_Density"] = source["dnde"], source["dnde_err"]


def _at_bound(par):
    """Return whether a parameter is at an end of its range, to which MINUIT only comes close."""
    low, high = float(par["min"]), float(par["max"])
    value = float(par["value"])
    return min(abs(value - low), abs(high - value)) < _CLOSE * (high - low)


def write_place(row, source):
    """Write position and error ellipse of a localised source into a row."""
    place = source.skydir.transform_to(FK5())
    row["RAJ2000"], row["DEJ2000"] = place.ra.deg, place.dec.deg
    row["GLON"], row["GLAT"] = place.galactic.l.deg, place.galactic.b.deg
    for name, value in error_columns(*_axes(source["pos_cel_cov"])).items():
        row[name] = value


def derived(table, sources, *, extended=None, gti=None):
    """Return the catalog of a table, with what follows from its spectra; errors that only gtlike
    knows come from `sources` (row -> source)."""
    catalog = SourceCatalog.from_table(table, extended=extended, gti=gti)
    for row, source in sources.items():
        for name, key in (("Flux1000", "flux1000"), ("Energy_Flux100", "eflux100")):
            relative = _number(source[f"{key}_err"]) / source[key]
            if np.isfinite(relative) and not np.isfinite(catalog.table[f"Unc_{name}"][row]):
                catalog.table[f"Unc_{name}"][row] = relative * catalog.table[name][row]
    return catalog
