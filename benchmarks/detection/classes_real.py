"""The classifier on real sources: those of 4FGL-DR4 by the columns of the catalog, and in LAT data.

    python benchmarks/detection/classes_real.py -o docs/figures
    FERMIML_TEST_DATA=... python benchmarks/detection/classes_real.py --data

Judged are sources with a class whose spectrum was not in the sample of the classifier. The first
command also writes classes_4fgl_confusion.png and classes_4fgl_reliability.png, and for the sources
without a class the odds, 4fgl_dr4_odds.csv. With `--data`, photometry of real data at the positions
of 4FGL. Needs fermipy (its catalog).
"""

import argparse
import os
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
from astropy.coordinates import SkyCoord
from classify import SEED, balanced, catalog, draw, like_4fgl, numbers, report_confusion
from classify import forest as make_forest
from classify_sample import spectra

from fermiml.catalog.source_classes import KINDS, kinds_of
from fermiml.detect import classify
from fermiml.photometry.measure import measure
from fermiml.time.class_odds import log_likelihoods
from fermiml.train.kinds import fit_prior

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine
from simulation import reality

SIGNIFICANCES = (4, 8, 12, 20, 40, 1e3)
FOLDS = 5
SURE = 0.8  # probability of a class that is worth a look
UNCLASSED = ("", "unk", "bcu")
CASES = ("pg1553_100mev", "j2024_ft1", "gc_clean_psf23", "3fhl_gc")
LEAST = 16.0  # ML_TS in real data
DENSE = 0.5  # deg: 4FGL sources whose neighbour is closer are measured, but not printed


def known():
    """4FGL-DR4 with TRUE_CLASS, and which rows may judge: no spectrum of training, no extension."""
    table = catalog()
    table["TRUE_CLASS"] = kinds_of(table["CLASS1"])
    taught = np.concatenate([shape.pivot for shape in spectra(held=False).values()])
    point = np.char.strip(np.asarray(table["Extended_Source_Name"], str)) == ""
    unseen = ~np.isin(np.asarray(table["Pivot_Energy"], np.float32), taught.astype(np.float32))
    return table, (np.asarray(table["TRUE_CLASS"]) != "") & point & unseen


