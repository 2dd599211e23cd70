"""Values derived from other columns; known values are never changed."""

import numpy as np
from astropy.table import Column

from fermiml.catalog import spectra
from fermiml.catalog.ellipses import R68, R95, position_angle
from fermiml.catalog.source_classes import AGN, CLASSES

# Columns of a spectrum's parameters: amplitude, index, curvature, index of the exponential.
PARAMETERS = {
    "PowerLaw": ("PL_Flux_Density", "PL_Index"),
    "LogParabola": ("LP_Flux_Density", "LP_Index", "LP_beta"),
    "PLSuperExpCutoff": (
        "PLEC_Flux_Density",
        "PLEC_IndexS",
        "PLEC_ExpfactorS",
        "PLEC_Exp_Index",
    ),
}
# Integral fluxes: column, lower energy (MeV), power of the energy, unit. All end at 100 GeV.
INTEGRALS = (("Flux1000", 1e3, 0, 1.0), ("Energy_Flux100", 1e2, 1, spectra.MEV))
# A flux that reaches further below the data than this factor would be a guess: it is NaN.
REACH = 5.0


def fill_derived(table):
    """Fill ellipses, significance, classes, integral fluxes and SED points, in place."""
    _fill_ellipses(table)
    _fill_significance(table)
    _fill_classes(table)
    _fill_fluxes(table)
    beta = table["LP_beta"].astype(float)
    peak = spectra.peak_energy(table["Pivot_Energy"], table["LP_Index"], beta)
    _fill(table, "LP_EPeak", peak)


def _fill(table, name, values, where=True):
    unknown = np.isnan(table[name]) & where
    table[name][unknown] = np.asarray(values)[unknown]


def _fill_ellipses(table):
    for axis in ("SemiMajor", "SemiMinor"):
        c68, c95 = f"Conf_68_{axis}", f"Conf_95_{axis}"
        _fill(table, c68, table[c95] * (R68 / R95))
        _fill(table, c95, table[c68] * (R95 / R68))
    for name, other in (("Conf_68_PosAng", "Conf_95_PosAng"), ("Conf_95_PosAng", "Conf_68_PosAng")):
        _fill(table, name, table[other])
        outside = (table[name] <= -90) | (table[name] > 90)
        table[name][outside] = position_angle(table[name][outside])


def _fill_significance(table):
    """Set Signif_Avg from the likelihood's TS, else the photometry's; a 4FGL value stays."""
    best = np.where(np.isnan(table["TS"]), table["ML_TS"], table["TS"])
    known = ~np.isnan(best)
    table["Signif_Avg"][known] = np.sqrt(np.maximum(best[known], 0))


def _fill_classes(table):
    _fill(table, "ML_Prob_FAKE", 1 - table["ML_Prob"])
    _fill(table, "ML_Prob", 1 - table["ML_Prob_FAKE"])
    _fill(table, "ML_Prob_AGN", sum(table[f"ML_Prob_{kind}"] for kind in AGN))
    told = ~np.isnan(table["ML_Prob_AGN"] + table["ML_Prob_PSR"])
    for name in ("ML_Prob_SNR", "ML_Prob_OTH"):  # of catalogs that know two classes
        _fill(table, name, np.zeros(len(table)), told)
    likeliest = np.argmax([table[f"ML_Prob_{name}"] for name in CLASSES], axis=0)
    likeliest = np.where(told, np.array(CLASSES)[likeliest], "")
    blank = table["ML_Class"] == ""
    table["ML_Class"][blank] = np.where(table["ML_Prob_FAKE"] > 0.5, "FAKE", likeliest)[blank]


# Before 4FGL, one set of columns held the parameters of whichever model was the best.
_SHARED_COLUMNS = {
    "PowerLaw": {"PL_Flux_Density": "Flux_Density", "PL_Index": "Spectral_Index"},
    "LogParabola": {
        "LP_Flux_Density": "Flux_Density",
        "LP_Index": "Spectral_Index",
        "LP_beta": "beta",
    },
    "Cutoff": {
        "PLEC_Flux_Density": "Flux_Density",
        "PLEC_Index": "Spectral_Index",
        "PLEC_Exp_Index": "Exp_Index",
        "PLEC_Expfactor": "Expfactor",
    },
}


