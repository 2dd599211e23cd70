"""Score detections in real LAT data by ML_Prob, position and flux, against published catalogs.

    FERMIML_TEST_DATA=... python benchmarks/detection/real_scoreboard.py [--only NAME] -o OUT

Detections of the default network down to `ML_Prob` 0.05 are matched one to one with the sources
of a catalog, within the radius of the data set. For each range of `ML_Prob`: the fraction matched,
less what would match by chance (positions shifted by 3 deg), against the mean `ML_Prob`. A source
that no catalog has counts as false, so this is a lower limit of the purity. Of the matches above
0.9: how many lie within the 95 % ellipses of both catalogs together, and the ratio of the fluxes
above 1 GeV. What is above 0.9 and in neither catalog is listed, and drawn (OUT/real_new_*.png) to
be looked at one by one. Nothing was trained or tuned on these data. Needs fermipy (its catalogs).
"""

import argparse
import itertools
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from real_data import CASES, machine, reality

from fermiml import SourceCatalog, SourceDetector
from fermiml.detect.explain import explain
from fermiml.features.views import Views
from fermiml.files import write_text
from fermiml.model import from_catalog
from fermiml.plot import explanation, style

CATALOGS = ("4FGL-DR4", "FL16Y")
BINS = (0.05, 0.3, 0.6, 0.8, 0.9, 1.01)
CONVINCED = 0.9


@dataclass(frozen=True)
class Matched:
    """Detections of a data set away from its edge, and their pairs with a catalog's sources."""

    found: SourceCatalog
    known: SourceCatalog
    radius: float  # deg

    def pairs(self, rows=slice(None)):
        """One-to-one pairs of some detections, nearest first."""
        return self.found[rows].crossmatch(self.known, radius=self.radius)

    def reliability(self):
        """By range of ML_Prob: number, mean, fraction matched, by chance, real at least."""
        probability = np.asarray(self.found.table["ML_Prob"], float)
        is_matched = np.isin(np.arange(len(self.found)), self.pairs()["row"])
        table = []
        for low, high in itertools.pairwise(BINS):
            rows = np.flatnonzero((probability >= low) & (probability < high))
            if len(rows):
                chance = self.pairs(rows).meta["CHANCE"]
                matched = is_matched[rows].mean()
                table.append({
                    "from": low, "number": len(rows), "mean": probability[rows].mean(),
                    "matched": matched, "chance": chance,
                    "real": max(matched - chance, 0) / (1 - chance),
                })  # fmt: skip
        return table

    def positions(self):
        """Of matches above 0.9: fraction within the 95 % ellipses of both catalogs together."""
        rows = np.flatnonzero(self.found.table["ML_Prob"] > CONVINCED)
        number = len(self.pairs(rows))
        within = len(self.found[rows].crossmatch(self.known))
        return {"pairs": number, "within": within / number if number else None}

    def fluxes(self):
        """Of matches above 0.9: median and 68 % range of our flux above 1 GeV over theirs."""
        pairs = self.pairs()
        ours = np.asarray(self.found.table["Flux1000"], float)[pairs["row"]]
        theirs = np.asarray(self.known.table["Flux1000"], float)[pairs["other_row"]]
        sure = np.asarray(self.found.table["ML_Prob"], float)[pairs["row"]] > CONVINCED
        ratio = (ours / theirs)[sure & np.isfinite(ours) & (theirs > 0)]
        low, middle, high = np.quantile(ratio, (0.16, 0.5, 0.84)) if len(ratio) else (None,) * 3
        return {"number": len(ratio), "median": middle, "low": low, "high": high}


def detect(case, folder, detector):
    """The cube of a data set, and its detections away from the edge."""
    cube = reality.read(case.data, folder)
    found = detector.run(cube)
    return cube, found.filter(cube.components[0].away_from_edge(found.positions))


def unknown(found, catalogs, radius):
    """Rows above 0.9 that are in no catalog, the most significant first."""
    rows = set(np.flatnonzero(found.table["ML_Prob"] > CONVINCED))
    for known in catalogs:
        rows -= set(found.crossmatch(known, radius=radius)["row"])
    return sorted(rows, key=lambda row: -found.table["ML_TS"][row])


def score(case, folder, detector, catalogs, output):
    """All numbers of a data set; draws the unknown sources."""
    cube, found = detect(case, folder, detector)
    result = {}
    for name, known in catalogs.items():
        matched = Matched(found, known, case.radius)
        result[name] = {
            "reliability": matched.reliability(),
            "positions": matched.positions(),
            "fluxes": matched.fluxes(),
        }
    new = unknown(found, catalogs.values(), case.radius)
    views = Views(cube)
    for row in new:
        why = explain(found.positions[row], views, detector.finder)
        name = found.table["Source_Name"][row].replace(" ", "_")
        figure = explanation.plot_explanation(why, found, row)
        style.save(figure, output / f"real_new_{case.data.name}_{name}.png", True)
    columns = ("Source_Name", "GLON", "GLAT", "ML_Prob", "ML_TS", "Conf_95_SemiMajor", "ML_Flags")
    result["in no catalog"] = [
        {name: found.table[name][row].item() for name in columns} for row in new
    ]
    return result


def main():
    """Score every data set, print and write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="one data set")
    parser.add_argument("-o", "--output", default=".", type=Path)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    folder = Path(os.environ["FERMIML_TEST_DATA"])
    detector = SourceDetector.from_pretrained(threshold=BINS[0])
    catalogs = {name: SourceCatalog.read(from_catalog.find(name)) for name in CATALOGS}
    results = {"machine": machine(seed=0)}
    for case in CASES:
        if options.only in (None, case.data.name):
            name = case.data.name
            results[name] = score(case, folder, detector, catalogs, options.output)
            print(name, json.dumps(results[name], indent=1), flush=True)
    write_text(options.output / "real_scoreboard.json", json.dumps(results, indent=1), True)


if __name__ == "__main__":
    main()
