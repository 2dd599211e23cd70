"""Upper limits: TS, flux and 95 % limit at a position, whether or not anything is there."""

import logging

import numpy as np
from astropy import units as u
from astropy.table import Table
from scipy.optimize import brentq

from fermiml.catalog import spectra
from fermiml.catalog.catalog import SourceCatalog
from fermiml.likelihood import measurement, seeds
from fermiml.likelihood.region import INDEX as SLOPE
from fermiml.likelihood.region import NORM

log = logging.getLogger(__name__)
INDEX = 2.2  # of a target's power law, unless another is given
RISE = 2.71  # of -2 ln L, from its minimum to the one-sided 95 % limit
_PRECISION = 1e-3  # relative, of a limit
_FIRST_STEP = 0.01  # of the norm, where no count tells its error
UNKNOWN = dict.fromkeys(("ts", "npred", "norm", "error", "limit"), np.nan) | {"converged": False}
_FLUXES = (("Flux", 0, 1.0, "ph cm-2 s-1"), ("Energy_Flux", 1, spectra.MEV, "erg cm-2 s-1"))


def model_at(position, index, catalog, known):
    """Return all sources of the model, the target (of a photon index) being the first.

    What lies closer to it than `seeds.SAME` is left out: it is taken to be the target.
    """
    here = position.fk5
    target = SourceCatalog.from_table(
        {"RAJ2000": [here.ra.deg], "DEJ2000": [here.dec.deg], "PL_Index": [index]}
    )
    for others in (catalog, known):
        if others is not None:
            _announce(position, others)
    joint = target if catalog is None else target.merge(catalog, radius=seeds.SAME)
    return seeds.with_known(seeds.seeds_of(joint), joint, known)


def _announce(position, catalog):
    near = np.flatnonzero(catalog.positions.separation(position).deg < seeds.SAME)
    for name in catalog.table["Source_Name"][near]:
        log.warning("%s is less than %g deg from %s: it is taken to be the target and left out of "
                    "the model", name, seeds.SAME, label(position))  # fmt: skip


def label(position):
    """Write a position as RA,DEC in deg."""
    return f"{position.icrs.ra.deg:.4f},{position.icrs.dec.deg:.4f}"


def measure(region, target, inner, settings):
    """Measure the norm of a source of fixed position and shape; the others are fitted around it.

    `inner` are the free sources of the region, the target among them.
    """
    column = region.column(target)
    region.low[column, SLOPE] = region.high[column, SLOPE] = region.state[column, SLOPE]
    measurement.norms(region, inner, settings)
    fit = measurement.fit_all(region, inner, settings)
    free = measurement.around_source(region, target, fit.free, settings)
    free[column] = True, False, False
    best = region.fit(free)
    region.settle(best.state)
    without, null = free.copy(), best.state.copy()
    without[column], null[column, NORM] = False, 0.0
    nothing = region.fit(without, state=null, also=[column])
    norm = float(best.state[column, NORM])
    return {
        "ts": max(2 * (nothing.loss - best.loss), 0.0),
        "npred": region.npred(column),
        "norm": norm,  # which has no error at its bound
        "error": np.sqrt(best.block(column)[NORM, NORM]) if norm > 0 else np.nan,
        "limit": _limit(region, column, best, without),
        "converged": best.minimum.converged and nothing.minimum.converged,
    }


def _limit(region, column, best, without):
    """Find the norm above the best one where the profile of -2 ln L has risen by `RISE`."""
    state, norm = best.state.copy(), best.state[column, NORM]

    def excess(value):
        state[column, NORM] = value
        fit = region.fit(without, state=state, also=[column])
        state[:] = fit.state  # where the next one starts
        return 2 * (fit.loss - best.loss) - RISE

    error = np.sqrt(best.block(column)[NORM, NORM])
    step = 2 * error if error > 0 else _FIRST_STEP
    while excess(norm + step) < 0:
        step *= 2
        if norm + step > region.high[column, NORM]:  # no exposure
            return np.nan
    return brentq(excess, norm, norm + step, xtol=1e-3 * step, rtol=_PRECISION)


def table(positions, results, sources, band):
    """Make the table of all targets; `sources` are the targets as they were before the fit.

    Fluxes are those in the energy `band` (MeV), so that nothing is extrapolated.
    """
    equatorial, galactic = positions.icrs, positions.galactic
    out = Table(meta={"EMIN": band[0], "EMAX": band[1]})
    for name, values in (("RAJ2000", equatorial.ra), ("DEJ2000", equatorial.dec),
                         ("GLON", galactic.l), ("GLAT", galactic.b)):  # fmt: skip
        out[name] = values.to("deg")
    out["Index"] = sources.shapes.index.astype("f4")
    for name, key in (("TS", "ts"), ("Npred", "npred"), ("Converged", "converged")):
        out[name] = [result[key] for result in results]
    power_laws = sources.shapes.pivot, sources.amplitude, sources.shapes.index
    for name, power, factor, unit in _FLUXES:
        one = spectra.row_flux("PowerLaw", power_laws, *band, power) * factor
        for column, key in ((name, "norm"), (f"Unc_{name}", "error"), (f"{name}_UL95", "limit")):
            out[column] = u.Quantity([result[key] for result in results] * one, unit)
    return out
