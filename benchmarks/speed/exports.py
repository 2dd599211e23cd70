"""How long exports of a large catalog take: CPU seconds of each format.

python benchmarks/speed/exports.py --rows 100000
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from machine import machine

from fermiml import SourceCatalog
from fermiml.catalog.export import export

SEED = 1
ENDINGS = {"ds9": "reg", "csv": "csv", "votable": "vot", "xml": "xml"}


def catalog(rows):
    """A catalog of sources with power laws, all over the sky."""
    rng = np.random.default_rng(SEED)
    return SourceCatalog.from_table(
        {
            "RAJ2000": rng.uniform(0, 360, rows),
            "DEJ2000": np.degrees(np.arcsin(rng.uniform(-1, 1, rows))),
            "Conf_95_SemiMajor": rng.uniform(0.02, 0.2, rows),
            "Conf_95_SemiMinor": rng.uniform(0.01, 0.02, rows),
            "Conf_95_PosAng": rng.uniform(-90, 90, rows),
            "SpectrumType": ["PowerLaw"] * rows,
            "Pivot_Energy": np.full(rows, 1e3),
            "PL_Flux_Density": rng.uniform(1e-14, 1e-12, rows),
            "PL_Index": rng.uniform(1.5, 3.0, rows),
            "ML_Prob": rng.uniform(0.5, 1.0, rows),
        }
    )


def main():
    """Print the CPU time of every export."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    given = parser.parse_args()
    sources = catalog(given.rows)
    print(machine(SEED))
    with tempfile.TemporaryDirectory() as folder:
        for name, ending in ENDINGS.items():
            start = time.process_time()
            export(sources, name, Path(folder) / f"all.{ending}")
            print(f"{name:8} {given.rows} rows: {time.process_time() - start:.1f} s")
        start = time.process_time()
        sources.write(Path(folder) / "all.fits")
        print(f"{'FITS':8} {given.rows} rows: {time.process_time() - start:.1f} s")


if __name__ == "__main__":
    main()
