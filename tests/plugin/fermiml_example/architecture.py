"""An architecture: two convolutions that paint discs around sources."""

import numpy as np

from fermiml.errors import InputError
from fermiml.features.patch_features import N_FEATURES
from fermiml.networks import losses, targets

SUMMARY = "two convolutions: discs around sources"
OPTIONS = {"width": 8}
VECTORS = ()
LOCALIZER = "barycentre"
RADIUS = targets.DISC


def check(options):
    """Raise InputError where options make no network."""
    if type(options["width"]) is not int or options["width"] < 1:
        raise InputError(f"architecture.width: {options['width']!r} is no positive integer")


def build(width=8):
    """The network: one output, `discs`."""
    import keras
    from keras import layers

    inputs = layers.Input((None, None, N_FEATURES), name="features")
    x = layers.Conv2D(width, 5, padding="same", activation="relu")(inputs)
    return keras.Model(inputs, {"discs": layers.Conv2D(1, 1, name="discs")(x)})


def make_targets(patch, **_):
    """One within the disc of a source; what must not count has no weight."""
    wanted, faint = targets.sort_sources(patch)
    distance, _, _ = targets.nearest(patch.x[wanted], patch.y[wanted], patch.coverage.shape[0])
    disc = (distance <= targets.DISC).astype(float)
    return {"discs": np.stack([disc, targets.weights(patch, faint, disc > 0)], -1)}


def make_losses(loss=None, **_):
    """Cross-entropy, if the recipe names no other loss."""
    return {"discs": losses.weighted(losses.pixel_loss(**(loss or {"name": "bce"})))}


def to_maps(outputs):
    """The map that a localizer takes."""
    return {"probability": losses.probability(outputs["discs"])}
