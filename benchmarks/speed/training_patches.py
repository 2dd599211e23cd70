"""Training patches per second: simulate fields, then draw patches with their features.

python benchmarks/speed/training_patches.py [-o docs/figures]
"""

import argparse
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from fermiml import SkySimulator
from fermiml.train.training_patches import TrainingSet

CONFIG = {
    "seed": 3,
    "sky": {"split": "train", "fields": 2},
    "energy": {"min": 500, "bins_per_decade": 5},
    "training": {"models": 3},
}
SIZE, WORKERS = 128, 2


def measure(training, number=200):
    """Patches a second with one thread and with two."""
    rates = []
    for workers in (1, WORKERS):
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(training.example, range(8)))  # kernels are made once per field
            start = time.perf_counter()
            list(pool.map(training.example, range(number)))
            rates.append(number / (time.perf_counter() - start))
    return rates


def plot(training, path):
    """The features of one patch: rows are bands, columns kinds; circles are true sources."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    features, patch = training.example(1)
    figure, axes = plt.subplots(3, 5, figsize=(13, 8))
    for kind, row in zip(("counts", "background", "filter"), axes, strict=True):
        offset = ("counts", "background", "filter").index(kind) * 5
        for band, axis in enumerate(row):
            axis.imshow(features[offset + band], origin="lower")
            seen = patch.ts > 25
            axis.scatter(patch.x[seen], patch.y[seen], s=60, facecolors="none", edgecolors="w")
            axis.set_title(f"{kind}, band {band + 1}", fontsize=9)
            axis.set_xticks([])
            axis.set_yticks([])
    figure.tight_layout()
    figure.savefig(path / "training_patch.png", dpi=65)


def main():
    """Print the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        paths = SkySimulator(CONFIG).run(Path(folder) / "training")
        seconds = (time.perf_counter() - start) / len(paths)
        print(f"one stored field of 25.6 deg, 3 diffuse models: {seconds:.1f} s, "
              f"{paths[0].stat().st_size / 1e6:.1f} MB")  # fmt: skip
        training = TrainingSet(Path(folder) / "training", size=SIZE)
        for workers, rate in zip((1, WORKERS), measure(training), strict=True):
            print(f"patches of {SIZE}x{SIZE} with features, {workers} threads: {rate:.0f} a second")
        counts = [training.patch(i).counts.sum() for i in range(20)]
        print(f"counts of a patch: {np.min(counts):.0f} to {np.max(counts):.0f}")
        if options.output:
            plot(training, options.output)


if __name__ == "__main__":
    main()
