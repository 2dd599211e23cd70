"""Detection on confused fields, without and with blends resolved: completeness and cost.

    python benchmarks/skies.py -o SKIES confused
    python benchmarks/detection/confused.py --skies SKIES --cache CACHE [--fields 2]

The fields (20 deg, from 300 MeV, 16 years, b = -25 deg) are scored as `fermiml evaluate` does. The
second table has the CPU times of photometry, of the test for two sources that is part of it, and of
measuring anew what was split. Catalogs are cached.
"""

import argparse
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np

from fermiml import SourceDetector
from fermiml.detect import candidates
from fermiml.detect.finder import load_finder
from fermiml.evaluate import benchmark
from fermiml.photometry import region_fit
from fermiml.photometry.blend_calibration import BlendCalibration
from fermiml.photometry.blends import resolve
from fermiml.photometry.measure import measure
from fermiml.photometry.split import split
from fermiml.simulate.read_fields import fields_of, read_sky

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine
from skies import SETS

LOWEST = 0.02  # ML_Prob of the rows of which a curve of purity is made


def completeness(folders, options, calibration, never):
    """Print the completeness at 95 % purity of the confused fields."""
    print("| | sources of TS > 25 | complete at 95 % purity | at the default threshold | purity |")
    print("|---|---|---|---|---|")
    for kind, blends in (("before", never), ("after", calibration)):
        detector = SourceDetector.from_pretrained(options.model, blends=blends)
        default, detector.threshold, judged = detector.threshold, LOWEST, []
        for folder in folders:
            sky = read_sky(folder, background="none")
            path = options.cache / f"{folder.parent.name}-{folder.name}-{kind}"
            catalog, spent = benchmark.kept(path, partial(detector.run, sky.cube))
            judged.append(benchmark.judge(catalog, sky, spent))
        all_ = benchmark.summary(judged, default).zones["all"]
        pure, shipped = all_.at_purity, all_.at_default
        print(f"| {kind} | {all_.true_sources} | {pure.completeness:.3f} "
              f"({pure.interval[0]:.3f}-{pure.interval[1]:.3f}) | {shipped.completeness[0]:.3f} | "
              f"{shipped.purity[0]:.3f} |")  # fmt: skip


def cost(folders, options, calibration):
    """Print the CPU time of photometry on the confused fields, of the test, and of the splits."""
    finder, spent = load_finder(options.model), [0.0]

    def timed(*given):
        start = time.process_time()
        result = split(*given)
        spent[0] += time.process_time() - start
        return result

    print("| candidates | tested | photometry (CPU s) | test within it | splits | measured anew |")
    print("|---|---|---|---|---|---|")
    for folder in folders:
        cube = read_sky(folder, background="none").cube
        position, spent[0], start = candidates.find(cube, finder).position, 0.0, time.process_time()
        with mock.patch.object(region_fit, "split", timed):
            table = measure(cube, position, jobs=1)
        whole, test, start = time.process_time() - start, spent[0], time.process_time()
        after, _ = resolve(cube, table, calibration, jobs=1)
        anew, tested = time.process_time() - start, np.isfinite(table["ML_TS_Split"]).sum()
        print(f"| {len(table)} | {tested} | {whole:.1f} | {test:.2f} | {len(after) - len(table)} | "
              f"{anew:.2f} |")  # fmt: skip


def main():
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--skies", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--fields", type=int, help="number of fields; by default all")
    parser.add_argument("--model", default="lat-best", help="each needs a cache of its own")
    options = parser.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    folders = fields_of(options.skies / "confused")[: options.fields]
    calibration = BlendCalibration.load()
    print(machine(SETS["confused"].configuration()["seed"]), f"{len(folders)} fields\n", sep="\n")
    completeness(folders, options, calibration, replace(calibration, threshold=2.0))
    print()
    cost(folders, options, calibration)


if __name__ == "__main__":
    main()
