"""The U-Net that all networks share.

With `low`, a number of channels, it also looks at the band below 500 MeV. Photons of that band have
a PSF of several degrees, so it enters where pixels are four times as large as those of the patch,
and only where the data have it.
"""

import math

from fermiml.errors import InputError
from fermiml.features.patch_features import LOW_LABELS, LOW_PIXELS, N_ALL, N_FEATURES
from fermiml.networks import arrays, raw_counts
from fermiml.networks.forward import LOW_SCALE, UNet
from fermiml.networks.heads import model
from fermiml.schema import flag, list_of, whole

_MOST_PARAMETERS = 5e7
LOW = "low"  # the layer that looks at the low band
ENCODER = "encoder"  # with which the names of the layers on the way down begin
_LOW_LAYERS = 2
_POSITIVE = list_of(whole(1, 100_000), most=10)

OPTIONS = {
    "widths": [20, 48, 96, 160],  # channels at each scale
    "encoder": [1, 2, 2, 2],  # convolutions at each scale on the way down
    "decoder": [1, 1, 1],  # and on the way up
    "skips": True,  # the way up is told the maps of the way down; without, an encoder-decoder
    "raw": False,  # ablation: counts and what part is observed, see raw_counts.py
}


def check(options):
    """Raise InputError if the options do not define a valid U-Net, or one too large for memory."""
    for key in ("widths", "encoder", "decoder"):
        _POSITIVE(f"architecture.{key}", options[key])
    flag("architecture.skips", options["skips"])
    raw_counts.check("architecture.raw", options["raw"])
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


def _count_parameters(widths, encoder, decoder, low=0, **_):
    """Weights of the convolutions of 3 x 3 pixels, nearly all there are."""
    shapes = _shapes({}, widths, encoder, decoder, low)
    return sum(math.prod(shape) for shape in shapes if shape[:2] == (3, 3))


def pyramid(inputs, widths, encoder, decoder, skips, raw, low=0):
    """Compute maps from features (batch, y, x, plane): the finest, at full resolution, comes first,
    and each has half the resolution of the one before.

    With `raw` (an ablation) only counts and the observed fraction of each band are looked at.
    """
    from keras import layers, ops

    x = inputs[..., :N_FEATURES] if low else inputs
    added = {LOW_SCALE: _low_band(inputs, low, widths[LOW_SCALE])} if low else {}
    seen = encoded(raw_counts.scaled(x, raw, ops) if raw else x, widths, encoder, added)
    maps = [seen[-1]]
    for width, count, skip in zip(widths[-2::-1], decoder, seen[-2::-1], strict=True):
        x = layers.UpSampling2D()(block(maps[0], width, size=1))
        if skips:
            x = layers.Add()([x, skip])
        for _ in range(count):
            x = block(x, width)
        maps.insert(0, x)
    return maps


def encoded(inputs, widths, encoder, added=None):
    """Compute the maps of the way down, the finest first, with what is `added` at some scales."""
    from keras import layers

    x = layers.BatchNormalization(center=False, scale=False, name=ENCODER)(inputs)
    maps = []
    for level, (width, count) in enumerate(zip(widths, encoder, strict=True)):
        for step in range(count):
            stride = 2 if level and not step else 1
            x = block(x, width, stride=stride, name=f"{ENCODER}_{level}_{step}")
        if level in (added or {}):
            x = layers.Add()([x, added[level]])
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
    planes = N_ALL if options.get("low") else N_FEATURES
    return model(heads, lambda inputs: pyramid(inputs, **{**OPTIONS, **options})[0], planes)


def read(path, heads, **options):
    """Read weights for a network that answers without Keras."""
    options = {**OPTIONS, **options}
    values, _ = arrays.read_weights(path, [*_shapes(heads, **options)])
    low = _LOW_LAYERS if options.pop("low", 0) else 0
    return UNet(values, heads, **options, low=low)


def _shapes(heads, widths, encoder, decoder, low=0, **_):
    """Yield the shapes of the model's variables, in their order."""
    yield from 2 * [(N_FEATURES,)]
    before = N_FEATURES
    for level, (width, count) in enumerate(zip(widths, encoder, strict=True)):
        for _ in range(count):
            yield from _block_shapes(before, width)
            before = width
        if low and level == LOW_SCALE:
            yield from _low_shapes(low, width)
    for width, count in zip(widths[-2::-1], decoder, strict=True):
        yield from _block_shapes(before, width, size=1)
        before = width
        for _ in range(count):
            yield from _block_shapes(width, width)
    for _, (channels, _) in sorted(heads.items()):
        yield 1, 1, before, channels
        yield (channels,)


def _low_shapes(low, width):
    yield from 2 * [(len(LOW_LABELS),)]
    for before in (len(LOW_LABELS), low):
        yield from _block_shapes(before, low)
    yield 1, 1, low, width
    yield (width,)


def _block_shapes(before, width, size=3):
    """Shapes of a kernel and of a batch normalisation."""
    return [(size, size, before, width), *4 * [(width,)]]


def _low_band(inputs, low, width):
    """Compute what the low band adds to maps of `width` channels; at first nothing."""
    from keras import Sequential, layers, ops

    pooled = layers.AveragePooling2D(LOW_PIXELS)(inputs[..., N_FEATURES:])
    # These features are far from normal ones, and a short training has to learn how far.
    parts = [layers.BatchNormalization(center=False, scale=False, momentum=0.9)]
    for _ in range(_LOW_LAYERS):
        parts += _block_layers(low)
    parts.append(layers.Conv2D(width, 1, kernel_initializer="zeros"))
    return Sequential(parts, name=LOW)(pooled) * ops.sign(pooled[..., -1:])


def block(x, width, size=3, stride=1, name=None):
    """Convolve, normalise and rectify."""
    for layer in _block_layers(width, size, stride, name):
        x = layer(x)
    return x


def _block_layers(width, size=3, stride=1, name=None):
    from keras import layers

    conv, norm, relu = (name and f"{name}_{part}" for part in ("conv", "norm", "relu"))
    return [
        layers.Conv2D(width, size, strides=stride, padding="same", use_bias=False, name=conv),
        layers.BatchNormalization(name=norm),
        layers.Activation("relu", name=relu),
    ]
