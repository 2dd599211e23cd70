"""The Tiramisu: a U-Net of dense blocks (after Jégou et al. 2017), with the heads of `heatmap`."""

from fermiml.errors import InputError
from fermiml.networks import heads, heatmap
from fermiml.schema import list_of, whole

SUMMARY = "Tiramisu of dense blocks: centre heatmap, offsets and strengths"
OPTIONS = {
    "first": 16,  # channels of the first convolution
    "growth": 12,  # channels that each layer of a dense block adds
    "layers": [1, 3, 6, 10],  # of the dense block at each scale; the same on the way up
}
VECTORS, LOCALIZER, RADIUS = heatmap.VECTORS, heatmap.LOCALIZER, heatmap.RADIUS
make_targets, make_losses, to_maps = heatmap.make_targets, heatmap.make_losses, heatmap.to_maps


def check(options):
    """Raise InputError if the options do not define a valid network."""
    for key in ("first", "growth"):
        whole(1, 256)(f"architecture.{key}", options[key])
    list_of(whole(1, 16), most=5)("architecture.layers", options["layers"])
    if len(options["layers"]) < 2:
        raise InputError("architecture.layers: between 2 and 5 scales")


def build(**options):
    """Build the network, which answers as `heatmap` does."""
    return heads.model(heatmap.HEADS, lambda inputs: _trunk(inputs, **{**OPTIONS, **options}))


def _trunk(inputs, first, growth, layers):
    """Only what a block has added goes up to the next scale: all of it would be too wide."""
    from keras.layers import BatchNormalization, Concatenate, Conv2D, Conv2DTranspose, MaxPooling2D

    x = BatchNormalization(center=False, scale=False)(inputs)
    x = Conv2D(first, 3, padding="same", use_bias=False)(x)
    skips = []
    for count in layers[:-1]:
        x = Concatenate()([x, *_added(x, count, growth)])
        skips.append(x)
        x = Conv2D(x.shape[-1], 1, use_bias=False)(MaxPooling2D()(_rectified(x)))
    new = _added(x, layers[-1], growth)
    for count, skip in zip(layers[-2::-1], skips[::-1], strict=True):
        width = growth * len(new)
        x = Conv2DTranspose(width, 2, strides=2)(Concatenate()(new))
        x = Concatenate()([x, skip])
        new = _added(x, count, growth)
    return _rectified(Concatenate()([x, *new]))


def _added(x, count, growth):
    """Compute the maps that a dense block adds; each of its layers sees all before it."""
    from keras.layers import Concatenate, Conv2D

    new = []
    for _ in range(count):
        new.append(Conv2D(growth, 3, padding="same", use_bias=False)(_rectified(x)))
        x = Concatenate()([x, new[-1]])
    return new


def _rectified(x):
    from keras.layers import Activation, BatchNormalization

    return Activation("relu")(BatchNormalization()(x))