def report_by_significance(answers, table):
    """Print balanced accuracies of five classes, of AGN and pulsars, of BL Lacs and FSRQs."""
    true, sigma = numbers(table), np.asarray(table["Signif_Avg"])
    bins = [(sigma > low) & (sigma <= high) for low, high in pairwise(SIGNIFICANCES)]
    names = [f"{low:g}-{high:g}" for low, high in pairwise(SIGNIFICANCES[:-1])]
    names.append(f">{SIGNIFICANCES[-2]:g}")
    agn = {"BLL": "AGN", "FSRQ": "AGN", "PSR": "PSR"}
    groups = {"all": dict(zip(KINDS, KINDS, strict=True)), "AGN, PSR": agn,
              "BLL, FSRQ": {"BLL": "BLL", "FSRQ": "FSRQ"}}  # fmt: skip
    print(f"\n| 4FGL-DR4, sigma | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
    counts = [" / ".join(str(np.sum(true[b] == i)) for i in range(len(KINDS))) for b in bins]
    print(f"| *{' / '.join(KINDS)}* | {' | '.join(counts)} |")
    for name, probability in answers.items():
        cells = [
            " / ".join(f"{balanced(true[b], probability[b], g):.2f}" for g in groups.values())
            for b in bins
        ]
        print(f"| {name} | {' | '.join(cells)} |")


def forest_on_4fgl(table):
    """Answers of a random forest that was taught with the other four fifths of the same sources."""
    from sklearn.model_selection import StratifiedKFold

    features, true = np.nan_to_num(like_4fgl(table)), numbers(table)
    answer = np.zeros((len(table), len(KINDS)))
    for some, rest in StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(features, true):
        answer[rest] = make_forest().fit(features[some], true[some]).predict_proba(features[rest])
    return answer


def judge(table, output):
    """Print and draw how sources with a class are called."""
    spectrum, time = classify.shipped().log_likelihoods(table), log_likelihoods(table)
    logits = {"spectrum": spectrum, "variability": time, "both": spectrum + time}
    answers = {name: classify.normalised(logit) for name, logit in logits.items()}
    answers["random forest, taught with 4FGL's"] = forest_on_4fgl(table)
    report_by_significance(answers, table)
    report_confusion(numbers(table), answers["both"])
    # Probabilities hold for the fractions that they assume: here those of the associated sources.
    prior = fit_prior(table, table["TRUE_CLASS"])
    mixed = spectrum + time + classify.prior_features(table) @ prior.T
    judged = numbers(table), classify.normalised(mixed)
    report_confusion(*judged)
    if output:
        draw(output, {"4FGL-DR4, with the fractions of its associations": judged}, "classes_4fgl")


def odds(table):
    """The table of odds of sources without a class."""
    shipped, time = classify.shipped(), log_likelihoods(table)
    rows = table["Source_Name", "GLON", "GLAT", "Signif_Avg", "CLASS1"].copy()
    for suffix, by_position in (("", False), ("_by_position", True)):
        probability = shipped.probabilities(table, by_position)
        given = classify.normalised(np.log(probability) + time)
        for kind, values in zip(KINDS, given.T, strict=True):
            rows[f"{kind}{suffix}"] = np.round(values, 3)
    return rows


def report_odds(rows):
    """Print how many are expected of each class, and how many are rather sure."""
    lat = np.abs(np.asarray(rows["GLAT"]))
    word = np.asarray(rows["CLASS1"])
    groups = {"no association, |b| > 10": (word == "") & (lat > 10),
              "no association, |b| < 10": (word == "") & (lat < 10), "unk": word == "unk",
              "bcu": word == "bcu"}  # fmt: skip
    print(f"\n| sources | number | {' | '.join(KINDS)} |\n|---|---|{'---|' * len(KINDS)}")
    for name, use in groups.items():
        for suffix in ("", "_by_position"):
            values = [np.asarray(rows[f"{kind}{suffix}"])[use] for kind in KINDS]
            cells = [f"{v.sum():.0f} / {np.sum(v > SURE)}" for v in values]
            print(f"| {name}{suffix.replace('_', ' ')} | {use.sum()} | {' | '.join(cells)} |")


def in_data(table):
    """Print the classes of 4FGL's sources from the photometry of real data."""
    folder = Path(os.environ["FERMIML_TEST_DATA"])
    position = SkyCoord(table["GLON"], table["GLAT"], unit="deg", frame="galactic")
    cases = {case.name: case for case in reality.CASES}
    cases.setdefault("gc_clean_psf23", reality.Case("gc_clean_psf23", "gc_clean_psf23", ""))
    print(f"\n| data | source | class | TS | {' | '.join(KINDS)} |\n|---|---|---|---|{5 * '---|'}")
    for name in CASES:
        cube = reality.read(cases[name], folder)
        inside = cube.components[0].away_from_edge(position)
        found, rows = measure(cube, position[inside]), table[inside]
        probability = classify.shipped().probabilities(found)
        alone = position[inside].match_to_catalog_sky(position, 2)[1].deg > DENSE
        seen = np.asarray(found["ML_TS"]) > LEAST
        for i in np.flatnonzero(seen & alone & (np.asarray(rows["TRUE_CLASS"]) != "")):
            cells = (name, rows["Source_Name"][i], rows["CLASS1"][i], f"{found['ML_TS'][i]:.0f}",
                     *(f"{p:.2f}" for p in probability[i]))  # fmt: skip
            print(f"| {' | '.join(cells)} |")


def main():
    """Print the tables, draw the figures, write the odds."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", action="store_true")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    print(machine(SEED))
    table, judges = known()
    if options.data:
        in_data(table)
        return
    judge(table[judges], options.output)
    rows = odds(table[np.isin(np.asarray(table["CLASS1"]), UNCLASSED)])
    report_odds(rows)
    if options.output:
        rows.round(dict.fromkeys(("GLON", "GLAT", "Signif_Avg"), 2))
        rows[np.asarray(rows["CLASS1"]) != "bcu"].write(
            options.output / "4fgl_dr4_odds.csv", overwrite=True
        )


if __name__ == "__main__":
    main()
