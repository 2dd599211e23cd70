"""A network for another instrument: fine-tuned on few of its skies, or trained on them alone.

    python benchmarks/skies.py -o SKIES other other-selection
    python benchmarks/detection/transfer.py SKIES WORK [--figure docs/figures/transfer.png]

The instrument is made up: the LAT's area and five times its PSF. It has 1, 4 or 16 fields for
training (of 25.6 deg). On these, networks with the architecture of lat-best are trained: from
random weights, and from those of lat-best, with all of them free or with the encoder held. All see
the same number of patches. They are calibrated on `other-selection` and judged on `other` by their
score, beside lat-best as it is. Finished pieces stay in WORK.
"""

import sys
from pathlib import Path

import numpy as np
from architectures import calibrated, f1_and_precision, judged, start

from fermiml import Trainer
from fermiml.detect.finder import load_finder
from fermiml.evaluate import benchmark
from fermiml.plot import style
from fermiml.simulate import sky_settings, training_fields
from fermiml.simulate.read_fields import fields_of
from fermiml.yamlfile import read_yaml

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine
from skies import prepare_other

SEED = 60
PARTS = {1: 1, 4: 3, 16: 12}  # number of fields: how many it has more than the one before
START = "lat-best"
MODES = {
    "from random weights": (None, {"rate": 2e-3}),
    "fine-tuned": (START, {"rate": 8e-4}),
    "fine-tuned, encoder held": (START, {"rate": 8e-4, "encoder_held": True}),
}


def make_fields(work):
    """Store the training fields; return the folders for each number of them."""
    config = read_yaml(Path(__file__).parents[2] / "config" / "simulate-training.yaml")
    folders, of = [], {}
    for number, more in PARTS.items():
        sky = {**config["sky"], "fields": more}
        settings = sky_settings.check({**config, "seed": SEED + number, "sky": sky})
        folders.append(work / f"fields-{number}")
        training_fields.store(settings, folders[-1], prepare=prepare_other)
        of[number] = [str(folder) for folder in folders]
    return of


def trained(mode, number, folders, options):
    """Train a network; return its folder."""
    start, changes = MODES[mode]
    recipe = {
        "network": "heatmap",
        "seed": SEED,
        "loss": {"name": "focal"},
        "training": {"fields": folders, "epochs": options.epochs, "patches": options.patches,
                     "warmup": 50, "decay": 0.6, "precision": "mixed_bfloat16", **changes},
    }  # fmt: skip
    name = mode.replace(",", "").replace(" ", "-")
    return Trainer(recipe, start).run(options.work / f"{name}-{number}")


def scores(name, network, options):
    """Completeness at 95 % purity with its interval, F1, AP, and the number of true sources, of all
    zones together."""
    finder = load_finder(str(network))
    cache = options.work / "cache"
    point = calibrated(finder, name, options.skies / "other-selection", cache)
    fields = list(judged(finder, fields_of(options.skies / "other"), cache))
    zone = benchmark.summary(fields, point["threshold"]).zones["all"]
    pure = zone.at_purity
    return pure.completeness, pure.interval, *f1_and_precision(fields), zone.true_sources


def draw(found, alone, path):
    """Completeness as a function of the number of fields."""
    figure = style.new_figure(6, 4)
    axes = figure.subplots()
    for colour, (mode, rows) in zip(style.CYCLE, found.items(), strict=False):
        value = np.array([row[0] for row in rows.values()])
        bars = np.abs(np.array([row[1] for row in rows.values()]).T - value)
        axes.errorbar(list(rows), value, yerr=bars, marker="o", color=colour, label=mode)
    axes.axhline(alone[0], color=style.GREY, ls="--", label=f"{START} as it is")
    axes.set(xscale="log", xticks=list(PARTS), xticklabels=list(PARTS),
             xlabel="fields of the other instrument", ylabel="completeness at 95 % purity",
             )  # fmt: skip
    axes.legend()
    style.save(figure, path, overwrite=True)


def main():
    """Train and judge all."""
    parser = start(__doc__)
    parser.add_argument("skies", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--patches", type=int, default=500, help="of an epoch")
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    (options.work / "cache").mkdir(parents=True, exist_ok=True)
    alone = scores(START, START, options)
    found = {mode: {} for mode in MODES}
    print(f"{machine(SEED)}; {alone[4]} sources of Asimov TS > 25\n")
    print("| network | fields | completeness at 95 % purity | F1 | AP |\n|---|---|---|---|---|")
    print(f"| {START} as it is | 0 | {alone[0]:.3f} | {alone[2]:.3f} | {alone[3]:.3f} |")
    for number, folders in make_fields(options.work).items():
        for mode in MODES:
            folder = trained(mode, number, folders, options)
            row = found[mode][number] = scores(folder.name, folder, options)
            print(f"| {mode} | {number} | {row[0]:.3f} | {row[2]:.3f} | {row[3]:.3f} |", flush=True)
    if options.figure:
        draw(found, alone, options.figure)


if __name__ == "__main__":
    main()
