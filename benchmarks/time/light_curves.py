"""Light curves of constant and of flaring sources: index, pulls, fluxes, and CPU time.

    PYTHONPATH=tests python benchmarks/time/light_curves.py [--fields 250] [--intervals 14]

A field of 7 deg (b = 45 deg, 1-100 GeV, FRONT+BACK, 14 years of survey) with four sources of Asimov
TS 100 to 2000, whose counts are drawn anew for each field, interval by interval.

1. Constant: the variability index against chi2 with N - 1 degrees of freedom, how often it exceeds
   4FGL's 99 % threshold, and the pulls (fitted less true flux, over the error on that side).
2. The second source is 1.5 to 5 times as bright in one interval: fitted over true flux there, and
   how often it is called variable, and how often the others.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from makers import smallskies, timedskies
from scipy import stats

from fermiml import LightCurve
from fermiml.time.variability import threshold

sys.path.insert(0, str(Path(__file__).parents[1]))
from machine import machine

YEARS = 14.0
FLARING, WHEN = 1, 4
FLARES = (1.5, 2.0, 3.0, 5.0)
SEED = 100


def curves(sources, factors, fields, seed):
    """Variability indices (field, source) and pulls, relative fluxes (field, source, interval)."""
    index, pulls, relative = [], [], []
    bins = timedskies.intervals(factors.shape[1])
    catalog = smallskies.seeds(sources, shapes=True)
    truth = factors * sources.flux((100.0, 1e5))
    for field in range(fields):
        cube = timedskies.cube(sources, factors, seed + field, bins, years=YEARS)
        table = LightCurve().run(catalog, cube).catalog.table
        flux, errors = (np.asarray(table[f"{unc}Flux_History"], float) for unc in ("", "Unc_"))
        below = (flux < truth) | np.isnan(errors[..., 0])
        pulls.append((flux - truth) / np.where(below, errors[..., 1], -errors[..., 0]))
        index.append(np.asarray(table["Variability_Index"], float))
        relative.append(flux / truth)
    return np.array(index), np.array(pulls), np.array(relative)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fields", type=int, default=250)
    parser.add_argument("--intervals", type=int, default=14)
    arguments = parser.parse_args()
    fields, intervals = arguments.fields, arguments.intervals
    print(machine(SEED))
    sources = smallskies.four()
    ts = smallskies.asimov_ts(sources, years=YEARS)
    begin = time.process_time()
    index, pulls, _ = curves(sources, np.ones((4, intervals)), fields, SEED)
    spent = time.process_time() - begin
    print(f"{fields} constant fields, {intervals} intervals, {spent / fields:.2f} s of CPU a field "
          f"(with the drawing)")  # fmt: skip
    print("Asimov TS   mean of index (expected)   KS p   above 99 %   pulls: mean   std")
    for k in range(4):
        p = stats.chi2.sf(index[:, k], intervals - 1)
        pull = pulls[:, k]
        print(f"{ts[k]:9.0f}   {index[:, k].mean():8.2f} ({intervals - 1})   "
              f"{stats.kstest(p, 'uniform').pvalue:17.2f}   {100 * np.mean(p < 0.01):6.1f} %   "
              f"{pull.mean():11.3f}   {pull.std():.3f}")  # fmt: skip
    print("flare   fitted over true flux   called variable   others called variable")
    for flare in FLARES:
        factors = np.ones((4, intervals))
        factors[FLARING, WHEN] = flare
        index, _, relative = curves(sources, factors, fields // 5, SEED + 10_000)
        seen = relative[:, FLARING, WHEN]
        variable = index > threshold(intervals)
        error = seen.std() / np.sqrt(len(seen))
        print(f"{flare:5g}   {seen.mean():.3f} +- {error:.3f} (scatter {seen.std():.3f})   "
              f"{100 * variable[:, FLARING].mean():5.0f} %   "
              f"{100 * np.delete(variable, FLARING, axis=1).mean():8.1f} %")  # fmt: skip


if __name__ == "__main__":
    main()
