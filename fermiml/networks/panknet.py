"""A network like PankNet (after Proietto Salanitri et al. 2021), with the heads of `heatmap`.

Each scale of the encoder has a decoder of its own, which predicts maps at full resolution; the
answer combines the maps of all scales. The published encoder is three-dimensional and pretrained on
videos, ours is that of the U-Net.
"""

from fermiml.networks import heads, heatmap, unet
from fermiml.schema import whole

SUMMARY = "PankNet-like, a decoder for each scale: centre heatmap, offsets and strengths"
OPTIONS = {
    "widths": unet.OPTIONS["widths"],  # channels at each scale of the encoder
    "encoder": unet.OPTIONS["encoder"],  # and its convolutions there
    "decoder": 20,  # channels of all decoders
}
VECTORS, LOCALIZER, RADIUS = heatmap.VECTORS, heatmap.LOCALIZER, heatmap.RADIUS
make_targets, make_losses, to_maps = heatmap.make_targets, heatmap.make_losses, heatmap.to_maps
_MAPS = sum(channels for channels, _ in heatmap.HEADS.values())


def check(options):
    """Raise InputError if the options do not define a valid network."""
    whole(1, 256)("architecture.decoder", options["decoder"])
    scales = len(options["widths"])
    unet.check({**unet.OPTIONS, **options, "decoder": [1] * (scales - 1)})


def build(**options):
    """Build the network, which answers as `heatmap` does."""
    return heads.model(heatmap.HEADS, lambda inputs: _trunk(inputs, **{**OPTIONS, **options}))


def _trunk(inputs, widths, encoder, decoder):
    """Predict maps from every scale, each by itself."""
    from keras import layers

    predicted = []
    for level, x in enumerate(unet.encoded(inputs, widths, encoder)):
        x = unet.block(x, decoder, size=1)
        for _ in range(level):
            x = unet.block(layers.UpSampling2D()(x), decoder)
        predicted.append(layers.Conv2D(_MAPS, 1)(x))
    return layers.Concatenate()(predicted)
