"""CPU time and peak memory of detection in the largest inputs, stage by stage.

    python benchmarks/speed/large.py car|hpx512|hpx256 [--photometry | --patch] [--cluster local:2]

--photometry is with blends and extended sources, as `fermiml detect` has them. --patch leaves out
the network, and measures as many places as a crowded piece of sky has: the memory of photometry.
CPU time and memory are those of this process, not of the workers of a cluster.
The counts are Poisson noise, and 400 sources of all fluxes (3000 for hpx256, which has 5 bins): car
has 0.1 deg and 28 bins, hpx512 28 bins in double precision, as gtbin writes them.
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import healpy
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from gammapy.maps import WcsGeom

from fermiml import SkyCube, SourceDetector
from fermiml.cores import usable_cores
from fermiml.detect import candidates
from fermiml.executors import check_jobs, shared_executor
from fermiml.extended.find_extended import find_extended
from fermiml.photometry.blends import resolve
from fermiml.photometry.measure import measure

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine

SEED = 1
KINDS = {  # edges (MeV), nside or None, number of sources
    "car": (np.geomspace(100, 1e6, 29), None, 400),
    "hpx512": (np.geomspace(100, 1e6, 29), 512, 400),
    "hpx256": (np.array([500, 1000, 2000, 7000, 20000, 500000.0]), 256, 3000),
}
GEOM = WcsGeom.create(skydir=(0, 0), frame="galactic", width=(360, 180), binsz=0.1, proj="CAR")
LEVEL = 6000.0  # counts per deg2 above 500 MeV
PER_SOURCE = 40.0
PATCH = 15.0, 240  # deg, places


def planes(edges, nside, number):
    """Counts of each bin, as floats; sources are Gaussians of about the PSF's width."""
    random = np.random.default_rng(SEED)
    places = np.array(healpy.pix2vec(64, random.choice(12 * 64**2, number, replace=False))).T
    fluxes = PER_SOURCE * (1 + random.pareto(1.2, number))
    area = 0.01 if nside is None else healpy.nside2pixarea(nside, degrees=True)
    shape = GEOM.data_shape if nside is None else (12 * nside**2,)
    for low, high in pairwise(edges):
        photons = (low / 500) ** -1.2 - (high / 500) ** -1.2
        counts = random.poisson(LEVEL * area * photons, shape).astype(float)
        each = random.poisson(fluxes * photons).clip(max=20_000)
        width = np.radians(max(0.1, 0.8 * (low / 800) ** -0.8))
        vectors = np.repeat(places, each, axis=0)
        vectors = vectors + width * random.normal(size=vectors.shape)
        if nside is None:
            lon, lat = healpy.vec2ang(vectors, lonlat=True)
            x, y = np.int64((180 - lon) % 360 * 10), np.int64((lat + 90) * 10)
            np.add.at(counts, (y.clip(max=1799), x.clip(max=3599)), 1)
        else:
            counts += np.bincount(healpy.vec2pix(nside, *vectors.T), minlength=shape[0])
        yield counts


def write(path, kind):
    """Write a counts cube of the whole sky."""
    edges, nside, number = KINDS[kind]
    columns = [fits.Column(name, "E", unit="keV", array=values * 1e3)
               for name, values in (("E_MIN", edges[:-1]), ("E_MAX", edges[1:]))]  # fmt: skip
    time_ = [fits.Column("START", "D", array=[2.4e8]), fits.Column("STOP", "D", array=[6.4e8])]
    others = [fits.BinTableHDU.from_columns(columns, name="EBOUNDS"),
              fits.BinTableHDU.from_columns(time_, name="GTI")]  # fmt: skip
    made = planes(edges, nside, number)
    if nside is None:
        header = GEOM.wcs.to_header()
        first = [fits.PrimaryHDU(np.array([plane.astype(np.int32) for plane in made]), header)]
    else:
        channels = [fits.Column(f"CHANNEL{i + 1}", "D", array=c) for i, c in enumerate(made)]
        table = fits.BinTableHDU.from_columns(channels, name="SKYMAP")
        table.header.update(PIXTYPE="HEALPIX", ORDERING="RING", COORDSYS="GAL", NSIDE=nside)
        first = [fits.PrimaryHDU(), table]
    fits.HDUList([*first, *others]).writeto(path)


class Stages:
    """Prints what passed since the last stage."""

    def __init__(self):
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def end(self, name):
        """End a stage."""
        cpu, wall = time.process_time(), time.perf_counter()
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"{name:<28}{cpu - self._cpu:8.1f} CPU s{wall - self._wall:8.0f} s wall, "
              f"peak {memory:.2f} GB so far", flush=True)  # fmt: skip
        self._cpu, self._wall = cpu, wall


def photometry(stages, cube, position, score, extent, jobs=None):
    """Measure candidates as `SourceDetector` does."""
    with shared_executor(check_jobs(jobs, usable_cores())) as jobs:
        table = measure(cube, position, jobs=jobs)
        stages.end("photometry")
        table, origin = resolve(cube, table, jobs=jobs)
    stages.end(f"blends, {len(table) - len(position)} splits")
    table, _ = find_extended(cube, table, score[origin], extent[origin])
    stages.end(f"extended, {np.sum(table['ML_Ext_Form'] != '')} objects")


def patch():
    """Places spread at random over a square."""
    width, number = PATCH
    lon, lat = np.random.default_rng(SEED).uniform(-width / 2, width / 2, (2, number))
    return SkyCoord(lon, lat, unit="deg", frame="galactic")


def main():
    """Write the file in another process, so that its memory does not count; read and detect."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--photometry", action="store_true")
    parser.add_argument("--patch", action="store_true")
    parser.add_argument("--cluster", help="whose workers do the photometry; by default threads")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sky.fits"
        writer = os.fork()
        if not writer:
            write(path, options.kind)
            os._exit(0)
        os.waitpid(writer, 0)
        stages = Stages()
        cube = SkyCube.read(path)
        stages.end("reading")
        if options.patch:
            position, unknown = patch(), np.full(PATCH[1], np.nan)
            photometry(stages, cube, position, unknown, unknown, options.cluster)
        else:
            found = candidates.find(cube, SourceDetector.from_pretrained().finder)
            stages.end(f"network, {len(found)} candidates")
            if options.photometry:
                measured = found.position, found.score, found.extent
                photometry(stages, cube, *measured, options.cluster)
    print(f"{machine(SEED)}, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
