"""Small catalogs for the tests."""

import numpy as np

from fermiml import SourceCatalog

# The Crab, both sides of RA 0h, near a pole, the Galactic centre, and south.
RA = np.array([83.633, 0.01, 359.99, 120.0, 266.4, 201.365])
DEC = np.array([22.01, -0.5, 10.0, 89.5, -29.0, -43.019])


def sample(**columns):
    """Six sources: power laws, a log-parabola, a cutoff, and one with a position alone."""
    n, nan = len(RA), np.nan
    data = {
        "RAJ2000": RA,
        "DEJ2000": DEC,
        "Conf_95_SemiMajor": [0.1, 0.2, 1.0, 0.1, 0.1, nan],
        "Conf_95_SemiMinor": [0.1, 0.1, 0.05, 0.05, 0.1, nan],
        "Conf_95_PosAng": [0.0, 30.0, 40.0, 60.0, 0.0, nan],
        "SpectrumType": [
            "PowerLaw",
            "PowerLaw",
            "LogParabola",
            "PLSuperExpCutoff",
            "PowerLaw",
            "",
        ],
        "Pivot_Energy": [1500.0, 1200.0, 2000.0, 1800.0, 1500.0, nan],
        "PL_Flux_Density": [1e-12, 1e-13, nan, nan, 3e-12, nan],
        "Unc_PL_Flux_Density": [1e-13, 2e-14, nan, nan, 1e-13, nan],
        "PL_Index": [2.2, 2.3, nan, nan, 2.0, nan],
        "Unc_PL_Index": [0.1, 0.2, nan, nan, 0.1, nan],
        "LP_Flux_Density": [nan, nan, 2e-13, nan, nan, nan],
        "LP_Index": [nan, nan, 2.1, nan, nan, nan],
        "LP_beta": [nan, nan, 0.15, nan, nan, nan],
        "PLEC_Flux_Density": [nan, nan, nan, 4e-13, nan, nan],
        "PLEC_IndexS": [nan, nan, nan, 2.1, nan, nan],
        "PLEC_ExpfactorS": [nan, nan, nan, 0.5, nan, nan],
        "PLEC_Exp_Index": [nan, nan, nan, 2 / 3, nan, nan],
        "Flux_Band": np.full((n, 8), 1e-10),
        "Unc_Flux_Band": np.tile([-1e-11, 1e-11], (n, 8, 1)),
        "Sqrt_TS_Band": np.full((n, 8), 5.0),
        "ML_Prob": [0.99, 0.8, 0.95, 0.9, 0.999, 0.3],
        "ML_Prob_AGN": [0.09, 0.7, 0.9, 0.2, 0.1, 0.2],
        "ML_Prob_PSR": [0.9, 0.1, 0.05, 0.7, 0.899, 0.1],
        "ML_TS": [400.0, 30.0, 50.0, 25.0, 900.0, nan],
        "ML_Flags": [0, 1, 2, 12, 64, 48],
        "ML_Model": ["lat-unek"] * n,
    }
    return SourceCatalog.from_table({**data, **columns})
