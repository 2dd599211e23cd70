"""Make the figures of docs/plots.md that explain a clear and a doubtful source.

    python benchmarks/figures/plots.py DEMO/sky -o docs/figures

The doubtful source is the detection of lowest ML_Prob that matches no true source of TS > 9.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from fermiml import SourceDetector
from fermiml.detect.explain import explain
from fermiml.detect.finder import views_for
from fermiml.evaluate import metrics
from fermiml.plot import style
from fermiml.plot.explanation import plot_explanation
from fermiml.simulate.read_fields import read_sky

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine


def chosen(catalog, sky):
    """Rows of a clear source and of a false one."""
    real = metrics.match(catalog.positions, sky.truth.positions, sky.ts) >= 0
    ts = np.nan_to_num(np.asarray(catalog.table["ML_TS"], float))
    clear = np.flatnonzero(real)[np.argmin(np.abs(np.log(ts[real] / 150)))]
    false = np.flatnonzero(~real)
    return {"clear": clear, "doubtful": false[-1]} if len(false) else {"clear": clear}


def main():
    """Detect, draw."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("field", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    sky = read_sky(options.field, background="none")
    detector = SourceDetector.from_pretrained()
    catalog = detector.run(sky.cube)
    print(machine(600))
    for name, row in chosen(catalog, sky).items():
        explanation = explain(
            catalog.positions[row], views_for(detector.finder, sky.cube), detector.finder
        )
        figure = plot_explanation(explanation, catalog, row)
        style.save(figure, options.output / f"plot_{name}.png", overwrite=True, dpi=75)
        print(name, catalog.table["Source_Name"][row])


if __name__ == "__main__":
    main()
