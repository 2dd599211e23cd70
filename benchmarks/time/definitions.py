"""The measures of variability beside those in 4FGL-DR4's file, from the fluxes in it.

python benchmarks/time/definitions.py CATALOG     (gll_psc_v35.fit)
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from fermiml import SourceCatalog
from fermiml.time import variability

sys.path.insert(0, str(Path(__file__).parents[1]))
from machine import machine

COLUMNS = ("Frac_Variability", "Unc_Frac_Variability", "Signif_Peak", "Flux_Peak", "Unc_Flux_Peak",
           "Time_Peak", "Peak_Interval")  # fmt: skip
LEAST = 60.0  # index from which fractions are compared: errors on the sides are rounded


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("catalog", help="gll_psc_v35.fit")
    catalog = SourceCatalog.read(parser.parse_args().catalog)
    print(machine(None))
    table, edges = catalog.table, np.array(catalog.table.meta["Hist_Start"])
    table = table[np.isfinite(table["Flux_History"]).all(axis=1)]
    found = [
        variability.columns(row["Variability_Index"], *(np.array(row[n], float) for n in (
            "Flux_History", "Unc_Flux_History", "Sqrt_TS_History")), edges)
        for row in table
    ]  # fmt: skip
    peaks = np.array(["Flux_Peak" in each for each in found])
    print(f"{len(table)} sources; with a peak {peaks.sum()}, "
          f"in the file {np.isfinite(table['Flux_Peak']).sum()}")  # fmt: skip
    bright = table["Variability_Index"] > LEAST
    for name in COLUMNS:
        rows = np.flatnonzero(bright & peaks)
        ours = np.array([found[row][name] for row in rows])
        ratio = ours / np.asarray(table[name][rows], float)
        low, middle, high = np.percentile(ratio, [1, 50, 99])
        print(f"{name:22} ours over 4FGL's: median {middle:.4f}, 98 % in {low:.4f}-{high:.4f}")


if __name__ == "__main__":
    main()
