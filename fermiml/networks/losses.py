"""Losses of single pixels, by name, and those of regressed values.

Targets come with a weight as their last channel: zero where a pixel must not count.
"""

from functools import partial

import numpy as np

from fermiml.errors import InputError

_TINY = 1e-6


def cross_entropy(target, weight, logits):
    """Binary cross-entropy, mean over the pixels that count."""
    from keras import ops

    loss = ops.softplus(logits) - target * logits
    return ops.sum(weight * loss) / (ops.sum(weight) + _TINY)


def focal(target, weight, logits, alpha=0.5, gamma=2.0, near=4.0):
    """Focal loss per positive pixel; `target` may fall off smoothly around positives.

    Parameters
    ----------
    alpha : float
        Weight of positive pixels; 1 - alpha is that of negative ones.
    gamma : float
        How much less well classified pixels count.
    near : float
        How much less pixels count where `target` is just below one.
    """
    from keras import ops

    positive = ops.cast(target > 0.999, "float32")
    p = ops.sigmoid(logits)
    hit = alpha * positive * ops.power(1 - p, gamma) * ops.softplus(-logits)
    away = ops.power(1 - target, near) * (1 - positive)
    miss = (1 - alpha) * away * ops.power(p, gamma) * ops.softplus(logits)
    return 2 * ops.sum(weight * (hit + miss)) / (ops.sum(weight * positive) + 1)


def dice(target, weight, logits):
    """One minus the Dice coefficient of all pixels of a batch."""
    from keras import ops

    p = ops.sigmoid(logits)
    overlap = ops.sum(weight * p * target)
    return 1 - (2 * overlap + 1) / (ops.sum(weight * (p + target)) + 1)


def huber(target, weight, values):
    """Smooth absolute difference, mean over what counts; channels share the weight."""
    from keras import ops

    distance = ops.sum(ops.sqrt(1 + ops.square(values - target)) - 1, axis=-1, keepdims=True)
    return ops.sum(weight * distance) / (ops.sum(weight) + 1)


PIXEL_LOSSES = {"bce": cross_entropy, "focal": focal, "dice": dice}


def pixel_loss(name, **options):
    """Look up a loss of pixels by name: `bce`, `focal` (alpha, gamma, near) or `dice`."""
    if name not in PIXEL_LOSSES:
        raise InputError(f"unknown loss '{name}': known are {', '.join(PIXEL_LOSSES)}")
    return partial(PIXEL_LOSSES[name], **options)


def weighted(loss):
    """Wrap the loss as Keras calls it, with the weight as the last channel of the target."""

    def call(target, predicted):
        return loss(target[..., :-1], target[..., -1:], predicted)

    return call


def probability(logits):
    """Map (batch, y, x) of probabilities from a head of one channel."""
    return 1 / (1 + np.exp(-np.asarray(logits)[..., 0]))
