"""What the network found in a patch: instances, each source once, with its pixels."""

from dataclasses import dataclass

import numpy as np

from fermiml.networks.mask import region_grids
from fermiml.networks.mask.region_losses import split

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


def of_patch(found, size, lowest):
    """Make the instances with scores above `lowest` of what the second stage says of a patch."""
    x, y, radius, _, kinds, change, mask = split(np.asarray(found, float))
    kinds = np.exp(kinds - kinds.max(axis=-1, keepdims=True))
    kinds /= kinds.sum(axis=-1, keepdims=True)
    score = 1 - kinds[:, 0]
    change = np.clip(region_grids.OFFSET * change, -1, 1)
    better = np.array([x + radius * change[:, 0], y + radius * change[:, 1],
                       radius * np.exp(change[:, 2])])  # fmt: skip
    inside = np.all((better[:2] > -0.5) & (better[:2] < size - 0.5), axis=0)
    order = np.argsort(-score, kind="stable")
    order = order[inside[order] & (score[order] > lowest)]
    chosen = order[suppressed(*better[:, order])]
    masks = [_painted(x[i], y[i], radius[i], mask[i], size) for i in chosen]
    return Instances(*better[:, chosen], score[chosen], kinds[chosen, 2] > kinds[chosen, 1],
                     np.array(masks).reshape(-1, size, size))  # fmt: skip


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


def _painted(x, y, radius, logits, size):
    """Probability in every pixel of a patch from the logits on the grid of a region."""
    from scipy.ndimage import map_coordinates

    number = region_grids.PAINTED
    low, high = (np.clip(np.array([y, x]) + sign * region_grids.CONTEXT * radius, -0.5, size - 0.5)
                 for sign in (-1, 1))  # fmt: skip
    window = tuple(
        slice(int(np.ceil(a)), int(np.floor(b)) + 1) for a, b in zip(low, high, strict=True)
    )
    rows, columns = np.mgrid[window]
    scale = number / (2 * region_grids.CONTEXT * radius)
    at = [(rows - y) * scale + (number - 1) / 2, (columns - x) * scale + (number - 1) / 2]
    image = np.zeros((size, size))
    values = map_coordinates(logits.reshape(number, number), at, order=1, mode="nearest")
    image[window] = 1 / (1 + np.exp(-values))
    return image
