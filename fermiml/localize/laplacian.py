"""Maxima of the Laplacian of Gaussian over several scales."""

import numpy as np
from scipy.ndimage import gaussian_laplace

from fermiml.localize import DISC
from fermiml.localize.maxima import local_maxima, parabola, thinned, wanted

SCALES = (0.5, 0.7, 1.0)  # of the scale at which a lone blob answers most
SEPARATION = 0.8  # of the radius; of two maxima that are closer one is a shoulder of the other


def locate(maps, threshold, radius=DISC):
    """Positions where the map is most like a blob.

    The largest scale fits a lone disc; the smaller ones tell touching discs apart.
    """
    probability = maps["probability"]
    answer = _answer(probability, radius / np.sqrt(2))
    y, x = local_maxima(answer)
    height = answer[y, x]
    likely = (height > 0) & (probability[y, x] >= threshold / 2)
    y, x, height = y[likely], x[likely], height[likely]
    dx, dy = parabola(answer, y, x)
    keep = thinned(x + dx, y + dy, height, SEPARATION * radius)
    return wanted(probability, (x + dx)[keep], (y + dy)[keep], threshold)


def _answer(probability, best):
    """Compute the strongest scale-normalised answer of each pixel."""
    answers = [
        -((scale * best) ** 2)
        * gaussian_laplace(probability, scale * best, mode="nearest", truncate=3.5)
        for scale in SCALES
    ]
    return np.max(answers, axis=0)
