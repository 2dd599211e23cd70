"""The fitted numbers as a table with the catalog's columns."""

import astropy.units as u
import numpy as np
from astropy.coordinates import FK5
from astropy.table import Table

from fermiml.catalog import spectra as shapes
from fermiml.catalog.columns import BAND_EDGES, COLUMNS, N_ML_BANDS
from fermiml.catalog.derive import INTEGRALS
from fermiml.catalog.flags import MLFlag
from fermiml.catalog.positions import single
from fermiml.photometry import spectral_fit
from fermiml.photometry.blend_calibration import SPLIT
from fermiml.photometry.localization import ellipses
from fermiml.sky.bands import BANDS, LOW
from fermiml.sky.sphere import sky_coord

_CURVED = 9.0  # TS of the curvature above which the spectrum is a log-parabola
_COVERED = 0.5  # fraction of a 4FGL band, or of the low one, (in ln E) that the data must have
_TOP = 1e6  # MeV, upper edge of the last network band
# Columns that only photometry has: name and unit.
WORKING = {
    "ML_TS_Curv": "",
    "ML_TS_Ext": "",
    "ML_Ext_Size": "deg",
    "ML_Shift": "deg",
    "ML_Goodness": "",
    "ML_TS_Split": "",
}
_BOUNDED = ("PL_Index", "LP_Index", "LP_beta")  # the order of ML_At_Bound
FILLED = (
    "RAJ2000", "DEJ2000", "GLON", "GLAT", "Conf_68_SemiMajor", "Conf_68_SemiMinor",
    "Conf_68_PosAng", "Conf_95_SemiMajor", "Conf_95_SemiMinor", "Conf_95_PosAng", "Pivot_Energy",
    "Flux1000", "Unc_Flux1000", "Energy_Flux100", "Unc_Energy_Flux100", "SpectrumType",
    "PL_Flux_Density", "Unc_PL_Flux_Density", "PL_Index", "Unc_PL_Index", "LP_Flux_Density",
    "Unc_LP_Flux_Density", "LP_Index", "Unc_LP_Index", "LP_beta", "Unc_LP_beta", "LP_SigCurv",
    "Npred", "Flux_Band", "Unc_Flux_Band", "Sqrt_TS_Band", "ML_TS", "ML_Flux_Band",
    "Unc_ML_Flux_Band", "ML_Flux_Low", "Unc_ML_Flux_Low", "ML_Flags",
)  # fmt: skip


def empty_table(position):
    """Build a table with a row for each candidate, at its own position, and nothing else known."""
    table = Table()
    for name in FILLED:
        column = COLUMNS[name]
        shape = (len(position), *column.shape)
        if column.code == "A":
            table[name] = np.full(shape, "PowerLaw", column.dtype)
        elif column.code == "I":
            table[name] = np.zeros(shape, column.dtype)
        else:
            table[name] = np.full(shape, np.nan, column.dtype)
        table[name].unit = u.Unit(column.unit) if column.unit else None
        table[name].description = column.description
    for name, unit in WORKING.items():
        table[name] = np.full(len(position), np.nan, "f4")
        table[name].unit = u.Unit(unit) if unit else None
    for name in SPLIT:
        table[name] = np.full((len(position), 2), np.nan)
        table[name].unit = u.deg
    table["ML_At_Bound"] = np.zeros((len(position), len(_BOUNDED)), bool)
    put_positions(table, np.arange(len(position)), position)
    return table


def put_positions(table, rows, position):
    """Equatorial and Galactic coordinates of some rows."""
    fk5, galactic = position.transform_to(FK5()), position.galactic
    table["RAJ2000"][rows], table["DEJ2000"][rows] = single(fk5.ra.deg, 360), single(fk5.dec.deg)
    table["GLON"][rows], table["GLAT"][rows] = single(galactic.l.deg, 360), single(galactic.b.deg)


