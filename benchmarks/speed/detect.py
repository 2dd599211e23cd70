"""Speed of detection: features and network alone, and with photometry; peak memory.

    fermiml simulate config/simulate-allsky.yaml -o SKY
    python benchmarks/speed/detect.py SKY [--model NAME] [--only network|all] [--radii 5 10 20 40]

--radii measures the dependence on area, in circles around the centre of the data. The times for
imports, for building the network and for reading the cube are listed separately.
"""

import argparse
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine


def within(cube, radius):
    """The data within a circle (deg) around their middle."""
    components = [
        replace(c, mask=c.mask & (c.pixel_positions().separation(cube.center).deg <= radius))
        for c in cube.components
    ]
    return replace(cube, components=components)


def measured(detector, cube):
    """A line about one run."""
    start = time.perf_counter()
    catalog = detector.run(cube)
    seconds = time.perf_counter() - start
    area = cube.components[0].pixel_areas()[cube.components[0].mask].sum()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return (
        f"{len(catalog)} sources in {area:.0f} deg2, {seconds:.1f} s, "
        f"{area / seconds:.0f} deg2/s, peak memory {memory:.2f} GB"
    )


def main():
    """Print times and memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sky", type=Path)
    parser.add_argument("--model", default="lat-best")
    parser.add_argument("--only", choices=("network", "all"))
    parser.add_argument("--radii", nargs="+", type=float, default=[180.0], help="deg")
    options = parser.parse_args()
    start = time.perf_counter()
    from fermiml import SourceDetector
    from fermiml.features.patch_features import N_FEATURES
    from fermiml.features.views import BATCH
    from fermiml.simulate.read_fields import read_sky
    from fermiml.sky.patches import SIZE

    finder = SourceDetector.from_pretrained(options.model).finder
    finder.find(np.zeros((BATCH, SIZE, SIZE, N_FEATURES), np.float32))
    built = time.perf_counter()
    cube = read_sky(options.sky, background="none").cube
    print(f"start-up {built - start:.1f} s, reading {time.perf_counter() - built:.1f} s")
    for radius in options.radii:
        part = within(cube, radius)
        for name, photometry in (("network", False), ("all", True)):
            if options.only in (None, name):
                detector = SourceDetector(finder, photometry=photometry)
                print(f"{name}: {measured(detector, part)}", flush=True)
    print(machine(seed=0))


if __name__ == "__main__":
    main()
