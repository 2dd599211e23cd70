"""What networks find in a patch without a localizer: instances, each source once, with pixels."""

from dataclasses import dataclass

import numpy as np

from fermiml.networks import targets
from fermiml.sky.patches import lies_within

_CLOSE = 0.6  # radii of the smaller of two regions, within which they are one source
_ALIKE = 1.7  # ratio of radii up to which that is so
_OVERLAP = 0.5  # intersection over union of their discs, from which they are one anyway


@dataclass(frozen=True)
class Instances:
    """The instances of a patch, the most probable first; positions and radii in pixels."""

    x: np.ndarray
    y: np.ndarray
    radius: np.ndarray
    score: np.ndarray  # probability that it is a source
    extended: np.ndarray  # whether it is more probably an extended one
    mask: np.ndarray  # (n, y, x): probability that a pixel belongs to it
    pulsar: np.ndarray | None = None  # probability that it is a pulsar, if it is a compact source


def of_points(x, y, score, size, lowest):
    """Make the instances of point sources with scores above `lowest`: their pixels are discs."""
    inside = lies_within(x, y, size)
    order = np.argsort(-score, kind="stable")
    order = order[inside[order] & (score[order] > lowest)]
    radius = np.full(len(order), targets.DISC)
    chosen = order[suppressed(x[order], y[order], radius)]
    x, y, radius = x[chosen], y[chosen], radius[: len(chosen)]
    rows, columns = np.mgrid[:size, :size]
    mask = np.hypot(columns - x[:, None, None], rows - y[:, None, None]) <= targets.DISC
    return Instances(x, y, radius, score[chosen], np.zeros(len(chosen), bool), mask.astype(float))


def suppressed(x, y, radius):
    """Which regions remain when each source is to be there once; the first ones are the best.

    Two are one source if their centres are closer than `_CLOSE` radii, their radii being alike, or
    if their discs overlap by more than `_OVERLAP`.
    """
    distance = np.hypot(x[:, None] - x, y[:, None] - y)
    smaller = np.minimum(radius[:, None], radius)
    alike = np.maximum(radius[:, None], radius) < _ALIKE * smaller
    same = alike & (distance < _CLOSE * smaller)
    same |= overlap(distance, radius[:, None], radius) > _OVERLAP
    remains = np.ones(len(x), bool)
    for i in range(len(x)):
        if remains[i]:
            remains[i + 1 :] &= ~same[i, i + 1 :]
    return remains


def overlap(distance, first, second):
    """Intersection over union of discs with these radii and this distance of their centres."""
    small, large = np.minimum(first, second), np.maximum(first, second)
    d = np.clip(distance, large - small + 1e-9, large + small)
    a = np.arccos(np.clip((d**2 + small**2 - large**2) / (2 * d * small), -1, 1))
    b = np.arccos(np.clip((d**2 + large**2 - small**2) / (2 * d * large), -1, 1))
    common = small**2 * (a - np.sin(2 * a) / 2) + large**2 * (b - np.sin(2 * b) / 2)
    return common / (np.pi * (small**2 + large**2) - common)
