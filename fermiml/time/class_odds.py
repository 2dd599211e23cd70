"""What variability says of a source's class: active galaxies vary, pulsars and remnants do not.

A variability index is compared with what sources of each kind would have that are as well
measured. A steady source's index follows chi2. That of a source that varies by a fraction F from
interval to interval follows a non-central chi2, with a parameter of F^2 (flux / error)^2 per degree
of freedom. (So it is in 4FGL-DR4, within 15 % up to an index of some hundreds; that of the most
variable sources is up to 30 % smaller.) F is drawn from the distribution that the bright sources of
a class have in 4FGL-DR4.
"""

import numpy as np
from scipy.integrate import trapezoid
from scipy.stats import lognorm, ncx2

from fermiml.catalog.source_classes import AGN, KINDS
from fermiml.detect.classify import classes

# Median of Frac_Variability, and width of its logarithm, of the sources of 4FGL-DR4 above 20 sigma
# (benchmarks/simulation/variability.py).
FRAC_VARIABILITY = {"bll": (0.35, 0.56), "fsrq": (0.79, 0.37), "bcu": (0.67, 0.89)}
# The laws by which sources of a kind vary, as many by one as by another, and the fraction that
# varies at all: some active galaxies hardly do, and transitional pulsars and the Crab's nebula do.
# Of other sources those in binaries and of active galaxies vary (4FGL-DR4 above 15 sigma).
_VARYING = {
    "BLL": (("bll",), 0.95),
    "FSRQ": (("fsrq",), 0.95),
    "PSR": (("bll", "fsrq"), 0.02),
    "SNR": (("bll", "fsrq"), 0.02),
    "OTH": (("bll", "fsrq"), 0.4),
}
_NODES = 400  # of an integral over the fractional variability,
_MOST = 10.0  # up to this one,
_REACH = 6.0  # and out to so many standard deviations of the index
_LEAST = 1e-3  # of the largest likelihood: nothing is ever certain
_SYSTEMATIC = 0.02  # by which a steady source seems to vary (4FGL)


def log_likelihoods(table):
    """Compute ln of the likelihood of each kind, (source, kind), up to a constant.

    It is 0 for all where no light curve is known. `table` has the columns Variability_Index,
    Flux_History and Unc_Flux_History of 4FGL.
    """
    index = _filled(table, "Variability_Index")
    fluxes, errors = _filled(table, "Flux_History"), _filled(table, "Unc_Flux_History")
    result = np.zeros((len(table), len(KINDS)))
    if fluxes.ndim < 2 or errors.ndim < 3:
        return result
    for row in np.flatnonzero(np.isfinite(index)):
        known = np.isfinite(fluxes[row])
        upper = errors[row, known, 1]
        if known.sum() > 1 and np.all(upper > 0):
            precision = np.mean((fluxes[row, known].mean() / upper) ** 2)
            result[row] = _log_likelihoods(index[row], known.sum() - 1, precision)
    return result


def _log_likelihoods(index, freedom, precision):
    """Compute the same for one index, with (flux / error)^2 of an interval."""
    steady = _density(index, freedom, precision, _SYSTEMATIC)
    law = _varying(index, freedom, precision)
    if not steady + sum(law.values()) > 0:  # larger than anything expected
        steady, law = 0.0, dict.fromkeys(law, 1.0)
    varying = [np.mean([law[name] for name in _VARYING[kind][0]]) for kind in KINDS]
    fraction = np.array([_VARYING[kind][1] for kind in KINDS])
    likelihood = fraction * varying + (1 - fraction) * steady
    return np.log(np.maximum(likelihood, _LEAST * likelihood.max()))


def _varying(index, freedom, precision):
    """Compute the probability density of an index if the source varies, for each law."""
    excess = max(index - freedom, 0.0)
    spread = _REACH * np.sqrt(2 * (freedom + 2 * excess))
    ends = np.maximum([excess - spread, excess + spread], 0.0) / (freedom * precision)
    fraction = np.linspace(*np.minimum(np.sqrt(ends), _MOST), _NODES)
    density = _density(index, freedom, precision, fraction)
    return {
        name: trapezoid(density * lognorm.pdf(fraction, width, scale=median), fraction)
        for name, (median, width) in FRAC_VARIABILITY.items()
    }


def _density(index, freedom, precision, fraction):
    """Compute the probability density of an index for fractional variabilities."""
    return np.nan_to_num(ncx2.pdf(index, freedom, freedom * fraction**2 * precision))


def update(table, rows):
    """Multiply the odds of the classes, in place, in rows with a new light curve.

    To do so twice with the same light curve would count it twice.
    """
    part = table[rows]
    likelihood = np.exp(log_likelihoods(part)).T
    told = np.isfinite(_filled(part, f"ML_Prob_{AGN[0]}"))
    by_kind = {kind: _filled(part, f"ML_Prob_{kind}") for kind in KINDS}
    for kind in ("SNR", "OTH"):  # not told: never
        by_kind[kind] = np.nan_to_num(by_kind[kind])
    agn = _filled(part, "ML_Prob_AGN")
    for kind in AGN:  # a network that does not tell them apart thinks either as likely
        by_kind[kind] = np.where(told, by_kind[kind], agn / 2)
    before = np.array(list(by_kind.values()))
    total = before.sum(axis=0)
    known = np.isfinite(total) & (total > 0)
    after = before[:, known] * likelihood[:, known]
    after *= total[known] / after.sum(axis=0)
    rows, told = rows[known], told[known]
    for kind, values in zip(KINDS, after, strict=True):
        use = told if kind in AGN else slice(None)
        table[f"ML_Prob_{kind}"][rows[use]] = values[use]
    table["ML_Prob_AGN"][rows] = after[: len(AGN)].sum(axis=0)
    table["ML_Class"][rows] = classes(table[rows])


def _filled(table, name):
    return np.ma.filled(np.ma.asarray(table[name], float), np.nan)
