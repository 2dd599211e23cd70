"""Functions shared by the clustering localizers: selection of pixels, and centres as means."""

import numpy as np
from scipy.ndimage import maximum_filter
from scipy.spatial import cKDTree

MARGIN = 1.5  # pixels beyond a blob's radius that still count for its centre
FAINTEST = 0.1  # of a threshold: pixels below it count for no centre


def disc(radius):
    """Footprint of a disc."""
    step = np.arange(-int(radius), int(radius) + 1)
    return np.hypot(step[:, None], step) <= radius


def standing_out(probability, threshold, radius):
    """Pixels of at least half the highest value within `radius`, and their fraction of it.

    Faint and bright blobs are alike then. Where that highest value is below the threshold, there
    is nothing; elsewhere a fraction below one half is set to zero.
    """
    top = maximum_filter(probability, footprint=disc(radius), mode="nearest")
    fraction = probability / np.maximum(top, 1e-9)
    return np.where((fraction >= 0.5) & (top >= threshold), fraction, 0.0)


def weighted_means(points, weight, label, number):
    """Means of the points (n, 2) that have each label from 0 on; negative labels count nowhere."""
    mine = label >= 0
    label, weight = label[mine], weight[mine]
    total = np.bincount(label, weight, number)
    sums = [np.bincount(label, weight * axis, number) for axis in points[mine].T]
    return np.stack(sums, axis=1) / np.maximum(total, 1e-30)[:, None]


def closest(points, centers, reach):
    """Which centre is closest to each point, -1 where none is in reach."""
    distance, label = cKDTree(centers).query(points, distance_upper_bound=reach)
    return np.where(np.isfinite(distance), label, -1)


def settled(points, weight, centers, reach, rounds=3):
    """Centres moved to the weighted means of the points that are closest to them, if in reach."""
    for _ in range(rounds):
        label = closest(points, centers, reach)
        moved = weighted_means(points, weight, label, len(centers))
        taken = np.bincount(label[label >= 0], minlength=len(centers)) > 0
        centers = np.where(taken[:, None], moved, centers)
    return centers


def settled_in(probability, centers, threshold, radius):
    """Centres moved to the means of the map around them; x is the first column."""
    y, x = np.nonzero(probability > FAINTEST * threshold)
    points = np.c_[x, y].astype(float)
    return settled(points, probability[y, x], centers, radius + MARGIN)
