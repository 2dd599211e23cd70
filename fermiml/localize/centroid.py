"""Voting: every segmented pixel points to the nearest source."""

import numpy as np
from scipy.ndimage import gaussian_filter

from fermiml.errors import InputError
from fermiml.localize import DISC
from fermiml.localize.clusters import closest, settled
from fermiml.localize.maxima import local_maxima, score_at, thinned, wanted

LEVEL = 0.5  # of the threshold: pixels above it vote, with their probability
BLUR = 0.7  # pixels, of the vote map
SEPARATION = 1.5  # pixels; two maxima that are closer are one
QUORUM = 0.2  # of the votes of a whole blob: fewer are strays


def locate(maps, threshold, radius=DISC):
    """Means of the votes around each maximum of the vote map."""
    if "vector" not in maps:
        raise InputError(
            "localizer 'centroid' needs vectors to the sources, which only the network "
            "lat-centroid has: choose it with --model, or another localizer"
        )
    probability = maps["probability"]
    y, x = np.nonzero(probability >= max(LEVEL * threshold, 1e-6))
    votes = np.c_[x, y] + maps["vector"][:, y, x].T.astype(float)
    weight = probability[y, x].astype(float)
    inside = np.all((votes > -0.5) & (votes < np.array(probability.shape[::-1]) - 0.5), axis=1)
    votes, weight = votes[inside], weight[inside]
    centers = _maxima(votes, weight, probability.shape)
    if len(centers):
        centers = settled(votes, weight, centers, SEPARATION)
        centers = centers[_have_quorum(centers, votes, weight, probability, radius)]
    return wanted(probability, *centers.T, threshold)


def _maxima(votes, weight, shape):
    """Maxima (n, 2) of the smoothed map of votes."""
    column, row = np.rint(votes).astype(int).T
    ballot = np.bincount(row * shape[1] + column, weight, shape[0] * shape[1]).reshape(shape)
    ballot = gaussian_filter(ballot, BLUR, mode="nearest")
    y, x = local_maxima(ballot)
    y, x = (axis[ballot[y, x] > 0] for axis in (y, x))
    keep = thinned(x, y, ballot[y, x], SEPARATION)
    return np.c_[x, y][keep].astype(float)


def _have_quorum(centers, votes, weight, probability, radius):
    """Which centres got the votes of a good part of a blob of their height."""
    label = closest(votes, centers, SEPARATION)
    given = np.bincount(label[label >= 0], weight[label >= 0], len(centers))
    return given >= QUORUM * np.pi * radius**2 * score_at(probability, *centers.T)
