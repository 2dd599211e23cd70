"""Localizers on synthetic maps: error for isolated sources, separation of blends, time.

    python benchmarks/detection/localizers.py

Discs of 2.5 pixels radius with soft rims imitate segmentation networks, Gaussians of 1.1 pixels
imitate centre heatmaps; vectors are perfect.
"""

import sys
import time
from pathlib import Path

import numpy as np

from fermiml.localize import DISC, HEATMAP, LOCALIZERS, get_localizer

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine

SEED = 0
RADIUS = {"discs": DISC, "heatmap": HEATMAP}
APART = (3, 3.5, 4, 5, 6)  # pixels
DRAWS = 100


def made_up(x, y, height, kind, size):
    """Maps with sources at (x, y)."""
    row, column = np.indices((size, size))
    dx, dy = x[:, None, None] - column, y[:, None, None] - row
    distance = np.hypot(dx, dy)
    height = np.broadcast_to(height, len(x))[:, None, None]
    if kind == "discs":
        blobs = height / (1 + np.exp((distance - DISC) / 0.35))
        probability = 1 - np.prod(1 - blobs, axis=0)
    else:
        probability = np.max(height * np.exp(-0.5 * (distance / 1.1) ** 2), axis=0)
    nearest = distance.argmin(axis=0)[None]
    vector = [np.take_along_axis(d, nearest, axis=0)[0] for d in (dx, dy)]
    maps = {"probability": probability, "vector": np.array(vector)}
    return {name: values.astype(np.float32) for name, values in maps.items()}


def offsets(result, x, y):
    """Distance of each source to the nearest position found; infinite when there is none."""
    distance = np.hypot(result[0][:, None] - x, result[1][:, None] - y)
    return distance.min(axis=0, initial=np.inf)


def lone_error(locate, kind, rng):
    """Median and 95 % point of the error."""
    errors = []
    for x, y, height in rng.uniform((10, 10, 0.4), (22, 22, 1.0), (DRAWS, 3)):
        maps = made_up(np.array([x]), np.array([y]), height, kind, 32)
        result = locate(maps, 0.2, radius=RADIUS[kind])
        errors.append(offsets(result, x, y).item())
    return np.percentile(errors, (50, 95))


def told_apart(locate, kind, apart, rng):
    """Fraction of pairs of which both are found, and the median error of the two."""
    errors = []
    for turn, x, y in rng.uniform((0, 14, 14), (2 * np.pi, 16, 16), (DRAWS // 2, 3)):
        x, y = x + apart * np.array([0, np.cos(turn)]), y + apart * np.array([0, np.sin(turn)])
        result = locate(made_up(x, y, 0.9, kind, 32), 0.3, radius=RADIUS[kind])
        if len(result[0]) == 2:
            errors.extend(offsets(result, x, y))
    return len(errors) / DRAWS, np.median(errors) if errors else np.nan


def milliseconds(locate, kind, rng):
    """Processor time for a patch of 128x128 pixels with 25 sources."""
    x, y, height = rng.uniform((2, 2, 0.2), (126, 126, 1.0), (25, 3)).T
    maps = made_up(x, y, height, kind, 128)
    locate(maps, 0.1, radius=RADIUS[kind])
    start = time.process_time()
    for _ in range(10):
        locate(maps, 0.1, radius=RADIUS[kind])
    return (time.process_time() - start) * 100


def main():
    """Print the table."""
    print(machine(SEED))
    print(f"| localizer | map | error, 95 % | {' | '.join(map(str, APART))} | ms |")
    print("|" + "---|" * (4 + len(APART)))
    for kind in RADIUS:
        for name in LOCALIZERS.names():
            locate, rng = get_localizer(name), np.random.default_rng(SEED)
            middle, most = lone_error(locate, kind, rng)
            pairs = [told_apart(locate, kind, apart, rng) for apart in APART]
            cells = " | ".join("0" if not s else f"{s:.2f} ({e:.2f})" for s, e in pairs)
            taken = milliseconds(locate, kind, rng)
            print(f"| {name} | {kind} | {middle:.3f}, {most:.3f} | {cells} | {taken:.1f} |")


if __name__ == "__main__":
    main()