def fill(table, result, own, rows):
    """Put the sources `own` of a region's result into rows of the table."""
    put_positions(table, rows, sky_coord(result.vectors[own]))
    columns = ellipses(result.covariance[own])
    columns |= _spectra(result, own)
    columns |= _bands(result, own, result.groups)
    columns["ML_Shift"] = np.linalg.norm(result.walked[own], axis=1)
    columns["ML_TS_Ext"], columns["ML_Ext_Size"] = result.ts_extended[own], result.size[own]
    columns["ML_Goodness"] = result.goodness[own]
    columns |= _two(result.splits, own)
    for name, values in columns.items():
        if values.dtype.kind == "f":  # an error beyond single precision is no error
            values = np.where(np.abs(values) < np.finfo("f4").max, values, np.nan)
        table[name][rows] = values
    bound = table["ML_At_Bound"][rows]
    curved = columns["SpectrumType"] == "LogParabola"
    bound = np.where(curved, bound[:, 1:].any(axis=1), bound[:, 0])
    table["ML_Flags"][rows[bound]] |= MLFlag.AT_BOUND


def _two(splits, own):
    """Columns of two sources in place of one."""
    place = sky_coord(np.nan_to_num(splits.vectors[own], nan=1.0)).transform_to(FK5())
    known = np.isfinite(splits.ts[own])[:, None]
    ra, dec = (np.where(known, angle.deg, np.nan) for angle in (place.ra, place.dec))
    return {"ML_TS_Split": splits.ts[own], "ML_Split_RA": ra, "ML_Split_DEC": dec}


def drop_errors_at_bounds(table):
    """Make the errors of parameters NaN that stand at their bounds, in place.

    The likelihood beyond is not known, so its width there is no error; but the classifier of
    spectra was trained with these widths and sees them before.
    """
    for name, bound in zip(_BOUNDED, np.transpose(table["ML_At_Bound"]), strict=True):
        table[f"Unc_{name}"][bound] = np.nan
    table.remove_column("ML_At_Bound")


def _spectra(result, own):
    """Columns of the spectra: of a power law for all, of a log-parabola where it is better."""
    power, curved = result.power_law, result.curved
    ts = 2 * np.maximum(power.log_likelihood[own], 0)
    bend = 2 * np.maximum(curved.log_likelihood[own] - power.log_likelihood[own], 0)
    density, index = np.exp(power.parameters[own, 0]), power.parameters[own, 1]
    covariance = power.covariance[own] * _scaled(density, 2)
    pivot, at_pivot, error = shapes.decorrelate(power.reference, density, index, covariance)
    index_error = np.sqrt(power.covariance[own, 1, 1])
    columns = {
        "ML_TS": ts,
        "ML_TS_Curv": bend,
        "LP_SigCurv": np.sqrt(bend),
        "Pivot_Energy": pivot,
        "PL_Flux_Density": at_pivot,
        "Unc_PL_Flux_Density": error,
        "PL_Index": index,
        "Unc_PL_Index": index_error,
        "Npred": power.counts[own].sum(axis=1),
    }
    columns |= _parabola(result, own, pivot)
    columns["ML_At_Bound"] = np.column_stack([power.at_bound[own, 0], curved.at_bound[own]])
    is_curved = bend > _CURVED
    columns["SpectrumType"] = np.where(is_curved, "LogParabola", "PowerLaw")
    for name, low, energy, unit in INTEGRALS:  # all: the classes need them (`SourceDetector`)
        flux, unc = _integral(power, own, low, energy)
        bent, bent_unc = _integral(curved, own, low, energy)
        columns[name] = np.where(is_curved, bent, flux) * unit
        columns[f"Unc_{name}"] = np.where(is_curved, bent_unc, unc) * unit
    return columns


def _scaled(density, size):
    """From a covariance of ln K to one of K."""
    factor = np.ones((len(density), size))
    factor[:, 0] = density
    return factor[:, :, None] * factor[:, None, :]


def _parabola(result, own, pivot):
    """Log-parabola columns, at the power law's pivot energy."""
    amplitude, index, bend = result.curved.parameters[own].T
    x = np.log(pivot / result.curved.reference)
    change = np.zeros((len(x), 3, 3))  # of ln K, index, bend at the pivot
    change[:, 0] = np.stack([np.ones_like(x), -x, -(x**2)], axis=1)
    change[:, 1] = np.stack([0 * x, np.ones_like(x), 2 * x], axis=1)
    change[:, 2, 2] = 1.0
    covariance = change @ result.curved.covariance[own] @ change.transpose(0, 2, 1)
    errors = np.sqrt(np.einsum("sii->si", covariance))
    density = np.exp(amplitude - (index + bend * x) * x)
    return {
        "LP_Flux_Density": density,
        "Unc_LP_Flux_Density": density * errors[:, 0],
        "LP_Index": index + 2 * bend * x,
        "Unc_LP_Index": errors[:, 1],
        "LP_beta": bend,
        "Unc_LP_beta": errors[:, 2],
    }


