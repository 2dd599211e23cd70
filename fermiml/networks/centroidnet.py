"""CentroidNet: every pixel of a source votes for its centre (after Dijkstra et al. 2018)."""

import numpy as np

from fermiml.networks import losses, targets, unet

SUMMARY = "CentroidNet: discs around sources and vectors to their centres"
OPTIONS = unet.OPTIONS
VECTORS = ("vector",)
LOCALIZER = "centroid"
RADIUS = targets.DISC
_HEADS = {"segmentation": (1, -3.0), "vector": (2, 0.0)}
_REACH = 3.5  # pixels, out to which vectors are learned


check = unet.check


def build(**options):
    """Build the network: a segmentation and a vector (pixels) at every pixel."""
    return unet.build(_HEADS, **options)


def read(path, **options):
    """Read weights for a network that answers without Keras."""
    return unet.read(path, _HEADS, **options)


def make_targets(patch, **_):
    """Discs, and from each pixel the way to the nearest source."""
    segmentation, _, (distance, _, way) = targets.discs(patch)
    near = (distance <= _REACH).astype(float)
    return {
        "segmentation": segmentation,
        "vector": np.concatenate([way * near[..., None], near[..., None]], -1),
    }


def make_losses(loss=None, **_):
    """Loss of each output."""
    return {
        "segmentation": losses.weighted(losses.pixel_loss(**(loss or {"name": "bce"}))),
        "vector": losses.weighted(losses.huber),
    }


def to_maps(outputs):
    """Convert outputs to maps (batch, [channel,] y, x) that localizers take."""
    return {
        "probability": losses.probability(outputs["segmentation"]),
        "vector": np.moveaxis(np.asarray(outputs["vector"]), -1, 1),
    }
