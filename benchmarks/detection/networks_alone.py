"""Performance of networks without photometry: detection, and classes where they predict them.

    python benchmarks/skies.py -o SKIES selection
    python benchmarks/detection/networks_alone.py SKIES/selection lat-best lat-unek:dbscan ...

A network is a name or the folder of a training, optionally with ":localizer". Detection:
completeness for Asimov TS > 25 at 95 % purity. Classes, of matched sources: the area under the ROC
curve of the pulsar probability, and the balanced accuracy at the cut that is best for the other
half of the fields (odd and even fields provide each other's cut). For networks that predict discs,
also the precision and recall of their pixels.
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from fermiml.evaluate import benchmark, methods, metrics, segmentation
from fermiml.simulate.read_fields import fields_of, read_sky
from fermiml.yamlfile import read_yaml

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from arguments import skies_and_networks
from machine import machine

BINS = ((25, 64), (64, np.inf))  # Asimov TS
CUTS = np.linspace(0.02, 0.98, 49)
PIXELS = (0.3, 0.5, 0.7)  # thresholds of painted pixels


def judge(folder, detector):
    """A field's detections and its truth."""
    sky = read_sky(folder, background="none")
    return benchmark.judge(detector.run(sky.cube), sky)


def classes_of(judged):
    """TS, whether it is a pulsar, and the network's probability of that, for matched sources."""
    rows = judged.comparison.rows()
    found = np.flatnonzero((rows >= 0) & judged.comparison.detected_counts)
    rows, table = rows[found], judged.catalog.table[found]
    true = metrics.true_classes(rows, judged.truth.table["CLASS1"])
    pulsar = np.asarray(table["ML_Prob_PSR"], float)
    share = pulsar / (pulsar + np.asarray(table["ML_Prob_AGN"], float))
    return judged.comparison.ts[rows], true == "PSR", share


def balanced(fields):
    """Balanced accuracy over all fields, each half cut where the other half is cut best."""
    halves = [[np.concatenate(x) for x in zip(*fields[k::2], strict=True)] for k in (0, 1)]
    called = []
    for (_, share), (truth, other) in zip(halves, halves[::-1], strict=True):
        best = max(CUTS, key=lambda cut: balanced_accuracy_score(truth, other > cut))
        called.append(share > best)
    return balanced_accuracy_score(np.concatenate([h[0] for h in halves]), np.concatenate(called))


def report(name, judged):
    """Print how a network detects, and how it tells classes, if it does."""
    thresholds = metrics.thresholds_of([j.comparison.score for j in judged])
    cells = []
    for zone in (*metrics.ZONES, None):
        tally = metrics.Tally.joined([j.comparison.tally(thresholds, zone) for j in judged])
        cells.append(f"{tally.completeness_at_purity():.3f} of {tally.true.sum()}")
    print(f"| {name} | {' | '.join(cells)} |", flush=True)
    fields = [classes_of(j) for j in judged]
    if np.isnan(np.concatenate([share for *_, share in fields])).all():
        return
    for low, high in BINS:
        chosen = [
            (p[keep], s[keep]) for t, p, s in fields if (keep := (t > low) & (t <= high)).any()
        ]
        pulsar, share = (np.concatenate(x) for x in zip(*chosen, strict=True))
        area = roc_auc_score(pulsar, share)
        print(f"  Asimov TS {low}-{high:g}: {(~pulsar).sum()} AGN, {pulsar.sum()} pulsars; "
              f"ROC area {area:.3f}, balanced accuracy {balanced(chosen):.3f}")  # fmt: skip


def report_pixels(finder, folders):
    """Print how well a network paints the discs of sources, if it does."""
    if not getattr(finder, "paints_discs", False):
        return
    skies = (read_sky(folder, background="none") for folder in folders)
    pixels = segmentation.summary([segmentation.count_pixels(finder, sky) for sky in skies])
    for threshold, precision, recall in zip(
        *(pixels[key] for key in ("threshold", "precision", "recall")), strict=True
    ):
        if threshold in PIXELS:
            print(f"  pixels above {threshold}: precision {precision:.3f}, recall {recall:.3f}")


def main():
    """Judge all networks on all fields."""
    options = skies_and_networks(__doc__)
    seed = read_yaml(options.skies / "config.yaml")["seed"]
    print(machine(seed), "\n\n| network | |b|>20 | 10-20 | <10 | all |")
    for name in options.networks:
        detector = methods.detector(name, photometry=False, threshold=0.0)
        folders = fields_of(options.skies)
        report(name, [judge(folder, detector) for folder in folders])
        finder = detector.finder
        if finder.localizer == finder.network.architecture.LOCALIZER:  # else the same pixels
            report_pixels(finder, folders)


if __name__ == "__main__":
    main()
