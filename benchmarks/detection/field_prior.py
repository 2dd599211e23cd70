"""Probabilities on structured skies: fit the field prior, and judge what it does.

    python benchmarks/skies.py -o SKIES structured structured-selection
    python benchmarks/detection/field_prior.py fit --skies SKIES --cache CACHE
    python benchmarks/detection/field_prior.py judge --skies SKIES --cache CACHE -o docs/figures

`fit` measures, on selection skies, the numbers of `fermiml.detect.field_prior.FieldPrior` and
writes data/field_prior.yaml. `judge` compares test skies without and with it: the
reliability by level of structure in the plane and off it, and purity and completeness at the
default threshold, field by field. Candidates of a field are cached, so that both can be repeated
in seconds; fields that are missing are left out, and the number of those used is printed.
"""

import argparse
import itertools
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table

from fermiml import SourceDetector
from fermiml.catalog.catalog import SourceCatalog
from fermiml.detect import field_prior
from fermiml.detect.field_prior import NEUTRAL, FieldPrior
from fermiml.evaluate import metrics
from fermiml.files import write_json
from fermiml.plot import performance, style
from fermiml.simulate.read_fields import read_sky
from fermiml.sky.sphere import vectors_of

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine
from skies import LEVELS, levels_of

PLANE = 10.0  # deg: a field belongs to the plane if its centre is closer
BINS = (0.05, 0.3, 0.6, 0.8, 0.9, 0.99)
WIDTHS = (0.15, 0.3, 0.45, 0.6, 0.8, 1.0, 1.3)
SHIPPED = Path(__file__).parents[2] / "data" / "field_prior.yaml"


@dataclass(frozen=True)
class Field:
    """The candidates of a field, as calibrated on nominal skies, and what they are."""

    level: str
    name: str
    table: Table  # of `SourceDetector.propose`, and Real, Matched, Counts
    threshold: float

    @property
    def probability(self):
        """ML_Prob before the prior."""
        return np.asarray(self.table["ML_Prob"], float)

    @property
    def is_plane(self):
        """Whether the field lies in the Galactic plane."""
        return abs(np.median(self.table["GLAT"])) < PLANE

    def factor(self, prior):
        """The factor on the odds of being false."""
        place = SkyCoord(self.table["RAJ2000"], self.table["DEJ2000"], unit="deg", frame="fk5")
        return prior.false_factor(self.probability, vectors_of(place))

    def lowered(self, prior):
        """ML_Prob after the prior."""
        return field_prior.lowered(self.probability, self.factor(prior))

    def column(self, name):
        """Of the candidates away from the edge: what they truly are, as a mask."""
        return np.asarray(self.table[name], bool)


def read(split, skies, cache, model="lat-best"):
    """The fields of all levels of structure of a split, as far as they have been made."""
    detector = SourceDetector.from_pretrained(model, threshold=0.0, prior=NEUTRAL)
    default = SourceDetector(detector.finder).threshold
    cache.mkdir(parents=True, exist_ok=True)
    made = []
    for name, level in zip(levels_of(split), LEVELS, strict=True):
        for folder in sorted((skies / name).glob("field_*")):
            path = cache / f"{name}__{folder.name}.fits"
            if not path.is_file() and (folder / "truth.fits").is_file():
                _candidates(detector, folder).write(path)
            if path.is_file():
                made.append(Field(level, folder.name, Table.read(path), default))
    return made


def _candidates(detector, folder):
    sky = read_sky(folder, background="none")
    table = detector.propose(sky.cube)
    catalog, true = SourceCatalog.from_table(table), sky.truth.positions
    component = sky.cube.components[0]
    table.meta = {"TRUE25": int(np.sum((sky.ts > 25) & component.away_from_edge(true)))}
    rows = metrics.match(catalog.positions, true, sky.ts)
    table["Real"] = metrics.is_real(catalog.positions, catalog.ellipses(), true, sky.ts)
    table["Matched"] = rows >= 0
    table["Detectable"] = (rows >= 0) & (sky.ts[rows] > metrics.DETECTABLE)
    table["Counts"] = component.away_from_edge(catalog.positions)
    return table


def fit(fields):
    """Measure a `FieldPrior`."""
    nominal = [f for f in fields if f.level == "0"]
    low, high = field_prior.MIDDLING
    middling = np.array([np.sum((f.probability > low) & (f.probability <= high)) for f in nominal])
    certain = np.array([np.sum(f.probability > high) for f in nominal])
    ratio = middling.sum() / certain.sum()
    spread = np.sum((middling - ratio * certain) ** 2 - ratio * certain * (1 + ratio))
    there = np.concatenate([_there(f)[(f.probability > low) & (f.probability <= high)]
                            for f in nominal])  # fmt: skip
    base = FieldPrior(
        ratio=ratio,
        scatter=max(np.sqrt(max(spread, 0) / np.sum((ratio * certain) ** 2)), 0.15),
        real=there.mean(),
        width=0.3,
    )
    tried = [replace(base, width=width) for width in WIDTHS]
    return max(tried, key=lambda prior: likelihood(fields, prior))


def likelihood(fields, prior):
    """Mean ln of the probability of what the candidates are."""
    values = []
    for f in fields:
        used = f.column("Counts") & (f.probability > BINS[0])
        value = np.clip(f.lowered(prior), 1e-4, 1 - 1e-4)[used]
        values.append(np.log(np.where(_there(f)[used], value, 1 - value)))
    return np.concatenate(values).mean()


