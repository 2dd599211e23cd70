"""A network that looks below 500 MeV beside one that does not, on skies from 100 MeV.

    python benchmarks/skies.py -o SKIES low
    python benchmarks/detection/low_energies.py SKIES/low lat-best lat-multi [--from 500]

Without photometry. Matches are with true sources of Asimov TS > 9 at all energies of the skies;
completeness at 95 % purity (of all fields and zones together) is that of sources of TS > 25 above
500 MeV, by zone; of soft ones among them; and of those that have TS > 25 only with what they emit
below. `--from` leaves the energies below away, as in data that begin there.
"""

import argparse
import logging
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from fermiml.evaluate import benchmark, methods, metrics
from fermiml.simulate.read_fields import fields_of, read_sky

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine

SOFT = 2.5  # photon index at 300 MeV above which a source is soft
ENERGY = 300.0  # MeV


def judge(folder, detector, lowest):
    """A field's detections beside its truth, and the truth's TS above 500 MeV."""
    whole = read_sky(folder, background="none")
    above = read_sky(folder, background="none", lowest=500)
    seen = read_sky(folder, background="none", lowest=lowest)
    catalog = detector.run(seen.cube)
    return benchmark.judge(catalog, replace(seen, ts=whole.ts)), above.ts


def index_at(table, energy):
    """Photon index of true sources at an energy (MeV)."""
    powers = np.asarray(table["SpectrumType"]) == "PowerLaw"
    steps = np.log(energy / np.asarray(table["Pivot_Energy"], float))
    curved = np.asarray(table["LP_Index"], float) + 2 * np.asarray(table["LP_beta"], float) * steps
    return np.where(powers, np.asarray(table["PL_Index"], float), curved)


def groups_of(one, above):
    """Which true sources belong to each column of the table."""
    position, counts = one.comparison.true, one.comparison.true_counts
    significant = counts & (above > metrics.DETECTABLE)
    soft = index_at(one.truth.table, ENERGY) > SOFT
    low_only = counts & ~significant & (one.comparison.ts > metrics.DETECTABLE)
    zones = [significant & metrics.zone_mask(position, zone) for zone in metrics.ZONES]
    return [*zones, significant, significant & soft, low_only]


def report(name, fields):
    """Print a network's line of the table."""
    judged = [one for one, _ in fields]
    thresholds = metrics.thresholds_of([j.comparison.score for j in judged])
    tally = metrics.Tally.joined([j.comparison.tally(thresholds) for j in judged])
    column = tally.at_purity()
    if column is None:
        print(f"| {name} | never 95 % pure |")
        return
    found = []
    for one, above in fields:
        rows = one.comparison.rows(thresholds[column])
        hit = np.isin(np.arange(len(above)), rows[rows >= 0])
        found.append([((hit & group).sum(), group.sum()) for group in groups_of(one, above)])
    cells = [f"{hits / max(all_, 1):.3f} ({all_})" for hits, all_ in np.sum(found, axis=0)]
    print(f"| {name} | {' | '.join(cells)} | {tally.detections[:, column].sum()} |", flush=True)


def main():
    """Judge the networks on all fields."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("skies", type=Path)
    parser.add_argument("networks", nargs="+")
    parser.add_argument("--from", type=float, dest="lowest", default=100.0, help="MeV")
    options = parser.parse_args()
    logging.getLogger("fermiml").setLevel(logging.ERROR)
    folders = fields_of(options.skies)
    print(machine(680), f"\n{len(folders)} fields, from {options.lowest:g} MeV\n")
    print(f"| network | |b| > 20 | 10-20 | < 10 | all | index > {SOFT:g} | low only | detections |")
    for name in options.networks:
        detector = methods.detector(name, photometry=False, threshold=0.0)
        report(name, [judge(folder, detector, options.lowest) for folder in folders])


if __name__ == "__main__":
    main()
