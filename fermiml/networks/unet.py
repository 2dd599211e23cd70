"""The U-Net that all networks share."""

import numpy as np

from fermiml.features.patch_features import CHANNELS, PLANES
from fermiml.sky.bands import BANDS

WIDTHS = (20, 48, 96, 160)
ENCODER = (1, 2, 2, 2)  # convolutions at each scale on the way down
DECODER = (1, 1, 1)  # and on the way up


def features(inputs, widths=WIDTHS, encoder=ENCODER, decoder=DECODER, raw=False):
    """Feature maps at full resolution from the evidence (batch, y, x, plane).

    With `raw` (an ablation) only counts and the observed share of each band are looked at.
    """
    from keras import layers

    x = inputs * _raw_planes() if raw else inputs
    x = layers.BatchNormalization(center=False, scale=False)(x)
    skips = []
    for level, (width, count) in enumerate(zip(widths, encoder, strict=True)):
        for step in range(count):
            x = _block(x, width, stride=2 if level and not step else 1)
        skips.append(x)
    for width, count, skip in zip(widths[-2::-1], decoder, skips[-2::-1], strict=True):
        x = layers.UpSampling2D()(_block(x, width, size=1))
        x = layers.Add()([x, skip])
        for _ in range(count):
            x = _block(x, width)
    return x


def build(heads, **options):
    """A model from evidence to named maps of logits or values.

    Parameters
    ----------
    heads : dict
        Name to (number of channels, initial value of every pixel).
    options : dict
        Those of `features`.
    """
    import keras
    from keras import layers

    inputs = layers.Input((None, None, PLANES), name="evidence")
    x = features(inputs, **options)
    outputs = {
        name: layers.Conv2D(
            channels,
            1,
            name=name,
            dtype="float32",
            bias_initializer=keras.initializers.Constant(start),
        )(x)
        for name, (channels, start) in heads.items()
    }
    return keras.Model(inputs, outputs)


def _raw_planes():
    """One for planes of counts and of coverage, zero for all other evidence."""
    kinds = np.repeat([kind in ("counts", "covered") for kind in CHANNELS], len(BANDS))
    return np.pad(kinds, (0, PLANES - len(kinds))).astype(np.float32)


def _block(x, width, size=3, stride=1):
    from keras import layers

    x = layers.Conv2D(width, size, strides=stride, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return layers.Activation("relu")(x)
