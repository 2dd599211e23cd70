"""`ml_seed` and `find_sources` on a simulated sky, with the real Fermitools:

    python benchmarks/likelihood/fermipy_ml_seed.py DIR [--seed 1]

Prints the tables of docs/fermipy.md, except that of thresholds (fermipy_thresholds.py). DIR is
filled by `fermiml.fermipy.example`.
"""

import argparse
import logging
import sys
import time
import warnings
from importlib import metadata
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine

warnings.filterwarnings("ignore")
MATCH = 0.3  # deg


def truth_of(positions, truth):
    """Asimov TS and offset (deg) of the brightest true source within MATCH of each position."""
    found = []
    for position in positions:
        away = truth.positions.icrs.separation(position).deg
        near = np.flatnonzero(away < MATCH)
        if len(near):
            row = near[np.argmax(truth.table["TS_Asimov"][near])]
            found.append((float(truth.table["TS_Asimov"][row]), float(away[row]),
                          float(truth.table["S1"][row])))  # fmt: skip
        else:
            found.append((np.nan, np.nan, np.nan))
    return np.array(found).reshape(-1, 3)


def sources_table(table, truth):
    """One line for each source that either search found."""
    from astropy.coordinates import SkyCoord

    ml = np.isfinite(table["ml_ra"])
    ra, dec = (np.where(ml, table[f"ml_{c}"], table[f"fs_{c}"]) for c in ("ra", "dec"))
    real = truth_of(SkyCoord(ra, dec, unit="deg"), truth)
    print("| source | found by | TS, ml_seed | TS, find_sources | Asimov TS | flux / true, ml_seed "
          "| flux / true, find_sources |\n|---|---|---|---|---|---|---|")  # fmt: skip
    for row, (asimov, _, flux) in zip(table, real, strict=True):
        name = row["ml_name"] or row["fs_name"]
        numbers = [row["ml_ts"], row["fs_ts"], asimov]
        ratios = [row["ml_flux"] / flux, row["fs_flux"] / flux]
        cells = [*(f"{n:.1f}" for n in numbers), *(f"{r:.2f}" for r in ratios)]
        print("| " + " | ".join([name, row["found_by"], *cells]).replace("nan", "-") + " |")
    return real


def missed(table, truth, known):
    """True sources of Asimov TS > 25 that are neither in the model nor in a list."""
    from astropy.coordinates import SkyCoord

    bright = truth.filter((truth.table["TS_Asimov"] > 25) & truth.table["Inside"])
    here = known.positions.icrs
    new = bright.filter([p.separation(here).deg.min() > 0.01 for p in bright.positions.icrs])
    print(f"\ntrue sources of Asimov TS > 25 that are not in the model: {len(new)}")
    for side in ("ml", "fs"):
        rows = table[np.isfinite(table[f"{side}_ra"])]
        there = SkyCoord(rows[f"{side}_ra"], rows[f"{side}_dec"], unit="deg")
        got = [p.separation(there).deg.min() < MATCH for p in new.positions.icrs]
        real = truth_of(there, truth)
        print(f"{side}: {sum(got)} of them; {len(rows)} in its list, "
              f"{int(np.sum(~(real[:, 0] > 4)))} without a true source of Asimov TS > 4, median "
              f"offset {np.nanmedian(real[:, 1]):.3f} deg")  # fmt: skip


def main():
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--event-types", default="3")
    given = parser.parse_args()
    from fermiml import SourceCatalog
    from fermiml.fermipy import GTAnalysis, example, find_sources_comparison

    types = tuple(int(number) for number in given.event_types.split(","))
    config = example.make(given.folder, given.seed, event_types=types)
    gta = GTAnalysis(str(config), logging={"verbosity": 2})
    clock = {}
    for step in (gta.setup, gta.optimize):
        began = time.time()
        step()
        clock[step.__name__] = time.time() - began
    gta.logger.handlers[1].setLevel(logging.INFO)
    result = gta.ml_seed(compare="find_sources", make_plots=True)
    gta.write_roi("after")

    truth = SourceCatalog.read(given.folder / "sky" / "truth.fits")
    known = SourceCatalog.read(given.folder / "known.fits")
    table = result["compare"]
    print(machine(given.seed))
    print({name: metadata.version(name) for name in ("fermipy", "gammapy", "numpy", "keras")})
    print(find_sources_comparison.report(table))
    sources_table(table, truth)
    missed(table, truth, known)
    print({step: round(seconds, 1) for step, seconds in {**clock, **result["time"]}.items()})
    print({key: round(value, 1) for key, value in table.meta.items()})
    for peak in result["peaks"]:
        print(peak["name"], peak["status"], peak["known"], peak["reason"])


if __name__ == "__main__":
    main()
