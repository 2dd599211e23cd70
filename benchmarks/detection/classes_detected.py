"""AGN, pulsar or FAKE: the classes of detections, beside those that Panes et al. (2021) publish.

    python benchmarks/detection/classes_detected.py SKIES/selection/field_000[0-5]

Candidates down to a low ML_Prob, as detection measures them, are matched with the true sources of
simulated fields of the real mixture; one without a match is FAKE. Classes are named with equal
priors, as in the publication: each probability is divided by its mean over the candidates.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from fermiml import SourceDetector
from fermiml.evaluate import benchmark, metrics
from fermiml.simulate.read_fields import read_sky

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine

LEAST = 0.05  # ML_Prob of a candidate
NAMES = ("AGN", "PSR", "FAKE")
PUBLISHED = ((2740, 607, 582), (51, 335, 33), (64, 43, 320))  # true by called, their repository


def classes_of(folder, detector):
    """True class of each candidate, and its probabilities."""
    judged = benchmark.judge(detector.run((sky := read_sky(folder, background="none")).cube), sky)
    counted = judged.comparison.detected_counts
    true = metrics.true_classes(judged.comparison.rows()[counted], judged.truth.table["CLASS1"])
    table = judged.catalog.table[counted]
    return true, np.stack([np.asarray(table[f"ML_Prob_{name}"], float) for name in NAMES], axis=1)


def report(title, matrix):
    """Print a confusion matrix, and the mean of the fractions that are called rightly."""
    matrix = np.asarray(matrix)
    right = np.diag(matrix) / matrix.sum(axis=1)
    print(f"\n{title}\n\n| true \\ called | {' | '.join(NAMES)} | right |\n|---|---|---|---|---|")
    for name, row, fraction in zip(NAMES, matrix, right, strict=True):
        print(f"| {name} | {' | '.join(map(str, row))} | {fraction:.3f} |")
    print(f"\nbalanced accuracy {right.mean():.3f}, accuracy {np.trace(matrix) / matrix.sum():.3f}")


def main():
    """Detect, match, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("fields", type=Path, nargs="+")
    # The skies have no extended sources.
    detector = SourceDetector.from_pretrained(threshold=LEAST, extended=False)
    fields = [classes_of(folder, detector) for folder in parser.parse_args().fields]
    true, probability = (np.concatenate(x) for x in zip(*fields, strict=True))
    print(machine(seed=500))
    called = np.argmax(probability / probability.mean(axis=0), axis=1)
    matrix = [[int(np.sum((true == t) & (called == i))) for i in range(3)] for t in NAMES]
    report(f"fermiml, candidates of ML_Prob > {LEAST:g} in {len(fields)} fields", matrix)
    report("Panes et al. (2021), detections with a full box", PUBLISHED)


if __name__ == "__main__":
    main()
