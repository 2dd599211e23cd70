"""CPU time and memory of the photometry of very many candidates in a small field.

    python benchmarks/speed/crowded.py --numbers 250 500 1000 2000

Power laws are spread evenly over a field of 10 deg (20 bins from 500 MeV to 1 TeV, ten years), and
measured at their own places. Numbers are done in turn in one process, so sort them upwards: memory
is the largest so far.
"""

import argparse
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.coordinates import SkyCoord

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1]))
from machine import machine
from makers import smallskies

from fermiml import SkyCube
from fermiml.photometry.measure import measure

EDGES = tuple(np.geomspace(500, 1e6, 21))  # MeV
FAINTEST, BRIGHTEST = 1e-10, 1e-8  # ph cm-2 s-1, 1-100 GeV
SEED = 5


def sources(number, width):
    """Spread power laws over a square field."""
    random = np.random.default_rng(SEED)
    across = 0.95 * width / np.cos(np.radians(smallskies.LAT))
    lon = smallskies.LON + random.uniform(-0.5, 0.5, number) * across
    lat = smallskies.LAT + random.uniform(-0.5, 0.5, number) * 0.95 * width
    flux = (FAINTEST * (1 + random.pareto(1.2, number))).clip(max=BRIGHTEST)
    return smallskies.power_laws(lon, lat, flux, random.uniform(1.8, 2.6, number))


def pulls(table, flux):
    """The 16th, 50th and 84th percentiles of flux errors in units of those that are stated."""
    seen = table["ML_TS"] > 25
    off = (np.asarray(table["Flux1000"], float) - flux) / np.asarray(table["Unc_Flux1000"], float)
    return np.nanpercentile(off[seen], [16, 50, 84])


def main():
    """Measure fields of growing density."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--numbers", type=int, nargs="+", default=[125, 250, 500, 1000, 2000])
    parser.add_argument("--width", type=float, default=10.0, help="deg")
    options = parser.parse_args()
    print(machine(SEED))
    print("candidates   CPU (s)   CPU of each (s)   memory (GB)   flux pulls above TS 25")
    for number in options.numbers:
        true = sources(number, options.width)
        cube = smallskies.cube(true, 1, width=options.width, edges=EDGES)
        cube = SkyCube([replace(cube.components[0], background=None)], "crowded")
        start = time.process_time()
        table = measure(cube, SkyCoord(true.lon, true.lat, unit="deg", frame="galactic"), jobs=1)
        spent = time.process_time() - start
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        low, middle, high = pulls(table, true.flux((1e3, 1e5))[:, 0])
        print(f"{number:>10}{spent:>10.1f}{spent / number:>18.3f}{memory:>14.2f}"
              f"{low:>12.2f}{middle:>7.2f}{high:>7.2f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
