"""DBSCAN on pixels selected by a network and on plain counts: completeness, purity, time.

    python benchmarks/detection/dbscan.py --skies SKIES --cache CACHE [--sets test] [--limit S]

On counts, the method is that of the photon-clustering searches (Tramacere & Vecchio 2013): photons
above an energy are used; in tiles of 5 deg a core requires so many of them within eps that the
tile's median density produces one core in a thousand positions; a cluster's position is its mean,
its score the significance within 0.35 deg against a ring of 1-2 deg. The network is lat-unek with
the dbscan localizer and photometry. Both are scored like everything else (docs/benchmarks.md).
"""

import argparse
import logging
import math
import sys
import time
from pathlib import Path

import numpy as np
from scipy.signal import fftconvolve
from scipy.stats import poisson
from sklearn.cluster import DBSCAN

from fermiml import SourceCatalog
from fermiml.evaluate import benchmark, run, tables
from fermiml.evaluate.methods import method

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine

TILE, MARGIN = 50, 10  # pixels of 0.1 deg
DISK, RING = 0.35, (1.0, 2.0)  # deg: where a source and where its background is
EPS = {2000.0: 0.35, 7000.0: 0.25}  # MeV -> deg: about the PSF's 68 % radius
RARE = 1e-3
LOWEST = 2.0  # sigma


class PlainCounts:
    """DBSCAN on the counts above an energy."""

    background, default, false_at = "none", 5.0, (3.0, 4.0, 5.0, 6.0)

    def __init__(self, energy, cache):
        self._energy, self._cache = energy, cache / f"dbscan-counts-{energy:g}"

    def has(self, sky, name):
        """Whether the catalog of a sky is there."""
        return (self._cache / f"{name}.json").is_file()

    def find(self, sky, name):
        """Catalog and run time of a sky."""
        return benchmark.kept(self._cache / f"{name}.fits", lambda: self._search(sky.cube))

    def _search(self, cube):
        component = cube.components[0]
        bins = component.energy_edges[:-1] > 0.99 * self._energy
        counts = component.counts.data[bins].sum(axis=0) * component.mask
        places = np.array(clusters(counts, EPS[self._energy] / component.pixel_size))
        if not len(places):
            return SourceCatalog()
        image = ring_significance(counts.astype(float), component.mask.astype(float),
                                  component.pixel_size)  # fmt: skip
        x, y = places.T
        sigma = image[np.round(y).astype(int), np.round(x).astype(int)]
        keep = sigma > LOWEST
        icrs = component.geom.wcs.pixel_to_world(x[keep], y[keep]).icrs
        return SourceCatalog.from_table(
            {"RAJ2000": icrs.ra.deg, "DEJ2000": icrs.dec.deg, "Signif_Avg": sigma[keep]}
        )


def ring_significance(counts, seen, pixel):
    """Excess in sigma of the counts in a disk over those that a ring around it lets one expect."""
    disk, ring = _annulus(0, DISK, pixel), _annulus(*RING, pixel)
    found, inside, around, outside = (
        fftconvolve(image, kernel, mode="same").clip(0)
        for image, kernel in ((counts, disk), (seen, disk), (counts, ring), (seen, ring))
    )
    expected = around / outside.clip(1) * inside
    return 2 * (np.sqrt(found + 0.375) - np.sqrt(expected.clip(0.05) + 0.375))


def _annulus(inner, outer, pixel):
    reach = int(np.ceil(outer / pixel))
    distance = np.hypot(*np.mgrid[-reach : reach + 1, -reach : reach + 1]) * pixel
    return ((distance >= inner) & (distance <= outer)).astype(float)


def clusters(counts, eps):
    """Mean pixels (x, y) of the clusters, tile by tile."""
    height, width = counts.shape
    found = []
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            y0, x0 = max(top - MARGIN, 0), max(left - MARGIN, 0)
            part = counts[y0 : top + TILE + MARGIN, x0 : left + TILE + MARGIN]
            for x, y in _clusters(part, eps):
                if left <= x + x0 < left + TILE and top <= y + y0 < top + TILE:
                    found.append((x + x0, y + y0))
    return found


def _clusters(counts, eps):
    y, x = np.nonzero(counts)
    if not len(x):
        return []
    disc = np.sum(np.hypot(*np.mgrid[-9:10, -9:10]) <= eps)
    blocks = counts[: len(counts) // 10 * 10, : counts.shape[1] // 10 * 10]
    blocks = blocks.reshape(len(blocks) // 10, 10, -1, 10).mean(axis=(1, 3))
    least = int(poisson.isf(RARE, np.median(blocks) * disc)) + 1
    weight = counts[y, x]
    label = DBSCAN(eps=eps, min_samples=least).fit(
        np.column_stack([x, y]), sample_weight=weight
    ).labels_  # fmt: skip
    return [
        (np.average(x[label == i], weights=weight[label == i]),
         np.average(y[label == i], weights=weight[label == i]))
        for i in range(label.max() + 1)
    ]  # fmt: skip


def main():
    """Run what is missing, score, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sets", nargs="+", default=["test"])
    parser.add_argument("--skies", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--limit", type=float, default=math.inf)
    options = parser.parse_args()
    logging.basicConfig(format="%(message)s")
    logging.getLogger("fermiml.evaluate").setLevel(logging.INFO)
    deadline = time.monotonic() + options.limit
    methods = {f"DBSCAN, counts > {e / 1e3:g} GeV": PlainCounts(e, options.cache) for e in EPS}
    methods["lat-unek:dbscan"] = method("lat-unek:dbscan", options.cache)
    results = {}
    for label in options.sets:
        judged = run.judge_all(methods, label, options.skies / label, deadline=deadline)
        results[label] = run.score(methods, judged)
    print(machine(600))
    print(tables.markdown(results))


if __name__ == "__main__":
    main()
