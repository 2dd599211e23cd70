"""The instances of a patch: what the second stage says, each source once, with its pixels."""

import numpy as np

from fermiml.networks.mask import region_grids
from fermiml.networks.mask.region_grids import COMPACT, EXTENDED, PULSAR
from fermiml.networks.mask.region_losses import split
from fermiml.networks.patch_instances import Instances, suppressed
from fermiml.sky.patches import lies_within


def of_patch(found, size, lowest):
    """Make the instances with scores above `lowest` of what the second stage says of a patch."""
    x, y, radius, _, kinds, change, mask = split(np.asarray(found, float))
    kinds = np.exp(kinds - kinds.max(axis=-1, keepdims=True))
    kinds /= kinds.sum(axis=-1, keepdims=True)
    pulsar = kinds[:, PULSAR] if kinds.shape[1] > PULSAR else None
    compact = kinds[:, COMPACT] + (0 if pulsar is None else pulsar)
    score = compact + kinds[:, EXTENDED]
    change = np.clip(region_grids.OFFSET * change, -1, 1)
    better = np.array([x + radius * change[:, 0], y + radius * change[:, 1],
                       radius * np.exp(change[:, 2])])  # fmt: skip
    inside = lies_within(*better[:2], size)
    order = np.argsort(-score, kind="stable")
    order = order[inside[order] & (score[order] > lowest)]
    chosen = order[suppressed(*better[:, order])]
    masks = [_painted(x[i], y[i], radius[i], mask[i], size) for i in chosen]
    extended = kinds[chosen, EXTENDED] > compact[chosen]
    masks = np.array(masks).reshape(-1, size, size)
    if pulsar is not None:
        pulsar = pulsar[chosen] / compact[chosen]
    return Instances(*better[:, chosen], score[chosen], extended, masks, pulsar)


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
