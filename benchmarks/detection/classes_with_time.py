"""Classes with and without variability, on the held sources of the classifier's sample.

    python benchmarks/detection/classify_sample.py held -o SAMPLE
    python benchmarks/detection/classes_with_time.py SAMPLE/held

The simulated sources get 14 yearly fluxes with the errors that Flux1000 has in 14 years: BL Lacs
and FSRQs those of `fermiml.simulate.blazar_noise`, pulsars and remnants steady ones; of the others
two of five vary like either kind of blazar, as those of 4FGL-DR4 above 15 sigma do.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from astropy.table import Table
from classify import report
from classify_sample import read

from fermiml.detect import classify
from fermiml.simulate.blazar_noise import NOMINAL, YEARS
from fermiml.sky.times import YEAR
from fermiml.time.class_odds import log_likelihoods

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine

SEED = 1
VARYING_OTHERS = 0.4


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("fields", type=Path, nargs="+")
    table = read(parser.parse_args().fields)
    print(machine(SEED))
    spectrum = classify.shipped().log_likelihoods(table)
    time = log_likelihoods(with_light_curves(table, np.random.default_rng(SEED)))
    logits = {"spectrum": spectrum, "variability": time, "both": spectrum + time}
    report({name: classify.normalised(each) for name, each in logits.items()}, table)


def with_light_curves(table, rng):
    """Add yearly fluxes and their variability index, to the Gaussian errors of a bright source."""
    gti, rows = np.array([[0.0, YEARS * YEAR]]), []
    for row in table:
        flux, error = row["Flux1000"], row["Unc_Flux1000"] * np.sqrt(YEARS)
        law = _law(row["TRUE_CLASS"], rng)
        true = flux * (_yearly(NOMINAL[law], rng, gti) if law else np.ones(YEARS))
        seen = true + error * rng.normal(size=YEARS)
        index = np.sum(((seen - seen.mean()) / error) ** 2)
        rows.append((index, seen, np.stack([0 * seen - error, 0 * seen + error], axis=1)))
    names = ("Variability_Index", "Flux_History", "Unc_Flux_History")
    return Table(dict(zip(names, map(np.array, zip(*rows, strict=True)), strict=True)))


def _law(kind, rng):
    """How a source of a kind varies, None if it does not."""
    if kind in ("BLL", "FSRQ"):
        return kind.lower()
    if kind == "OTH" and rng.random() < VARYING_OTHERS:
        return rng.choice(["bll", "fsrq"])
    return None


def _yearly(law, rng, gti):
    profile = law.draw(rng, gti)
    starts = np.arange(YEARS) * len(profile.relative) // YEARS
    years = np.add.reduceat(profile.relative, starts)
    return years / years.mean()


if __name__ == "__main__":
    main()