def _integral(spectrum, own, low, power):
    """Integral of E^power from `low` to 100 GeV, and its error."""
    measure, x = _measure(spectrum, own, np.log([low, 1e5]))
    measure = measure * (spectrum.reference * np.exp(x)) ** power
    free = spectrum.covariance.shape[-1]
    change = np.stack([measure @ x**0, -measure @ x, -measure @ x**2], axis=1)[:, :free]
    variance = np.einsum("si,sij,sj->s", change, spectrum.covariance[own], change)
    return measure.sum(axis=1), np.sqrt(variance)


def _measure(spectrum, own, ends, nodes=81):
    """Photon flux in steps of x = ln(E / reference) between ends in ln E, (source, node)."""
    pars = spectrum.parameters[own]
    x = np.linspace(*ends, nodes) - np.log(spectrum.reference)
    step = np.full(nodes, x[1] - x[0])
    step[[0, -1]] /= 2
    density = np.exp(pars[:, :1] - (pars[:, 1:2] + pars[:, 2:] * x) * x)
    return density * spectrum.reference * np.exp(x) * step, x


def _bands(result, own, groups):
    """Fluxes in 4FGL's and in the networks' bands."""
    n = len(own)
    flux, unc = np.full((n, 8), np.nan), np.full((n, 8, 2), np.nan)
    sqrt_ts = np.full((n, 8), np.nan)
    for band in range(8):
        members = [i for i, g in enumerate(groups) if g.catalog_band == band]
        edges = BAND_EDGES[band : band + 2]
        if not members or _coverage(groups, members, edges) < _COVERED:
            continue
        best, error, upper, limit, root = _scales(result, own, members)
        norm = _model_flux(result, own, edges)
        flux[:, band], sqrt_ts[:, band] = best * norm, root
        low, high = np.minimum(error, best) * norm, upper * norm
        unc[:, band] = shapes.band_errors(low, high, root, flux[:, band], limit * norm)
    ml_flux, ml_unc = np.full((n, N_ML_BANDS), np.nan), np.full((n, N_ML_BANDS), np.nan)
    for band, (low, high) in enumerate(BANDS):
        members = _in_network_band(groups, band)
        if members:
            ml_flux[:, band], ml_unc[:, band] = _flux(result, own, members, (low, min(high, _TOP)))
    low_flux = low_unc = np.full(n, np.nan)
    members = _in_network_band(groups, len(BANDS))
    if members and _coverage(groups, members, LOW) >= _COVERED:
        low_flux, low_unc = _flux(result, own, members, LOW)
    return {
        "Flux_Band": flux,
        "Unc_Flux_Band": unc,
        "Sqrt_TS_Band": sqrt_ts,
        "ML_Flux_Band": ml_flux,
        "Unc_ML_Flux_Band": ml_unc,
        "ML_Flux_Low": low_flux,
        "Unc_ML_Flux_Low": low_unc,
    }


def _in_network_band(groups, band):
    return [i for i, group in enumerate(groups) if group.network_band == band]


def _flux(result, own, members, edges):
    """Flux and its error between two energies, from the groups there."""
    best, error, *_ = _scales(result, own, members)
    norm = _model_flux(result, own, edges)
    return best * norm, error * norm


def _coverage(groups, members, edges):
    low = max(min(groups[i].edges[0] for i in members), edges[0])
    high = min(max(groups[i].edges[1] for i in members), edges[1])
    return np.log(high / low) / np.log(edges[1] / edges[0])


def _scales(result, own, members):
    curves = result.curves.part(own, members)
    return spectral_fit.band_scales(curves, result.curved.counts[np.ix_(own, members)])


def _model_flux(result, own, edges):
    """Photon flux of the fitted log-parabola between two energies."""
    return _measure(result.curved, own, np.log(edges))[0].sum(axis=1)
