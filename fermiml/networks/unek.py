"""U-Net segmentation into discs around sources (after Panes et al. 2021)."""

import numpy as np

from fermiml.networks import losses, targets, unet
from fermiml.schema import flag

SUMMARY = "U-Net segmentation: discs around sources"
OPTIONS = {**unet.OPTIONS, "classes": False}  # classes: tell AGN from PSR, too
VECTORS = ()
LOCALIZER = "kmeans"
RADIUS = targets.DISC


def check(options):
    """Raise InputError if the options do not define a valid network."""
    unet.check(options)
    flag("architecture.classes", options["classes"])


def build(classes=False, **options):
    """Build the network; with `classes` it also separates AGN from PSR."""
    return unet.build(_heads(classes), **options)


def read(path, classes=False, **options):
    """Read weights for a network that answers without Keras."""
    return unet.read(path, _heads(classes), **options)


def _heads(classes):
    return {"segmentation": (1, -3.0), **({"classes": (1, 0.0)} if classes else {})}


def make_targets(patch, classes=False, **_):
    """Make the targets: the disc of each source, and whether the nearest one is a pulsar."""
    segmentation, wanted, (_, number, _) = targets.discs(patch)
    made = {"segmentation": segmentation}
    if classes:
        disc = segmentation[..., 0]
        pulsar = patch.pulsar[wanted][number] if wanted.any() else np.zeros_like(disc)
        made["classes"] = np.stack([pulsar.astype(float), disc], -1)
    return made


def make_losses(loss=None, classes=False, **_):
    """Loss of each output."""
    chosen = {"segmentation": losses.weighted(losses.pixel_loss(**(loss or {"name": "bce"})))}
    if classes:
        chosen["classes"] = losses.weighted(losses.cross_entropy)
    return chosen


def to_maps(outputs):
    """Convert outputs to maps (batch, y, x) that localizers take."""
    maps = {"probability": losses.probability(outputs["segmentation"])}
    if "classes" in outputs:
        maps["pulsar"] = losses.probability(outputs["classes"])
    return maps
