"""Derive how active galaxies vary from the yearly fluxes of 4FGL-DR4.

    python benchmarks/simulation/variability.py

Needs fermipy (its catalogs). Median and width of Frac_Variability are those of the sources above 20
sigma; the slope of the power spectrum is the one with which simulated yearly fluxes have the
correlation from one year to the next that the catalog's have. Prints the numbers that
fermiml/time/class_odds.py and fermiml/simulate/blazar_noise.py hold, and beside them what simulated
sources give.
"""

import argparse
from dataclasses import replace

import numpy as np
from astropy.table import Table

from fermiml.model import from_catalog
from fermiml.simulate.blazar_noise import NOMINAL, YEARS, Variability, frac_variability
from fermiml.sky.times import YEAR

LEAST_SIGNIFICANCE = 20.0
LEAST_FRACTION = 0.03  # what the catalog's systematic error leaves; those below are put there
SLOPES = np.arange(0.6, 1.85, 0.1)
SEED, SOURCES = 1, 400


def main():
    """Print the table."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    table = Table.read(from_catalog.find("4FGL-DR4"), hdu=1)
    table = table[table["Signif_Avg"] > LEAST_SIGNIFICANCE]
    classes = np.char.strip(np.char.lower(np.asarray(table["CLASS1"], str)))
    print("class  sources  median  width  correlation  slope | simulated: median width correlation")
    for name in NOMINAL:
        rows = table[classes == name]
        logs = np.log(np.maximum(rows["Frac_Variability"], LEAST_FRACTION))
        low, median, high = np.percentile(logs, [16, 50, 84])
        law = Variability(float(np.exp(median)), float(high - low) / 2, 1.0)
        noise = np.nanmax(np.asarray(rows["Unc_Flux_History"], float), axis=2)
        wanted = correlation(np.asarray(rows["Flux_History"], float), noise)
        found = [correlation(yearly(replace(law, slope=slope))) for slope in SLOPES]
        law = replace(law, slope=float(np.interp(wanted, found, SLOPES)))
        made = yearly(law)
        logs = np.log([frac_variability(row, YEARS) for row in made])
        print(f"{name:<6} {len(rows):7d}  {law.median:6.2f} {law.width:6.2f} {wanted:12.2f} "
              f"{law.slope:6.2f} | {np.exp(np.median(logs)):17.2f} {logs.std():5.2f} "
              f"{correlation(made):11.2f}")  # fmt: skip


def yearly(law):
    """Simulate the yearly fluxes of sources, (source, year)."""
    rng, gti = np.random.default_rng(SEED), np.array([[0.0, YEARS * YEAR]])
    flux = np.array([law.draw(rng, gti).relative for _ in range(SOURCES)])
    starts = np.arange(YEARS) * flux.shape[1] // YEARS
    return np.add.reduceat(flux, starts, axis=1)


def correlation(flux, error=0.0):
    """Compute the median correlation from one year to the next, free of the errors' variance."""
    ratio = flux / flux.mean(axis=1, keepdims=True) - 1
    noise = (np.broadcast_to(error, flux.shape) / flux.mean(axis=1, keepdims=True)) ** 2
    variance = np.mean(ratio**2 - noise, axis=1)
    seen = variance > 0.3 * np.mean(ratio**2, axis=1)
    return np.median((ratio[:, 1:] * ratio[:, :-1]).mean(axis=1)[seen] / variance[seen])


if __name__ == "__main__":
    main()
