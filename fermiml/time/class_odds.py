"""What variability says of a source's class: active galaxies vary, pulsars do not.

A variability index is compared with what sources of either class would have that are as well
measured. A steady source's index follows chi2. That of a source that varies by a fraction F from
interval to interval follows a non-central chi2, with a parameter of F^2 (flux / error)^2 per degree
of freedom. (So it is in 4FGL-DR4, within 15 % up to an index of some hundreds; that of the most
variable sources is up to 30 % smaller.) F is drawn from the distribution that the bright sources of
a class have in 4FGL-DR4.
"""

import numpy as np
from scipy.stats import ncx2

from fermiml.detect.classify import add_classes

# Median of Frac_Variability, and width of its logarithm, of the sources of 4FGL-DR4 above 20 sigma
# (benchmarks/simulation/variability.py).
FRAC_VARIABILITY = {"bll": (0.35, 0.56), "fsrq": (0.79, 0.37), "bcu": (0.67, 0.89)}
_AGN = ("bll", "fsrq")  # as many of the one as of the other
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(30)  # of a normal distribution
_SYSTEMATIC = 0.02  # by which a steady source seems to vary (4FGL)
_STEADY_AGN = 0.05  # fraction of active galaxies that hardly vary,
_VARIABLE_PULSARS = 0.02  # and of pulsars that do: transitional ones, the Crab's nebula


def log_ratio(table):
    """Compute ln of the likelihood ratio of pulsar and AGN, 0 where no light curve is known.

    `table` has the columns Variability_Index, Flux_History and Unc_Flux_History of 4FGL.
    """
    index = _filled(table, "Variability_Index")
    fluxes, errors = _filled(table, "Flux_History"), _filled(table, "Unc_Flux_History")
    if fluxes.ndim < 2 or errors.ndim < 3:
        return np.zeros(len(table))
    result = np.zeros(len(table))
    for row in np.flatnonzero(np.isfinite(index)):
        known = np.isfinite(fluxes[row])
        upper = errors[row, known, 1]
        if known.sum() > 1 and np.all(upper > 0):
            precision = np.mean((fluxes[row, known].mean() / upper) ** 2)
            result[row] = _log_ratio(index[row], known.sum() - 1, precision)
    return result


def _log_ratio(index, freedom, precision):
    """Compute the same for one index, with (flux / error)^2 of an interval."""
    steady = _density(index, freedom, precision, np.array([_SYSTEMATIC]))[0]
    varying = np.mean([
        _WEIGHTS @ _density(index, freedom, precision, median * np.exp(width * _NODES))
        for median, width in (FRAC_VARIABILITY[name] for name in _AGN)
    ]) / _WEIGHTS.sum()  # fmt: skip
    pulsar = (1 - _VARIABLE_PULSARS) * steady + _VARIABLE_PULSARS * varying
    active = (1 - _STEADY_AGN) * varying + _STEADY_AGN * steady
    if not active > 0:  # larger than anything expected
        return np.log(_VARIABLE_PULSARS / (1 - _STEADY_AGN))
    return np.log(pulsar / active)


def _density(index, freedom, precision, fraction):
    """Compute the probability density of an index for fractional variabilities."""
    return np.nan_to_num(ncx2.pdf(index, freedom, freedom * fraction**2 * precision))


def update(table, rows):
    """Multiply the odds of AGN and pulsar, in place, in rows with a new light curve.

    To do so twice with the same light curve would count it twice.
    """
    agn, pulsar = (_filled(table, f"ML_Prob_{name}")[rows] for name in ("AGN", "PSR"))
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = pulsar / agn * np.exp(log_ratio(table[rows]))
    fraction = np.where(agn > 0, odds / (1 + odds), 1.0)
    known = np.isfinite(fraction) & (agn + pulsar > 0)
    if known.any():
        part = table[rows[known]]
        add_classes(part, fraction[known])
        for name in ("ML_Prob_AGN", "ML_Prob_PSR", "ML_Class"):
            table[name][rows[known]] = part[name]


def _filled(table, name):
    return np.ma.filled(np.ma.asarray(table[name], float), np.nan)
