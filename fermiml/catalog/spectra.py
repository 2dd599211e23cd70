"""Spectra of catalog rows: integral fluxes, band fluxes, upper limits, pivot energies.

Energies in MeV, flux densities in ph cm-2 MeV-1 s-1. The shapes are 4FGL's: a power law, a
log-parabola (natural logarithms), and the cutoff of DR3 and later, PLSuperExpCutoff4.
"""

from itertools import pairwise

import numpy as np

from fermiml.catalog.columns import BAND_EDGES

MEV = 1.602176634e-6  # erg
_GRID = 60  # points per decade of the integrals: errors below 1e-4 for any index up to 5


def shape(kind, energy, pivot, index, curvature=0.0, exp_index=0.0):
    """Compute the flux density over that at the pivot energy; the arguments broadcast.

    `curvature` is LP_beta or PLEC_ExpfactorS, `exp_index` is PLEC_Exp_Index.
    """
    x = np.log(energy / pivot)
    if kind == "PowerLaw":
        return np.exp(-index * x)
    if kind == "LogParabola":
        return np.exp(-(index + curvature * x) * x)
    d, b = curvature, exp_index
    # Written so that b -> 0 has no difference of large numbers: it becomes a log-parabola.
    bx = b * x
    small = np.abs(bx) < 1e-3
    safe = np.where(small, 1.0, b)
    bent = np.where(small, -d * x**2 / 2 * (1 + bx / 3), d / safe * (x - np.expm1(bx) / safe))
    return np.exp(-index * x + bent)


def integral(density, low, high, power=0):
    """Integrate E^power density(E) from low to high, by Simpson's rule in ln E.

    `density` takes energies along the last axis.
    """
    n = 2 * max(2, int(np.ceil(_GRID * np.log10(high / low) / 2)))
    energy = np.geomspace(low, high, n + 1)
    weight = np.full(n + 1, 2.0)
    weight[1::2] = 4.0
    weight[[0, -1]] = 1.0
    step = np.log(high / low) / n / 3
    return np.sum(density(energy) * energy ** (power + 1) * weight, axis=-1) * step


def row_flux(kind, pars, low, high, power=0):
    """Compute integrals for rows; `pars`: arrays pivot, amplitude, index, curvature, exp_index."""
    pivot, amplitude, *rest = (np.asarray(p, float)[:, None] for p in pars)
    with np.errstate(invalid="ignore", over="ignore"):
        return integral(
            lambda energy: amplitude * shape(kind, energy, pivot, *rest), low, high, power
        )


def power_law_error(pars, unc_amplitude, unc_index, low, high, power=0):
    """Compute the 1-sigma errors of a power law's integrals.

    At the pivot energy amplitude and index are independent, so their parts add in quadrature.
    """
    pivot, amplitude, index = (np.asarray(p, float) for p in pars)
    step = 0.01
    up, down = (
        row_flux("PowerLaw", (pivot, amplitude, index + s), low, high, power) for s in (step, -step)
    )
    flux = row_flux("PowerLaw", (pivot, amplitude, index), low, high, power)
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = np.log(up / down) / (2 * step)
        return flux * np.hypot(unc_amplitude / amplitude, slope * unc_index)


def decorrelate(reference, amplitude, index, covariance):
    """Find pivot energy, amplitude there and its error of a power law fitted at a reference energy.

    `covariance` (..., 2, 2) is that of amplitude and index. At the pivot the two are independent.
    """
    c = np.asarray(covariance, float)
    relative = c[..., 0, 1] / amplitude  # covariance of ln(amplitude) and index
    x = relative / c[..., 1, 1]
    at_pivot = amplitude * np.exp(-np.asarray(index) * x)
    variance = c[..., 0, 0] / np.square(amplitude) - relative * x
    return reference * np.exp(x), at_pivot, at_pivot * np.sqrt(np.maximum(variance, 0))


def nufnu(kind, pars, flux_band, edges=BAND_EDGES):
    """Compute nuFnu of band fluxes as 4FGL-DR4 has it: energy flux of the band over ln(high / low).

    Inside a band the spectrum has the shape of the source's own model.
    """
    result = np.full(np.shape(flux_band), np.nan)
    for i, (low, high) in enumerate(pairwise(edges)):
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = row_flux(kind, pars, low, high, 1) / row_flux(kind, pars, low, high)
        result[:, i] = flux_band[:, i] * mean * MEV / np.log(high / low)
    return result


def band_errors(error_low, error_high, sqrt_ts, flux, upper_limit):
    """Compute Unc_Flux_Band as 4FGL writes it, shape (..., bands, 2).

    Lower errors are negative. Where TS < 1 there is an upper limit instead: the lower error is
    NaN and the upper one is half the distance from the flux to the 95 % limit, so that flux +
    2 x upper error is the limit.
    """
    limited = np.asarray(sqrt_ts) < 1
    low = np.where(limited, np.nan, -np.abs(error_low))
    high = np.where(limited, (np.asarray(upper_limit) - flux) / 2, error_high)
    return np.stack([low, high], axis=-1)


def upper_limits(flux, errors):
    """Compute 95 % limits of fluxes whose errors are as of `band_errors`; NaN where measured."""
    low, high = np.moveaxis(np.asarray(errors, float), -1, 0)
    return np.where(np.isnan(low), flux + 2 * high, np.nan)


def cutoff4_from_cutoff2(pivot, index, expfactor, exp_index):
    """Convert the cutoff of 4FGL-DR1 and DR2 (PLSuperExpCutoff2) to that of DR3 (PLEC_IndexS and
    PLEC_ExpfactorS)."""
    slope = expfactor * exp_index * pivot**exp_index
    return index + slope, slope * exp_index


def peak_energy(pivot, index, beta):
    """Find a log-parabola's energy of peak nuFnu; NaN where it bends upwards or hardly at all."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        peak = pivot * np.exp((2 - index) / (2 * beta))
        return np.where((beta > 0) & (peak < 1e9), peak, np.nan)
