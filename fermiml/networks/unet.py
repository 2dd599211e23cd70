"""The U-Net that all networks share."""

import math

import numpy as np

from fermiml.errors import InputError
from fermiml.features.patch_features import CHANNELS, N_FEATURES
from fermiml.networks import arrays
from fermiml.networks.forward import UNet
from fermiml.networks.heads import model
from fermiml.schema import flag, list_of, whole
from fermiml.sky.bands import BANDS

_MOST_PARAMETERS = 5e7
_POSITIVE = list_of(whole(1, 100_000), most=10)

OPTIONS = {
    "widths": [20, 48, 96, 160],  # channels at each scale
    "encoder": [1, 2, 2, 2],  # convolutions at each scale on the way down
    "decoder": [1, 1, 1],  # and on the way up
    "skips": True,  # the way up is told the maps of the way down; without, an encoder-decoder
    "raw": False,  # ablation: counts and what part is observed, no other features
}


def check(options):
    """Raise InputError if the options do not define a valid U-Net, or one too large for memory."""
    for key in ("widths", "encoder", "decoder"):
        _POSITIVE(f"architecture.{key}", options[key])
    for key in ("skips", "raw"):
        flag(f"architecture.{key}", options[key])
    scales = len(options["widths"])
    if len(options["encoder"]) != scales or len(options["decoder"]) != scales - 1:
        raise InputError(
            f"architecture: {scales} widths need {scales} encoder and {scales - 1} decoder counts"
        )
    if not 2 <= scales <= 5:
        raise InputError("architecture.widths: between 2 and 5 scales")
    number = _count_parameters(**options)
    if number > _MOST_PARAMETERS:
        raise InputError(
            f"architecture: a network of {number:.2g} parameters is larger than "
            f"{_MOST_PARAMETERS:.2g}; use smaller widths"
        )


def _count_parameters(widths, encoder, decoder, **_):
    """Weights of the convolutions of 3 x 3 pixels, nearly all there are."""
    shapes = _shapes({}, widths, encoder, decoder)
    return sum(math.prod(shape) for shape in shapes if shape[:2] == (3, 3))


def pyramid(inputs, widths, encoder, decoder, skips, raw):
    """Compute maps from features (batch, y, x, plane): the finest, at full resolution, comes first,
    and each has half the resolution of the one before.

    With `raw` (an ablation) only counts and the observed fraction of each band are looked at.
    """
    from keras import layers

    seen = encoded(inputs * _raw_planes() if raw else inputs, widths, encoder)
    maps = [seen[-1]]
    for width, count, skip in zip(widths[-2::-1], decoder, seen[-2::-1], strict=True):
        x = layers.UpSampling2D()(block(maps[0], width, size=1))
        if skips:
            x = layers.Add()([x, skip])
        for _ in range(count):
            x = block(x, width)
        maps.insert(0, x)
    return maps


def encoded(inputs, widths, encoder):
    """Compute the maps of the way down, the finest first."""
    from keras import layers

    x = layers.BatchNormalization(center=False, scale=False)(inputs)
    maps = []
    for level, (width, count) in enumerate(zip(widths, encoder, strict=True)):
        for step in range(count):
            x = block(x, width, stride=2 if level and not step else 1)
        maps.append(x)
    return maps


def build(heads, **options):
    """Build a model from features to named maps of logits or values.

    Parameters
    ----------
    heads : dict
        As for `fermiml.networks.heads.model`.
    options : dict
        Those in `OPTIONS`; by default as there.
    """
    return model(heads, lambda inputs: pyramid(inputs, **{**OPTIONS, **options})[0])


def read(path, heads, **options):
    """Read weights for a network that answers without Keras."""
    options = {**OPTIONS, **options}
    planes = _raw_planes() if options.pop("raw") else None
    values, _ = arrays.read_weights(path, [*_shapes(heads, **options)])
    return UNet(values, heads, **options, planes=planes)


def _shapes(heads, widths, encoder, decoder, **_):
    """Yield the shapes of the model's variables, in their order."""
    yield from 2 * [(N_FEATURES,)]
    before = N_FEATURES
    for width, count in zip(widths, encoder, strict=True):
        for _ in range(count):
            yield from _block_shapes(before, width)
            before = width
    for width, count in zip(widths[-2::-1], decoder, strict=True):
        yield from _block_shapes(before, width, size=1)
        before = width
        for _ in range(count):
            yield from _block_shapes(width, width)
    for _, (channels, _) in sorted(heads.items()):
        yield 1, 1, before, channels
        yield (channels,)


def _block_shapes(before, width, size=3):
    """Shapes of a kernel and of a batch normalisation."""
    return [(size, size, before, width), *4 * [(width,)]]


def _raw_planes():
    """One for planes of counts and of coverage, zero for all other features."""
    kinds = np.repeat([kind in ("counts", "covered") for kind in CHANNELS], len(BANDS))
    return np.pad(kinds, (0, N_FEATURES - len(kinds))).astype(np.float32)


def block(x, width, size=3, stride=1):
    """Convolve, normalise and rectify."""
    from keras import layers

    x = layers.Conv2D(width, size, strides=stride, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return layers.Activation("relu")(x)
