"""Memory and CPU time of light curves from five million events.

    PYTHONPATH=tests python benchmarks/time/memory.py [--events 5000000]

Events spread evenly over a circle of 15 deg (500 MeV-500 GeV, E^-2) are written as one FT1 file and
read with monthly intervals of three years; then the light curves of 30 sources are measured.
"""

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from makers import latfiles, smallskies

from fermiml import LightCurve, SkyCube

sys.path.insert(0, str(Path(__file__).parents[1]))
from machine import machine

SEED = 3
RADIUS = 15.0  # deg
SOURCES = 30
GAP = 1000.0  # s between the good time intervals of these files


def spent():
    """CPU seconds and the largest memory in GB, so far."""
    return time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--file", help="an FT1 file that was made before")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(arguments.file or Path(folder) / "ft1.fits")
        if not path.exists():
            listed = latfiles.cuts(circle=(*centre(), RADIUS), zmax=100)
            events = latfiles.random_events(arguments.events, RADIUS, SEED)
            second = events["time"] > latfiles.gti_hdu().data["STOP"][0]
            events["time"][second] += GAP
            latfiles.write_ft1(path, events, listed=listed)
            print(f"{path} is written; run this with --file {path} for memory without the writing")
            if arguments.file:
                return
        measure(path)


def centre():
    return latfiles.CENTER.icrs.ra.deg, latfiles.CENTER.icrs.dec.deg


def measure(path):
    print(machine(SEED))
    begin, before = spent()
    cube = SkyCube.read(path, time_bins="monthly")
    times = cube.components[0].times
    cpu, memory = spent()
    print(f"read: {cube.total_counts:.0f} events, {len(times.bins)} intervals, "
          f"{cpu - begin:.0f} s of CPU, {memory:.2f} GB at most ({before:.2f} before)")  # fmt: skip
    random = np.random.default_rng(SEED)
    angle, away = random.uniform(0, 2 * np.pi, SOURCES), 10 * np.sqrt(random.uniform(size=SOURCES))
    lon = latfiles.CENTER.l.deg + away * np.cos(angle) / np.cos(latfiles.CENTER.b.rad)
    flux = np.full(SOURCES, 1e-9)
    sources = smallskies.power_laws(lon, latfiles.CENTER.b.deg + away * np.sin(angle), flux)
    LightCurve().run(smallskies.seeds(sources, shapes=True), cube)
    after, memory = spent()
    print(f"{SOURCES} light curves: {after - cpu:.0f} s of CPU, {memory:.2f} GB at most")


if __name__ == "__main__":
    main()
