"""The results of a fit, written into the rows of a catalog."""

import numpy as np

from fermiml.catalog import flags
from fermiml.catalog.catalog import SourceCatalog
from fermiml.catalog.columns import BAND_COLUMNS, COLUMNS
from fermiml.catalog.derive import PARAMETERS, integrals
from fermiml.catalog.ellipses import error_columns
from fermiml.catalog.fitsio import add_history
from fermiml.catalog.flags import MLFlag
from fermiml.likelihood.extent_columns import refitted, write_extents
from fermiml.sky.describe import response_lines

ENGINE = "gammapy"
# Columns that a fit makes anew; what they held before no longer belongs to the source.
REPLACED = (
    "TS", "TS_Engine", "Signif_Avg", "Pivot_Energy", "Flux1000", "Unc_Flux1000", "Energy_Flux100",
    "Unc_Energy_Flux100", "SpectrumType", "Npred", "LP_SigCurv", "PLEC_SigCurv", "LP_EPeak",
    "Unc_LP_EPeak", "PLEC_EPeak", "Unc_PLEC_EPeak", *BAND_COLUMNS,
    *(f"{unc}{name}" for names in PARAMETERS.values() for name in names for unc in ("", "Unc_")),
)  # fmt: skip
_PLACE = (
    "RAJ2000", "DEJ2000", "GLON", "GLAT", *(f"Conf_{p}_{n}" for p in (68, 95)
    for n in ("SemiMajor", "SemiMinor", "PosAng")),
)  # fmt: skip


def filled(catalog, rows, cube, background, lost=()):
    """Return the catalog with the results (row number -> dict) of `measure` filled in.

    The `lost` rows, whose fit failed, have no TS, and a flag. The history names the response and
    the `background`.
    """
    table = catalog.table.copy()
    table.meta["EMIN"], table.meta["EMAX"] = cube.energy_range
    add_history(table.meta, "fit", [*response_lines(cube), f"background: {background}"])
    for number, result in rows.items():
        for name in REPLACED:
            table[name][number] = "" if COLUMNS[name].code == "A" else np.nan
        _write_row(table, number, result)
    extents = {number: result["extent"] for number, result in rows.items() if result["extent"]}
    write_extents(table, extents)
    for number in lost:
        table["TS"][number], table["TS_Engine"][number] = np.nan, ""
    failed = MLFlag.NOT_CONVERGED.value
    flags.decide_again(table, np.array(lost, int), failed, bits=failed)
    _flag(table, rows, cube)
    # Made anew, so that what follows from the new values follows from these.
    extended = refitted(catalog.extended, table, extents)
    return SourceCatalog.from_table(table, extended=extended, gti=catalog.gti)


def _write_row(table, number, result):
    row = table[number]
    row["TS"], row["TS_Engine"], row["Npred"] = result["ts"], ENGINE, result["npred"]
    if result["bands"] is not None:
        row["Flux_Band"], row["Unc_Flux_Band"], row["Sqrt_TS_Band"] = result["bands"]
    chosen = result["spectrum"]
    found = {**result["alternatives"], chosen.kind: chosen}
    row["SpectrumType"], row["Pivot_Energy"] = chosen.kind, chosen.pivot
    for kind, spectrum in found.items():
        _write_spectrum(row, kind, spectrum)
    for name, low, power, unit in integrals(table.meta):
        flux, error = chosen.flux(low, 1e5, power)
        row[name], row[f"Unc_{name}"] = flux * unit, error * unit
    _write_curvature(row, result["alternatives"])
    if result["place"] is not None:
        _write_place(row, result["place"])


def _write_spectrum(row, kind, spectrum):
    """Values and errors in 4FGL's columns of a shape."""
    half = np.array([1.0, 1.0, 0.5 if kind == "LogParabola" else 1.0])  # beta
    values = spectrum.values * half
    errors = np.sqrt(np.maximum(np.diag(spectrum.covariance), 0)) * half
    errors[1:][np.array(spectrum.at_bound)] = np.nan
    for name, value, error in zip(PARAMETERS[kind][:3], values, errors, strict=False):
        row[name], row[f"Unc_{name}"] = value, error if error > 0 else np.nan
    if kind == "PLSuperExpCutoff":
        row["PLEC_Exp_Index"] = spectrum.exp_index


def _write_curvature(row, found):
    for prefix, kind in (("LP", "LogParabola"), ("PLEC", "PLSuperExpCutoff")):
        if kind in found:
            gain = 2 * (found["PowerLaw"].loss - found[kind].loss)
            row[f"{prefix}_SigCurv"] = np.sqrt(max(gain, 0))


def _write_place(row, place):
    for name in _PLACE:
        row[name] = np.nan
    row["RAJ2000"], row["DEJ2000"] = np.remainder(place.ra, 360.0), place.dec
    if np.all(np.isfinite(place.covariance)):
        for name, value in error_columns(*place.ellipse()).items():
            row[name] = value


def _flag(table, rows, cube):
    """Bits of ML_Flags that a fit decides."""
    fitted = np.array(sorted(rows), int)
    decided = np.full(len(fitted), int(flags.of_response(cube)))
    decided[flags.blended(SourceCatalog(table).positions[fitted], cube)] |= MLFlag.BLENDED
    for bit, holds in (
        (MLFlag.NOT_CONVERGED, lambda row: not row["converged"]),
        (MLFlag.AT_BOUND, lambda row: any(row["spectrum"].at_bound)),
    ):
        decided[np.array([holds(rows[number]) for number in fitted], bool)] |= bit
    flags.decide_again(table, fitted, decided)
