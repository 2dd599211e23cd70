"""The U-Net that all networks share."""

import numpy as np

from fermiml.errors import InputError
from fermiml.features.patch_features import CHANNELS, N_FEATURES
from fermiml.sky.bands import BANDS

OPTIONS = {
    "widths": [20, 48, 96, 160],  # channels at each scale
    "encoder": [1, 2, 2, 2],  # convolutions at each scale on the way down
    "decoder": [1, 1, 1],  # and on the way up
    "raw": False,  # ablation: counts and what part is observed, no other features
}


def check(options):
    """Raise InputError where options make no U-Net."""
    for key in ("widths", "encoder", "decoder"):
        value = options[key]
        if not isinstance(value, list) or not all(type(v) is int and v > 0 for v in value):
            raise InputError(f"architecture.{key}: {value!r} is no list of positive integers")
    scales = len(options["widths"])
    if len(options["encoder"]) != scales or len(options["decoder"]) != scales - 1:
        raise InputError(
            f"architecture: {scales} widths need {scales} encoder and {scales - 1} decoder counts"
        )
    if not 2 <= scales <= 5:
        raise InputError("architecture.widths: between 2 and 5 scales")


def trunk(inputs, widths, encoder, decoder, raw):
    """Maps at full resolution from features (batch, y, x, plane).

    With `raw` (an ablation) only counts and the observed fraction of each band are looked at.
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
    """A model from features to named maps of logits or values.

    Parameters
    ----------
    heads : dict
        Name to (number of channels, initial value of every pixel).
    options : dict
        Those in `OPTIONS`; by default as there.
    """
    import keras
    from keras import layers

    inputs = layers.Input((None, None, N_FEATURES), name="features")
    x = trunk(inputs, **{**OPTIONS, **options})
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
    """One for planes of counts and of coverage, zero for all other features."""
    kinds = np.repeat([kind in ("counts", "covered") for kind in CHANNELS], len(BANDS))
    return np.pad(kinds, (0, N_FEATURES - len(kinds))).astype(np.float32)


def _block(x, width, size=3, stride=1):
    from keras import layers

    x = layers.Conv2D(width, size, strides=stride, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return layers.Activation("relu")(x)
