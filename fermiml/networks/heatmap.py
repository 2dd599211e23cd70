"""Centre heatmap with sub-pixel offsets and the strength of each source."""

import numpy as np

from fermiml.networks import losses, targets, unet

SUMMARY = "centre heatmap, sub-pixel offsets and strengths"
OPTIONS = unet.OPTIONS
VECTORS = ("offset",)
LOCALIZER = "peaks"
SIGMA = 1.1  # pixels, of the Gaussian around each centre
RADIUS = 1.18 * SIGMA  # where the Gaussian falls to half of its height
POSITIVE = 10.0  # Asimov TS
FAINT = 4.0
_SURE = 20.0  # Asimov TS from which a source counts fully; just above POSITIVE it counts half
HEADS = {"heatmap": (1, -4.0), "offset": (2, 0.0), "strength": (1, 0.6)}
_REACH = 1.6  # pixels around a centre where offset and strength are learned


check = unet.check


def build(**options):
    """Build the network: heatmap logits, offsets in pixels, and half the log10 of the Asimov TS."""
    return unet.build(HEADS, **options)


def read(path, **options):
    """Read weights for a network that answers without Keras."""
    return unet.read(path, HEADS, **options)


def make_targets(patch, **_):
    """Gaussians around sources, the way to them, and how significant they are."""
    wanted, faint = targets.sort_sources(patch, POSITIVE, FAINT)
    size = patch.coverage.shape[0]
    x, y, ts = patch.x[wanted], patch.y[wanted], patch.ts[wanted]
    distance, number, way = targets.nearest(x, y, size)
    heat = np.exp(-0.5 * np.square(distance / SIGMA))
    heat[np.round(y).astype(int), np.round(x).astype(int)] = 1.0
    weight = targets.weights(patch, faint, heat >= 0.3)
    strength = np.zeros((size, size))
    if len(ts):
        sure = np.clip((ts - POSITIVE) / (_SURE - POSITIVE), 0, 1)
        weight *= np.where(heat > 0.999, 0.5 + 0.5 * sure[number], 1.0)
        strength = 0.5 * np.log10(ts)[number]
    near = (distance <= _REACH).astype(float)
    return {
        "heatmap": np.stack([heat, weight], -1),
        "offset": np.concatenate([way * near[..., None], near[..., None]], -1),
        "strength": np.stack([strength * near, near], -1),
    }


def make_losses(loss=None, **_):
    """Loss of each output."""
    return {
        "heatmap": losses.weighted(losses.pixel_loss(**(loss or {"name": "focal"}))),
        "offset": losses.weighted(losses.huber),
        "strength": losses.weighted(losses.huber),
    }


def to_maps(outputs):
    """Convert outputs to maps (batch, [channel,] y, x) that localizers take."""
    return {
        "probability": losses.probability(outputs["heatmap"]),
        "offset": np.moveaxis(np.asarray(outputs["offset"]), -1, 1),
        "strength": np.asarray(outputs["strength"])[..., 0],
    }
