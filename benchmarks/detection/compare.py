"""A network and traditional detection on real LAT data, fitted with one likelihood.

    FERMIML_TEST_DATA=... python benchmarks/detection/compare.py -o docs/figures --cache CACHE

For each data set: the sources found by both, only by the network, only by traditional detection;
how many of them have TS > 25 in the same final fit; how many 4FGL-DR4 sources with an expected
TS > 25 each method found. Backgrounds are official models (the Galaxy averaged to 1.5 deg). Needs
fermipy's catalogs. Writes a map of each, and into CACHE the whole folder of `fermiml compare`.
"""

import argparse
import os
import sys
from pathlib import Path

from real_data import CASES

from fermiml import Comparison, SourceCatalog, SourceDetector
from fermiml.model import from_catalog
from fermiml.plot import comparison_figures as plots
from fermiml.plot import sky, style
from fermiml.report import comparison_folder

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine
from simulation.reality import read

NAMES = ("pg1553_100mev", "j2024_ft1", "gc_clean_psf23")
GALAXY = "gll_iem_v07_allsky_1p5deg_fixed.fits"


def main():
    """Compare, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path())
    parser.add_argument("--cache", type=Path, default=Path("compare-cache"))
    options = parser.parse_args()
    data = Path(os.environ["FERMIML_TEST_DATA"])
    known = SourceCatalog.read(from_catalog.find("4FGL-DR4"))
    detector = SourceDetector.from_pretrained()
    print(machine(seed=0))
    for case in (c.data for c in CASES if c.data.name in NAMES):
        folder = options.cache / case.name
        folder.mkdir(parents=True, exist_ok=True)
        diffuse = data / "diffuse"
        comparison = Comparison(
            detector=detector, galdiff=diffuse / GALAXY, iso=diffuse / case.isotropic, known=known,
            cache=folder / "cache",
        )  # fmt: skip
        result = comparison.run(read(case, data))
        comparison_folder.write(result, folder, overwrite=True)
        print(f"\n{case.name}")
        for what, text in comparison_folder.summary(result):
            print(f"  {what + ':':<28}{text}", flush=True)
        figure = style.new_figure(7, 6)
        plots.plot_map(result, figure.add_subplot(projection=sky.projection(result.cube)))
        style.save(figure, options.output / f"compare_{case.name}.png", overwrite=True)


if __name__ == "__main__":
    main()
