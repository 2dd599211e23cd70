"""What a light curve says about a source: whether it varies, how much, and when it was brightest.

The definitions are those of 4FGL, and give for the fluxes in 4FGL-DR4's file the numbers in it
(`benchmarks/time/definitions.py`). Intervals without good time, whose fluxes are NaN, do not count.
"""

import numpy as np
from scipy.stats import chi2

CONFIDENCE = 0.99  # that a source is variable, for its peak to be given
_LARGEST = 10.0  # error of a fractional variability, also of one that is 0


def threshold(intervals, confidence=CONFIDENCE):
    """Return the index that a constant source exceeds with a probability of 1 - `confidence`."""
    return float(chi2.ppf(confidence, intervals - 1)) if intervals > 1 else np.inf


def variability_index(rises, errors, constant, systematic=0.0):
    """Sum twice the rises of ln L from the constant flux to each interval's own.

    With a `systematic` error, a fraction of the constant flux, each counts by its statistical
    variance over the whole one, as in 2FGL.
    """
    variance = errors**2
    weight = variance / (variance + (systematic * constant) ** 2) if systematic else 1.0
    return float(2 * np.sum(weight * rises))


def one_sided(fluxes, errors, level):
    """Return the error of each flux towards a level: the upper one of fluxes below it.

    `errors` (interval, 2) are 4FGL's, negative lower ones and NaN for an upper limit.
    """
    lower, upper = np.abs(errors.T)
    return np.where((fluxes > level) & np.isfinite(lower), lower, upper)


def fractional(fluxes, errors):
    """Compute the fractional variability, beyond the errors, and its error."""
    mean = fluxes.mean()
    if len(fluxes) < 2 or mean <= 0:
        return np.nan, np.nan
    variance = fluxes.var(ddof=1)
    excess = variance - np.mean(one_sided(fluxes, errors, mean) ** 2)
    if excess <= 0:
        return 0.0, _LARGEST
    fraction = np.sqrt(excess) / mean
    error = variance / (mean**2 * fraction * np.sqrt(2 * (len(fluxes) - 1)))
    return fraction, min(error, _LARGEST)


def columns(index, fluxes, errors, sqrt_ts, edges):
    """Compute 4FGL's columns for a source; those of the peak are NaN where it does not vary.

    Parameters
    ----------
    index : float
        The variability index.
    fluxes, sqrt_ts : arrays of shape (n,)
    errors : array of shape (n, 2)
    edges : array of shape (n + 1,)
    """
    known = np.isfinite(fluxes)
    fraction, error = fractional(fluxes[known], errors[known])
    found = {"Variability_Index": index, "Frac_Variability": fraction,
             "Unc_Frac_Variability": error}  # fmt: skip
    if index <= threshold(known.sum()):
        return found
    peak = np.nanargmax(fluxes)
    return found | {
        "Signif_Peak": sqrt_ts[peak],
        "Flux_Peak": fluxes[peak],
        "Unc_Flux_Peak": abs(errors[peak, 0]),
        "Time_Peak": (edges[peak] + edges[peak + 1]) / 2,
        "Peak_Interval": edges[peak + 1] - edges[peak],
    }
