"""AGN or pulsar with and without variability: on simulated sources, and on those of 4FGL-DR4.

    python benchmarks/detection/classify_sample.py held -o SAMPLE
    python benchmarks/detection/classes_with_time.py SAMPLE/held

The simulated sources get 14 yearly fluxes: pulsars steady ones, AGN (half of them BL Lacs) those of
`fermiml.simulate.blazar_noise`, with the errors that Flux1000 has in 14 years. Those of 4FGL-DR4
(fermipy's file) have their own light curves; they are judged by these alone.
"""

import argparse
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
from astropy.table import Table
from classify import BINS, is_pulsar, recalls
from classify_sample import read

from fermiml.detect import classify
from fermiml.model import from_catalog
from fermiml.simulate.blazar_noise import NOMINAL, YEARS
from fermiml.sky.times import YEAR
from fermiml.time.class_odds import log_ratio

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine

SEED = 1
SIGNIFICANCES = (4, 8, 12, 20, 40, 1e3)  # of 4FGL-DR4


def main():
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("fields", type=Path, nargs="+")
    table = read(parser.parse_args().fields)
    print(machine(SEED))
    spectrum = classify.Classifier.load().spectral_logit(table)
    time = log_ratio(with_light_curves(table, np.random.default_rng(SEED)))
    report({"spectrum": spectrum, "variability": time, "both": spectrum + time},
           is_pulsar(table), np.asarray(table["TS_Asimov"]), BINS, "Asimov TS")  # fmt: skip
    real = Table.read(from_catalog.find("4FGL-DR4"), hdu=1)
    classes = np.char.strip(np.char.lower(np.asarray(real["CLASS1"], str)))
    pulsar = np.isin(classes, ("psr", "msp"))
    used = pulsar | np.isin(classes, ("bll", "fsrq", "bcu"))
    report({"variability": log_ratio(real[used])}, pulsar[used],
           np.asarray(real["Signif_Avg"])[used], SIGNIFICANCES, "4FGL-DR4, sigma")  # fmt: skip


def with_light_curves(table, rng):
    """Add yearly fluxes and their variability index, to the Gaussian errors of a bright source."""
    gti, rows = np.array([[0.0, YEARS * YEAR]]), []
    for row, pulsar in zip(table, is_pulsar(table), strict=True):
        flux, error = row["Flux1000"], row["Unc_Flux1000"] * np.sqrt(YEARS)
        true = np.full(YEARS, flux) if pulsar else flux * _yearly(rng, gti)
        seen = true + error * rng.normal(size=YEARS)
        index = np.sum(((seen - seen.mean()) / error) ** 2)
        rows.append((index, seen, np.stack([0 * seen - error, 0 * seen + error], axis=1)))
    names = ("Variability_Index", "Flux_History", "Unc_Flux_History")
    return Table(dict(zip(names, map(np.array, zip(*rows, strict=True)), strict=True)))


def _yearly(rng, gti):
    profile = NOMINAL[rng.choice(["bll", "fsrq"])].draw(rng, gti)
    starts = np.arange(YEARS) * len(profile.relative) // YEARS
    years = np.add.reduceat(profile.relative, starts)
    return years / years.mean()


def report(logits, pulsar, brightness, edges, what):
    """Print recall of AGN / of pulsars / their mean, with equal priors."""
    bins = [(brightness > low) & (brightness <= high) for low, high in pairwise(edges)]
    names = [f"{low:g}-{high:g}" for low, high in pairwise(edges)]
    print(f"\n| {what} | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
    cells = [f"{np.sum(~pulsar[rows])} / {np.sum(pulsar[rows])}" for rows in bins]
    print(f"| *number of AGN / pulsars* | {' | '.join(cells)} |")
    for name, logit in logits.items():
        found = [recalls(pulsar[rows], logit[rows] > 0) for rows in bins]
        cells = [f"{agn:.2f} / {psr:.2f} / **{(agn + psr) / 2:.3f}**" for agn, psr in found]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