def _there(field):
    """Whether something is there: an ellipse that is too small does not make gas of a source."""
    return field.column("Real") | field.column("Matched")


def parts_of(prior):
    """The ablation."""
    return {"without": NEUTRAL, "with": prior}


def reliability(fields, prior):
    """Bins of ML_Prob: mean, fraction real, fraction real or matched, number."""
    value, real, there = (np.concatenate(c) for c in zip(
        *[(f.lowered(prior)[u], f.column("Real")[u], _there(f)[u])
          for f in fields for u in [f.column("Counts")]], strict=True))  # fmt: skip
    rows = []
    for low, high in itertools.pairwise(BINS):
        used = (value > low) & (value <= high)
        if used.any():
            rows.append({"mean": value[used].mean(), "real": metrics.fraction(real[used]),
                         "there": there[used].mean(), "number": int(used.sum())})  # fmt: skip
    return rows


def at_default(fields, prior):
    """Of each field: detections at the default threshold, purity, completeness."""
    rows = []
    for f in fields:
        above = f.column("Counts") & (f.lowered(prior) >= f.threshold)
        found = above & f.column("Detectable")
        rows.append({"level": f.level, "field": f.name, "detections": int(above.sum()),
                     "matched": int(np.sum(above & f.column("Matched"))),
                     "found": int(found.sum()), "true": f.table.meta["TRUE25"]})  # fmt: skip
    return rows


def judge(fields, prior):
    """All numbers, by part of the prior."""
    return {name: {"by field": at_default(fields, part), "reliability": {
        f"{place}, {level}": reliability(chosen, part)
        for place, level, chosen in groups(fields)}}
        for name, part in parts_of(prior).items()}  # fmt: skip


def groups(fields):
    """Fields of the plane and off it, by level of structure."""
    for place in ("plane", "clouds"):
        for level in LEVELS:
            chosen = [f for f in fields
                      if f.level == level and f.is_plane == (place == "plane")]  # fmt: skip
            if chosen:
                yield place, level, chosen


def tables(judged):
    """The numbers as Markdown."""
    lines = ["| | fields | " + " | ".join(f"{name}" for name in judged) + " |",
             "|---|---|" + "---|" * len(judged)]  # fmt: skip
    for level in LEVELS:
        cells = []
        for result in judged.values():
            rows = [row for row in result["by field"] if row["level"] == level]
            if rows:
                cells.append(_purities(rows))
        if cells:
            lines.append(f"| {level} % | {len(rows)} | " + " | ".join(cells) + " |")
    lines += ["", "| | part | " + " | ".join(f"{a:g}-{b:g}" for a, b in itertools.pairwise(BINS)),
              "|---|---|" + "---|" * (len(BINS) - 1)]  # fmt: skip
    for group in next(iter(judged.values()))["reliability"]:
        for name in judged:
            cells = [f"{r['mean']:.2f}, {r['real'][0]:.2f}, {r['there']:.2f} ({r['number']})"
                     for r in judged[name]["reliability"][group]]  # fmt: skip
            lines.append(f"| {group} % | {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _purities(rows):
    """Purity, that of the worst field with enough detections, completeness."""
    total = {
        key: sum(row[key] for row in rows) for key in ("detections", "matched", "found", "true")
    }
    many = [row["matched"] / row["detections"] for row in rows if row["detections"] >= 15]
    worst = f"{min(many):.2f}" if many else "-"
    return (f"{total['matched'] / total['detections']:.3f} (worst {worst}), "
            f"{total['found'] / total['true']:.3f}")  # fmt: skip


def draw(judged):
    """Reliability of the fields in the plane, by level of structure, without and with the prior."""
    figure = style.new_figure(4.5 * len(judged), 4.2)
    for ax, (name, result) in zip(figure.subplots(1, len(judged)), judged.items(), strict=True):
        rows = {group.removeprefix("plane, ") + " %": bins
                for group, bins in result["reliability"].items() if "plane" in group}  # fmt: skip
        performance.plot_reliability(rows, ax)
        ax.set_title(f"{name} the field prior")
    return figure


def main():
    """Fit or judge."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["fit", "judge"])
    parser.add_argument("--skies", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--split", choices=["selection", "test"])
    parser.add_argument("--model", default="lat-best", help="each needs a cache of its own")
    parser.add_argument("-o", "--output", type=Path, help="folder for field_prior.*")
    options = parser.parse_args()
    split = options.split or {"fit": "selection", "judge": "test"}[options.what]
    fields = read(split, options.skies, options.cache, options.model)
    levels = ", ".join(f"{level} %: {sum(f.level == level for f in fields)}"
                       for level in dict.fromkeys(f.level for f in fields))  # fmt: skip
    recipe = (
        f"benchmarks/detection/field_prior.py {options.what}, {split} fields by level: {levels}"
    )
    print(machine(seed=800 if split == "selection" else 700), recipe, sep="\n")
    if options.what == "fit":
        prior = fit(fields)
        prior.save(SHIPPED, recipe)
        print(prior)
        for name, part in parts_of(prior).items():
            print(f"{name}: mean ln likelihood {likelihood(fields, part):.4f}")
    prior = FieldPrior.load()
    judged = judge(fields, prior)
    print(tables(judged))
    if options.output:
        write_json(options.output / "field_prior.json", judged, overwrite=True)
        style.save(draw(judged), options.output / "field_prior.png", overwrite=True)


if __name__ == "__main__":
    main()
