"""DBSCAN of the pixels that stand out from their surroundings."""

import numpy as np

from fermiml.localize import DISC
from fermiml.localize.clusters import disc, settled_in, standing_out, weighted_means
from fermiml.localize.maxima import wanted

REACH = 0.8  # of the radius: neighbours of a pixel
CORES = (0.95, 0.88, 0.8, 0.65, 0.4, 0.2)  # of the weight within reach inside a flat top
_WHOLE = 1000


def locate(maps, threshold, radius=DISC):
    """Weighted centres of the densest clusters.

    How dense the core of a cluster must be is lowered step by step. What was apart at a higher
    density stays apart, so the neck between two touching blobs does not join them.
    """
    probability = maps["probability"]
    fraction = standing_out(probability, threshold, radius)
    y, x = np.nonzero(fraction)
    points, fraction = np.c_[x, y].astype(float), fraction[y, x]
    label = np.full(len(points), -1)
    for core in CORES if len(points) else ():
        label = _with_new(label, _clusters(points, fraction, core, radius))
    number = label.max(initial=-1) + 1
    centers = weighted_means(points, fraction, label, number)
    if number:
        centers = settled_in(probability, centers, threshold, radius)
    return wanted(probability, *centers.T, threshold)


def _clusters(points, fraction, core, radius):
    """Cluster of each pixel; only cores have one, the others get -1."""
    from sklearn.cluster import DBSCAN

    reach = max(REACH * radius, 1.0)
    scale = _WHOLE / (core * disc(reach).sum())  # min_samples must be a whole number
    found = DBSCAN(eps=reach, min_samples=_WHOLE).fit(points, sample_weight=scale * fraction)
    label = np.full(len(points), -1)
    cores = found.core_sample_indices_
    label[cores] = found.labels_[cores]
    return label


def _with_new(label, found):
    """Add labels, with the next numbers, for found clusters that hold nothing labelled."""
    number = found.max(initial=-1) + 1
    held = np.isin(np.arange(number), found[label >= 0])
    renumbered = np.where(held, -1, label.max() + np.cumsum(~held))
    new = (found >= 0) & (label < 0)
    return np.where(new, np.append(renumbered, -1)[found], label)
