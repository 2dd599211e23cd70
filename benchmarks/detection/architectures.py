"""Networks of different architectures, trained alike, on the same skies: table and figure.

    fermiml train config/architectures/unet.yaml -o TRAINED/unet       # and so on
    python benchmarks/skies.py -o SKIES selection test structured
    python benchmarks/detection/architectures.py SKIES/selection SKIES/test TRAINED/* -o CACHE
        --structured SKIES/structured-20 --figure docs/figures/architectures.png

Each network is calibrated on the selection skies, and judged on the test skies by its score: there
is no photometry. Finished fields are kept in CACHE. Folders whose training has not ended are named
and left out. Times of networks are CPU times of one core.
"""

import argparse
import csv
import logging
import os
import sys
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from fermiml.checkpoint import content_key, kept
from fermiml.detect.detector import SourceDetector
from fermiml.detect.finder import load_finder
from fermiml.evaluate import benchmark, metrics
from fermiml.features.views import Views
from fermiml.files import read_json, write_json
from fermiml.networks import description
from fermiml.plot import style
from fermiml.simulate.read_fields import fields_of, read_sky
from fermiml.train.calibrate import operating_points

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine

ZONES = [zone.replace("|b|", "abs(b)") for zone in metrics.ZONES]  # bars would end a cell
COLUMNS = ("architecture", "thousand weights", "MB", "hours", "patches/s", *ZONES, "all",
           "F1", "AP", "ECE", "worst bin", "error")  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One network and what was measured of it."""

    name: str
    costs: dict  # weights, bytes, hours, patches per second
    nominal: object  # FieldScores
    best_f1: float
    average_precision: float
    structured: dict  # FieldScores by name of the set

    def reliability(self):
        """Mean and largest |mean ML_Prob - fraction real| of the bins of all zones."""
        bins = [b for rows in self.nominal.reliability.values() for b in rows]
        off = np.array([abs(b["mean"] - b["real"][0]) for b in bins])
        return np.average(off, weights=[b["number"] for b in bins]), off.max()

    def cells(self):
        """Of the table, as texts."""
        costs, zones = self.costs, self.nominal.zones
        complete = [zones[z].at_purity.completeness for z in (*metrics.ZONES, "all")]
        shares = [*complete, self.best_f1, self.average_precision, *self.reliability()]
        return [
            self.name, f"{costs['weights'] / 1000:.0f}", f"{costs['bytes'] / 1e6:.1f}",
            f"{costs['hours']:.2f}", f"{costs['rate']:.0f}",
            *(f"{share:.3f}" for share in shares), f"{self.nominal.localisation['median']:.3f}",
        ]  # fmt: skip


def calibrated(finder, name, selection, cache):
    """Give a finder the operating point of its score; return that point."""
    points = kept(
        cache / f"{name}-{finder.identity}.json",
        partial(operating_points, finder, selection, photometry=False),
        partial(write_json, overwrite=True),
        read_json,
    )
    if hasattr(finder, "network"):
        card = {**finder.network.card, "operating": {finder.localizer: points}}
        finder.network = replace(finder.network, card=card)
    else:
        finder.operating = points
    return points["score"]


def judged(finder, folders, cache):
    """Detections in all fields, beside the truth."""
    detector = SourceDetector(finder, photometry=False, threshold=0.0)
    cache = cache / f"{finder.name}-{content_key(finder.identity, finder.operating)[:12]}"
    for folder in folders:
        sky = read_sky(folder, background="none")
        path = cache / f"{folder.parent.name}-{folder.name}.fits"
        catalog, spent = benchmark.kept(path, partial(detector.run, sky.cube))
        yield benchmark.judge(catalog, sky, spent)


def f1_and_precision(fields):
    """Best F1, and the area under purity as a function of completeness (Asimov TS > 25)."""
    thresholds = metrics.thresholds_of([j.comparison.score for j in fields])
    tally = metrics.Tally.joined([j.comparison.tally(thresholds) for j in fields])
    purity, complete = tally.purity()[::-1], tally.completeness()[::-1]  # completeness rises
    f1 = 2 * purity * complete / np.maximum(purity + complete, 1e-9)
    return float(f1.max()), float(np.sum(purity * np.diff(complete, prepend=0.0)))


def costs_of(folder, finder, sky):
    """Weights, time of training, and speed."""
    weights = folder / "weights.npz"
    with np.load(weights) as stored:
        number = sum(stored[name].size for name in stored.files)
    with (folder / "curve.csv").open(encoding="utf-8") as stream:
        seconds = [float(row["seconds"]) for row in csv.DictReader(stream)]
    _, _, features = next(Views(sky.cube).batches())
    finder.find(features)
    start = time.process_time()
    finder.find(features)
    rate = len(features) / (time.process_time() - start)
    # The machine was shared: the fastest epoch tells what an epoch takes.
    hours = len(seconds) * min(seconds) / 3600
    return {"weights": number, "bytes": weights.stat().st_size, "hours": hours, "rate": rate}


def measure(folder, options):
    """Everything that the table says of a network."""
    finder = load_finder(str(folder))
    point = calibrated(finder, folder.name, options.selection, options.output)
    folders = fields_of(options.test)[: options.fields]
    fields = list(judged(finder, folders, options.output))
    default = point["threshold"]
    structured = {
        skies.name: benchmark.summary(
            list(judged(finder, fields_of(skies), options.output)), default
        )
        for skies in options.structured
    }
    costs = costs_of(folder, finder, read_sky(folders[0], background="none"))
    nominal = benchmark.summary(fields, default)
    return Row(folder.name, costs, nominal, *f1_and_precision(fields), structured)


def print_table(head, rows):
    """Print rows of texts as Markdown."""
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for cells in rows:
        print(f"| {' | '.join(cells)} |")


def print_tables(rows):
    """Print one table for the test skies, and one for those with structure."""
    print_table(COLUMNS, [row.cells() for row in rows])
    nominal = rows[0].nominal
    sources = ", ".join(f"{nominal.zones[z].true_sources} at {z}" for z in metrics.ZONES)
    print(f"\n{nominal.fields} fields; sources of Asimov TS > 25: {sources}")
    for name in rows[0].structured:
        print(f"\n{name}: {rows[0].structured[name].zones['all'].true_sources} sources\n")
        zones = {row.name: row.structured[name].zones["all"] for row in rows}
        print_table(
            ("architecture", "completeness at 95 % purity", "purity at the default threshold"),
            [(label, f"{zone.at_purity.completeness:.3f}", f"{zone.at_default.purity[0]:.3f}")
             for label, zone in zones.items()],
        )  # fmt: skip


def draw(rows, path):
    """Completeness by zone, and purity against completeness in the whole sky."""
    figure = style.new_figure(10, 0.35 * len(rows) + 2.6)
    zones, curves = figure.subplots(1, 2, width_ratios=[1.2, 1])
    at = np.arange(len(rows))
    marks = zip(metrics.ZONES, style.CYCLE, ("o", "s", "^"), (-0.2, 0, 0.2), strict=False)
    for zone, colour, mark, shift in marks:
        pure = [row.nominal.zones[zone].at_purity for row in rows]
        value = np.array([p.completeness for p in pure])
        bars = np.abs(np.array([p.interval for p in pure]).T - value)
        zones.errorbar(value, at + shift, xerr=bars, fmt=mark, color=colour, label=zone)
    zones.set(yticks=at, yticklabels=[row.name for row in rows],
              xlabel="completeness at 95 % purity")  # fmt: skip
    zones.invert_yaxis()
    zones.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, frameon=False)
    for i, row in enumerate(rows):
        curve = row.nominal.zones["all"].curve
        line = {"color": style.CYCLE[i % len(style.CYCLE)], "ls": "-" if i < 6 else "--"}
        curves.plot(curve["completeness"], curve["purity"], label=row.name, **line)
    curves.axhline(0.95, color=style.GREY, lw=0.8)
    curves.set(xlim=(0.4, 1), ylim=(0.6, 1.01), xlabel="completeness", ylabel="purity")
    curves.legend(fontsize="small", loc="lower left")
    style.save(figure, path, overwrite=True)


def start(text):
    """Return a parser of arguments with a text as it stands; compute in one thread, quietly."""
    os.environ["FERMIML_JOBS"] = "1"
    logging.getLogger("fermiml").setLevel(logging.ERROR)
    return argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def main():
    """Measure all networks."""
    parser = start(__doc__)
    parser.add_argument("selection", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("trained", type=Path, nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the cache")
    parser.add_argument("--structured", type=Path, nargs="*", default=[])
    parser.add_argument("--fields", type=int, help="of the test skies; by default all")
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    ended = [folder for folder in options.trained if (folder / description.NAME).is_file()]
    if not ended:
        raise SystemExit("none of these trainings has ended")
    print(machine(600), "\n")
    rows = [measure(folder, options) for folder in ended]
    print_tables(rows)
    if missing := [folder.name for folder in options.trained if folder not in ended]:
        print(f"\nnot trained yet: {', '.join(missing)}")
    if options.figure:
        draw(rows, options.figure)


if __name__ == "__main__":
    main()
