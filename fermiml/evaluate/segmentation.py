"""How good the maps of segmenting networks are, pixel by pixel."""

import numpy as np

from fermiml.detect.finder import views_for
from fermiml.networks import targets
from fermiml.sky.patches import PIXEL

THRESHOLDS = np.round(np.arange(0.05, 1.0, 0.05), 2)


def count_pixels(finder, sky):
    """Pixels of a simulated sky that are painted, that should be, and that are both.

    As in training, pixels of sources of Asimov TS > 16 should be; those near fainter sources
    (TS > 5) count neither way.

    Returns
    -------
    dict
        Lists over `THRESHOLDS`: painted, right; and the number `true`.
    """
    views = views_for(finder, sky.cube)
    painted, right, true = np.zeros(len(THRESHOLDS), int), np.zeros(len(THRESHOLDS), int), 0
    for _, seen, features in views.batches():
        for view, probability in zip(seen, finder.heatmap(features), strict=False):
            disc, counted = _discs(view.patch, sky)
            above = counted & (probability >= THRESHOLDS[:, None, None])
            painted += above.sum(axis=(1, 2))
            right += (above & disc).sum(axis=(1, 2))
            true += int((counted & disc).sum())
    return {"painted": painted.tolist(), "right": right.tolist(), "true": true}


def _discs(patch, sky):
    """Masks (y, x): pixels of the sources to be found, and pixels that count."""
    x, y = patch.geom.coord_to_pix(sky.truth.positions)
    size = patch.coverage.shape[-1]
    inside = (np.minimum(x, y) > -targets.DISC) & (np.maximum(x, y) < size - 1 + targets.DISC)
    point = sky.truth.table["Extended_Source_Name"] == ""
    wanted = inside & (sky.ts > targets.POSITIVE) & point
    faint = inside & (sky.ts > targets.FAINT) & ~wanted
    disc = targets.nearest(x[wanted], y[wanted], size)[0] <= targets.DISC
    near = targets.nearest(x[faint], y[faint], size)[0] <= targets.DISC
    seen = patch.owned & (patch.coverage.max(axis=0) > 0)
    return disc, seen & (disc | ~near)


def summary(counts):
    """Pixel precision and recall of several skies at every threshold; None without any."""
    if not counts:
        return None
    painted, right = (np.sum([c[key] for c in counts], axis=0) for key in ("painted", "right"))
    true = sum(c["true"] for c in counts)
    return {
        "threshold": THRESHOLDS.tolist(),
        "precision": np.where(painted > 0, right / np.maximum(painted, 1), np.nan).tolist(),
        "recall": (right / max(true, 1)).tolist(),
        "disc": targets.DISC * PIXEL,
    }
