"""Compare positions and fluxes of detections with a likelihood fit of the same sources.

    python benchmarks/skies.py -o SKIES test selection
    python benchmarks/photometry/positions.py lat-best --skies SKIES --cache CACHE [--fields 12]
    python benchmarks/photometry/positions.py lat-best --set selection --fields 17 ...

All detections of a network above its default threshold are fitted as `fermiml fit` does (gammapy),
with the true diffuse model. Scored are the matches of the detections with true sources of Asimov
TS > 25. CACHE is that of methods.py; the fits are saved there as well.
"""

import argparse
import os
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fermiml import LikelihoodFit
from fermiml.evaluate import benchmark, metrics
from fermiml.evaluate.methods import Network
from fermiml.simulate.read_fields import fields_of, read_sky

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine

ZONES = (*metrics.ZONES, None)
SEEDS = {"test": 600, "selection": 500}
BRIGHT = 50  # Asimov TS, above which fluxes are compared


def both(network, folder, cache, skies):
    """Of a field's matches: Asimov TS, zones, seconds of the fit, and (offset, sigma, measured
    flux, its error, true flux) by photometry and by the fit."""
    sky = read_sky(folder)
    name = f"{skies}_{folder.name}"
    detected, _ = network.find(read_sky(folder, background="none"), name)
    detected = detected.filter(np.asarray(detected.table["ML_Prob"]) >= network.default)
    fitted, spent = benchmark.kept(
        cache / f"{name}.fits",
        lambda: LikelihoodFit(jobs=os.cpu_count(), bands=False).run(detected, sky.cube),
    )
    comparison = benchmark.judge(detected, sky).comparison
    rows = comparison.rows()
    use = (rows >= 0) & comparison.detected_counts & (sky.ts[rows] > metrics.DETECTABLE)
    rows = rows[use]
    true = sky.truth.positions[rows]
    flux = np.asarray(sky.truth.table["S1"], float)[rows]
    measured = [_measured(catalog, use, true, flux) for catalog in (detected, fitted)]
    zones = [metrics.zone_mask(true, zone) for zone in ZONES]
    return sky.ts[rows], np.array(zones), spent["seconds"], *measured


def _measured(catalog, use, true, flux):
    catalog = catalog.filter(use)
    offset, sigma = metrics.offsets(catalog.positions, catalog.ellipses(), true)
    own = [np.asarray(catalog.table[c], float) for c in ("Flux1000", "Unc_Flux1000")]
    return np.array([offset, sigma, *own, flux])


def row(name, ts, measured):
    """A row of the table."""
    offset, sigma, *flux = measured
    pulls = metrics.pulls(*(f[ts > BRIGHT] for f in flux))
    inside = np.mean(sigma[np.isfinite(sigma)] <= metrics.containment(0.95))
    return (
        f"| {name} | {len(ts)} | {np.median(offset):.4f} | {inside:.3f} "
        f"| {pulls['mean']:+.2f}, {pulls['width']:.2f} |"
    )


def main():
    """Fit what is missing, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("network")
    parser.add_argument("--skies", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--set", choices=list(SEEDS), default="test")
    parser.add_argument("--fields", type=int, default=12)
    options = parser.parse_args()
    network = Network(options.network, options.cache)
    folders = fields_of(options.skies / options.set)[: options.fields]
    cache = options.cache / f"positions-{options.network}"
    fields = [both(network, folder, cache, options.set) for folder in tqdm(folders, disable=None)]
    seconds = np.mean([f[2] for f in fields])
    ts, zones, *measured = (np.concatenate([f[k] for f in fields], axis=-1) for k in (0, 1, 3, 4))
    print(f"{machine(SEEDS[options.set])}; {len(fields)} fields, {seconds:.0f} s a fit\n")
    print("| | matches | median offset (deg) | in the 95 % ellipse | flux pull, TS > 50 |")
    print("|---|---|---|---|---|")
    for zone, here in zip(ZONES, zones, strict=True):
        for how, values in zip(("photometry", "fit"), measured, strict=True):
            print(row(f"{zone or 'all'}, {how}", ts[here], values[:, here]))


if __name__ == "__main__":
    main()
