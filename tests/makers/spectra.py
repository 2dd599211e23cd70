"""Spectra of sources of known kind, as photometry would measure them."""

import numpy as np
from astropy.table import Table

from fermiml.catalog.columns import BAND_EDGES
from fermiml.catalog.source_classes import KINDS
from fermiml.model.sources import FLUX_BAND, Shapes

# Index at 1.5 GeV and curvature of a kind, and the TS of its extension.
LIKE = {"BLL": (1.9, 0.07, 0), "FSRQ": (2.4, 0.1, 0), "PSR": (2.2, 0.4, 0), "SNR": (2.1, 0.05, 60),
        "OTH": (1.6, 0.45, 0)}  # fmt: skip
PIVOT = 1500.0  # MeV
FLUX = 1e-9  # ph cm-2 s-1, 1-100 GeV
# Errors of the fluxes in 4FGL's bands in 14 years.
_ERRORS = np.array([5e-9, 1e-9, 2e-10, 4e-11, 1.5e-11, 6e-12, 3e-12, 1.5e-12])


def measured(rng, kind, ts=400.0):
    """Log-parabolas of these kinds, measured as well as the TS allows."""
    index, bend, extended = np.array([LIKE[name] for name in kind], float).reshape(-1, 3).T
    number, error = len(kind), 1.5 / np.sqrt(ts)
    bend = bend + rng.normal(0, np.hypot(0.05, error), number)
    index = index + rng.normal(0, np.hypot(0.15, error), number)
    shapes = Shapes(np.full(number, PIVOT), index, 2 * bend, np.zeros(number))
    flux = FLUX * shapes.photons(BAND_EDGES) / shapes.photons(FLUX_BAND)
    uncertain = np.broadcast_to(_ERRORS * np.sqrt(1000.0 / ts), flux.shape)
    table = Table()
    table["PL_Index"] = index
    table["LP_Index"], table["LP_beta"] = index, bend
    table["Unc_PL_Index"] = table["Unc_LP_beta"] = np.full(number, error)
    table["LP_SigCurv"] = np.abs(bend) / error
    table["Pivot_Energy"] = np.full(number, PIVOT)
    table["ML_TS"] = np.full(number, ts)
    table["ML_TS_Ext"] = extended
    table["Flux1000"] = np.full(number, FLUX)
    table["Flux_Band"] = flux
    table["Unc_Flux_Band"] = np.stack([-uncertain, uncertain], axis=-1)
    table["Sqrt_TS_Band"] = flux / uncertain
    table["GLAT"] = rng.uniform(-90, 90, number)
    table["ML_Prob"] = rng.uniform(0, 1, number)
    return table


def kinds(rng, number):
    """As many of one kind as of another."""
    return rng.choice(KINDS, number)