def own_columns(table):
    """Make 4FGL's columns for each model from those that older catalogs share."""
    if not {"Flux_Density", "SpectrumType"} <= set(table.colnames):
        return table
    table = table.copy(copy_data=False)
    if "Cutoff" in table.colnames:
        power = table["Exp_Index"] if "Exp_Index" in table.colnames else np.ones(len(table))
        with np.errstate(all="ignore"):
            table["Exp_Index"] = np.asarray(power, float)
            table["Expfactor"] = np.asarray(table["Cutoff"], float) ** -table["Exp_Index"]
    kinds = np.char.strip(np.asarray(table["SpectrumType"]).astype("U"))
    for kind, columns in _SHARED_COLUMNS.items():
        rows = np.char.endswith(np.char.rstrip(kinds, "24"), kind)
        for new, old in columns.items():
            for name, source in ((new, old), (f"Unc_{new}", f"Unc_{old}")):
                if source in table.colnames and name not in table.colnames:
                    values = np.where(rows, np.asarray(table[source], float), np.nan)
                    table[name] = Column(values, unit=table[source].unit)
    return table


def modern_cutoffs(table):
    """Replace the cutoff parameters of 4FGL-DR1 and DR2, if there are any, by those of DR3."""
    old = ("Pivot_Energy", "PLEC_Index", "PLEC_Expfactor", "PLEC_Exp_Index")
    if not set(old) <= set(table.colnames):
        return table
    pars = (np.ma.filled(np.ma.asarray(table[name]).astype(float), np.nan) for name in old)
    index, factor = spectra.cutoff4_from_cutoff2(*pars)
    table = table.copy(copy_data=False)
    gone = {f"{unc}{name}" for name in old[1:3] for unc in ("", "Unc_")}
    table.remove_columns([name for name in table.colnames if name in gone])
    table["PLEC_IndexS"], table["PLEC_ExpfactorS"] = index, factor
    return table


def integrals(meta):
    """Select the INTEGRALS that data from EMIN on constrain; all, where `meta` has no EMIN.

    Whatever writes a fitted flux asks here, or afterwards calls `forget_extrapolated`.
    """
    return [entry for entry in INTEGRALS if float(meta.get("EMIN", 0)) <= REACH * entry[1]]


def forget_extrapolated(table, meta):
    """Set to NaN, in place, the integral fluxes that reach too far below the data."""
    for name in {entry[0] for entry in INTEGRALS} - {entry[0] for entry in integrals(meta)}:
        for column in {name, f"Unc_{name}"} & set(table.colnames):
            table[column][:] = np.nan


def _fill_fluxes(table):
    for kind, names in PARAMETERS.items():
        rows = np.flatnonzero(table["SpectrumType"] == kind)
        pars = [np.asarray(table[n][rows], float) for n in ("Pivot_Energy", *names)]
        known = np.all(np.isfinite(pars), axis=0)
        rows, pars = rows[known], [p[known] for p in pars]
        if len(rows):
            _fill_integrals(table, kind, rows, pars)
            sed = spectra.nufnu(kind, pars, np.asarray(table["Flux_Band"][rows], float))
            here = np.isnan(table["nuFnu_Band"][rows])
            table["nuFnu_Band"][rows] = np.where(here, sed, table["nuFnu_Band"][rows])


def _fill_integrals(table, kind, rows, pars):
    for name, low, power, unit in integrals(table.meta):
        unknown = np.isnan(table[name][rows])
        if not np.any(unknown):
            continue
        here, p = rows[unknown], [x[unknown] for x in pars]
        table[name][here] = spectra.row_flux(kind, p, low, 1e5, power) * unit
        if kind == "PowerLaw":
            unc = (np.asarray(table[f"Unc_{n}"][here], float) for n in PARAMETERS[kind])
            error = spectra.power_law_error(p, *unc, low, 1e5, power) * unit
            table[f"Unc_{name}"][here] = error
