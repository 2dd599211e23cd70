"""Specialists of a background level, chosen patch by patch, beside one network for all.

    fermiml train config/train-level.yaml -o TRAINED/low --from lat-best     # see that file
    python benchmarks/skies.py -o SKIES selection test
    python benchmarks/detection/zones.py SKIES/selection SKIES/test -o CACHE
        --alone lat-best TRAINED/all --specialists TRAINED/low TRAINED/middle TRAINED/high

All are calibrated on the selection skies, and judged on the test skies by their score: there is no
photometry. Which specialist looks at a patch is decided by the counts per pixel of that patch.
`all` is the same training with patches of any level. Finished fields are kept in CACHE.
"""

import csv
import sys
from pathlib import Path

import numpy as np
from architectures import calibrated, f1_and_precision, judged, print_table, start

from fermiml.detect.finder import load_finder
from fermiml.evaluate import benchmark, metrics
from fermiml.features.patch_features import CHANNELS, unstabilised
from fermiml.simulate.read_fields import fields_of
from fermiml.sky.bands import BANDS
from fermiml.yamlfile import read_yaml

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine

COVERED = CHANNELS.index("covered")


def level_of(features):
    """Counts of a patch per observed pixel, as `training.level` has them."""
    count, cover = (features[..., i * len(BANDS) : (i + 1) * len(BANDS)] for i in (0, COVERED))
    observed = cover.max(axis=-1)
    seen = np.where(cover > 0, unstabilised(count), 0)
    return seen.sum() / max(observed.sum(), 1)


class Specialists:
    """Finders for levels of the background; each looks at the patches of its own level."""

    localizer, name = "peaks", "specialists"

    def __init__(self, folders):
        self._finders = [load_finder(str(folder)) for folder in folders]
        levels = [read_yaml(folder / "recipe.yaml")["training"]["level"] for folder in folders]
        self._upper = np.array([high for _, high in levels])
        if np.any(np.diff(self._upper) <= 0):
            raise SystemExit("give the specialists from the lowest level to the highest")
        self.identity = "-".join(finder.identity[:8] for finder in self._finders)
        self.operating = {}

    def find(self, features):
        """Return the `Detections` of each patch."""
        own = np.searchsorted(self._upper, [level_of(patch) for patch in features], side="right")
        own = np.minimum(own, len(self._finders) - 1)
        return [
            self._finders[i].find(patch[None])[0] for i, patch in zip(own, features, strict=True)
        ]


def row(name, finder, options):
    """Calibrate and judge a finder; return the cells of its row."""
    point = calibrated(finder, name, options.selection, options.output)
    fields = list(judged(finder, fields_of(options.test)[: options.fields], options.output))
    scores = benchmark.summary(fields, point["threshold"])
    zones = [scores.zones[zone] for zone in (*metrics.ZONES, "all")]
    complete = [f"{zone.at_purity.completeness:.3f}" for zone in zones]
    pure = [f"{zone.at_default.purity[0]:.3f}" for zone in zones[:-1]]
    f1, precision = f1_and_precision(fields)
    return [name, *complete, *pure, f"{f1:.3f}", f"{precision:.3f}"]


def overfitting(folder):
    """Loss of the last epoch on training and on selection patches, and the lowest of the latter."""
    with (folder / "curve.csv").open(encoding="utf-8") as stream:
        curve = list(csv.DictReader(stream))
    loss, other = ([float(r[key]) for r in curve] for key in ("loss", "selection_loss"))
    told = loss[-1], other[0], min(other), other[-1]
    return [folder.name, *(f"{value:.3f}" for value in told)]


def main():
    """Measure all."""
    parser = start(__doc__)
    parser.add_argument("selection", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--alone", nargs="+", default=["lat-best"], help="networks for all levels")
    parser.add_argument("--specialists", type=Path, nargs="+", required=True)
    parser.add_argument("-o", "--output", type=Path, required=True, help="the cache")
    parser.add_argument("--fields", type=int, help="of the test skies; by default all")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    print(machine(600), "\n")
    finders = {Path(name).name: load_finder(name) for name in options.alone}
    finders["specialists"] = Specialists(options.specialists)
    zones = [zone.replace("|b|", "abs(b)") for zone in metrics.ZONES]
    head = ["network", *zones, "all", *(f"purity {zone}" for zone in zones), "F1", "AP"]
    print_table(head, [row(name, finder, options) for name, finder in finders.items()])
    trained = [Path(name) for name in options.alone if Path(name).is_dir()]
    print("\nLoss on patches of the last epoch, and on selection patches:\n")
    head = ["training", "loss", "selection, first epoch", "lowest", "last"]
    print_table(head, [overfitting(folder) for folder in (*trained, *options.specialists)])


if __name__ == "__main__":
    main()
