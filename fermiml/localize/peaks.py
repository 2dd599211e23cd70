"""Local maxima of a heatmap, refined by the network's offsets or by a parabola."""

import numpy as np
from scipy.ndimage import gaussian_filter

from fermiml.localize import HEATMAP
from fermiml.localize.maxima import local_maxima, parabola, thinned, wanted

SEPARATION = 1.5  # pixels; two maxima that are closer are one
_TINY = 1e-6


def locate(maps, threshold, radius=HEATMAP):
    """Positions of local maxima. Maps of wider blobs (discs have flat tops) are smoothed first."""
    probability = maps["probability"]
    smooth = gaussian_filter(probability, max(radius - HEATMAP, 0.0), mode="nearest")
    y, x = local_maxima(smooth)
    likely = probability[y, x] >= min(threshold, 0.5) * 0.5
    y, x = y[likely], x[likely]
    if "offset" in maps:
        dx, dy = _voted(probability, maps["offset"], y, x)
    else:  # the logarithm of a Gaussian is a parabola
        dx, dy = parabola(np.log(np.maximum(smooth, _TINY)), y, x)
    height = smooth[y, x]
    keep = thinned(x + dx, y + dy, height, SEPARATION)
    return wanted(probability, (x + dx)[keep], (y + dy)[keep], threshold)


def _voted(probability, offset, y, x):
    """Average the steps (dx, dy) from pixels to where they and their neighbours see the source."""
    step = np.arange(3)
    here = y[:, None, None] + step[:, None], x[:, None, None] + step
    weight = np.pad(probability, 1)[here]
    seen = (
        np.pad(offset, [(0, 0), (1, 1), (1, 1)])[:, *here]
        + np.stack(np.broadcast_arrays(step - 1, step[:, None] - 1))[:, None]
    )
    return np.sum(weight * seen, axis=(2, 3)) / weight.sum(axis=(1, 2))
