"""Cut an all-sky HEALPix counts cube (nside 256, 5 bands) into patches: time and memory.

python benchmarks/speed/cut_full_sky.py [--nside 256]
"""

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from astropy.io import fits
from tqdm import tqdm

from fermiml import SkyCube

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine

EDGES = np.array([0.5, 1, 2, 7, 20, 500]) * 1e3  # MeV
SEED = 1


def write_sky(path, nside):
    """A gtbin cube of Poisson counts; only its size matters here."""
    random = np.random.default_rng(SEED)
    columns = [
        fits.Column(f"CHANNEL{i + 1}", "D", array=random.poisson(mean, 12 * nside**2))
        for i, mean in enumerate((20, 8, 5, 1, 0.2))
    ]
    table = fits.BinTableHDU.from_columns(columns, name="SKYMAP")
    table.header.update(PIXTYPE="HEALPIX", ORDERING="RING", COORDSYS="GAL", NSIDE=nside)
    energies = fits.BinTableHDU.from_columns(
        [
            fits.Column("E_MIN", "1E", unit="keV", array=EDGES[:-1] * 1e3),
            fits.Column("E_MAX", "1E", unit="keV", array=EDGES[1:] * 1e3),
        ],
        name="EBOUNDS",
    )
    gti = fits.BinTableHDU.from_columns(
        [fits.Column("START", "D", array=[0.0]), fits.Column("STOP", "D", array=[3e8])], name="GTI"
    )
    fits.HDUList([fits.PrimaryHDU(), table, energies, gti]).writeto(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nside", type=int, default=256)
    nside = parser.parse_args().nside
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sky.fits"
        write_sky(path, nside)
        start = time.perf_counter()
        cube = SkyCube.read(path)
        read = time.perf_counter()
        patches = cube.patches()
        owned = 0.0
        for patch in tqdm(patches, disable=None):
            owned += patch.counts[:, :, patch.owned].sum(dtype=float)
        cut = time.perf_counter()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(machine(SEED))
    print(f"nside {nside}, {len(patches)} patches of {patch.counts.shape[-1]} pixels")
    print(f"reading                    {read - start:8.1f} s")
    print(f"cutting                    {cut - read:8.1f} s")
    print(f"peak memory                {memory:8.2f} GB")
    print(f"counts in owned sky        {owned / cube.total_counts:8.4f} of all")


if __name__ == "__main__":
    main()
