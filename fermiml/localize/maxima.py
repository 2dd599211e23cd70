"""Functions shared by the localizers: local maxima, refined to sub-pixels and thinned; scores."""

import numpy as np
from scipy.ndimage import maximum_filter
from scipy.spatial import cKDTree

TOUCHING = np.ones((3, 3))  # pixels that share a corner belong together


def local_maxima(image):
    """(y, x) of pixels that none of their eight neighbours exceeds."""
    return np.nonzero(image == maximum_filter(image, 3, mode="nearest"))


def parabola(image, y, x):
    """Sub-pixel steps (dx, dy), at most half a pixel, to the top of the parabola of each axis."""
    height, width = image.shape
    here = image[y, x]
    left, right = image[y, np.maximum(x - 1, 0)], image[y, np.minimum(x + 1, width - 1)]
    down, up = image[np.maximum(y - 1, 0), x], image[np.minimum(y + 1, height - 1), x]
    return _vertex(left, here, right), _vertex(down, here, up)


def _vertex(before, here, after):
    bend = 2 * here - before - after
    slope = (after - before) / 2
    step = np.divide(slope, bend, out=np.zeros(len(here)), where=bend > 0)
    return np.clip(step, -0.5, 0.5)


def score_at(probability, x, y):
    """Return the highest probability within a pixel of positions."""
    column = np.clip(np.rint(x).astype(int), 0, probability.shape[1] - 1)
    row = np.clip(np.rint(y).astype(int), 0, probability.shape[0] - 1)
    padded = np.pad(probability, 1)
    step = np.arange(3)
    around = padded[row[:, None, None] + step[:, None], column[:, None, None] + step]
    return around.max(axis=(1, 2), initial=0.0).astype(float)


def thinned(x, y, rank, separation):
    """Which positions remain when of two that are closer the lower rank goes; best first."""
    order = np.lexsort((x, y, -rank))
    pairs = cKDTree(np.c_[x, y][order]).query_pairs(separation, output_type="ndarray")
    gone = np.zeros(len(x), bool)
    for better, worse in pairs[np.lexsort(pairs.T[::-1])]:
        if not gone[better]:
            gone[worse] = True
    return order[~gone]


def wanted(probability, x, y, threshold):
    """(x, y, score) of the positions whose score reaches the threshold."""
    score = score_at(probability, x, y)
    keep = (score >= threshold) & (score > 0)
    return x[keep], y[keep], score[keep]
