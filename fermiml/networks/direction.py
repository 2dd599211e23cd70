"""A direction field: every pixel says which way its source lies (after CeDiRNet, 2023)."""

import numpy as np

from fermiml.networks import losses, targets, unet

SUMMARY = "direction field: discs around sources and unit vectors to their centres"
OPTIONS = unet.OPTIONS
VECTORS = ("direction",)
LOCALIZER = "convergence"
RADIUS = targets.DISC
_HEADS = {"segmentation": (1, -3.0), "direction": (2, 0.0)}
_REACH = 3.5  # pixels, out to which directions are learned
_LEAST = 0.1  # pixels; closer to a source there is no direction


check = unet.check


def build(**options):
    """Build the network: a segmentation, and cosine and sine of a direction at every pixel."""
    return unet.build(_HEADS, **options)


def read(path, **options):
    """Read weights for a network that answers without Keras."""
    return unet.read(path, _HEADS, **options)


def make_targets(patch, **_):
    """Discs, and from each pixel the direction of the nearest source."""
    segmentation, _, (distance, _, way) = targets.discs(patch)
    near = ((distance <= _REACH) & (distance >= _LEAST)).astype(float)[..., None]
    unit = way * near / np.where(near > 0, distance[..., None], 1.0)
    return {
        "segmentation": segmentation,
        "direction": np.concatenate([unit, near], -1),
    }


def make_losses(loss=None, **_):
    """Loss of each output."""
    return {
        "segmentation": losses.weighted(losses.pixel_loss(**(loss or {"name": "bce"}))),
        "direction": losses.weighted(losses.huber),
    }


def to_maps(outputs):
    """Convert outputs to maps (batch, [channel,] y, x) that localizers take."""
    return {
        "probability": losses.probability(outputs["segmentation"]),
        "direction": np.moveaxis(np.asarray(outputs["direction"]), -1, 1),
    }
