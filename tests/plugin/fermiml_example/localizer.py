"""A localizer: the barycentres of the probability around its maxima."""

import numpy as np
from scipy.ndimage import maximum_filter

REACH = 2  # pixels to each side of a maximum


def locate(maps, threshold, radius=2.5):
    """Positions (x, y) and scores of sources in the maps of one patch."""
    probability = maps["probability"]
    top = probability == maximum_filter(probability, 2 * REACH + 1)
    y, x = np.nonzero(top & (probability >= max(threshold, 1e-6)))
    step = np.arange(2 * REACH + 1)
    weight = np.pad(probability, REACH)[y[:, None, None] + step[:, None], x[:, None, None] + step]
    total = weight.sum(axis=(1, 2))
    dx, dy = (np.sum(weight * way, axis=(1, 2)) / total
              for way in (step - REACH, step[:, None] - REACH))  # fmt: skip
    return x + dx, y + dy, probability[y, x].astype(float)
