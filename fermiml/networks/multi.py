"""The network `heatmap` with a sixth band, below 500 MeV, at the resolution of its photons.

It can be trained from the weights of a `heatmap`: the low band adds nothing at first, and nothing
wherever the data do not have it.
"""

from fermiml.errors import InputError
from fermiml.networks import heatmap, unet
from fermiml.networks.forward import LOW_SCALE
from fermiml.networks.heatmap import LOCALIZER, RADIUS, VECTORS, make_losses, make_targets, to_maps
from fermiml.schema import whole

__all__ = ["LOCALIZER", "RADIUS", "VECTORS", "make_losses", "make_targets", "to_maps"]

SUMMARY = "centre heatmap, with a sixth band from 100 MeV that enters at a coarser scale"
OPTIONS = {
    **{name: unet.OPTIONS[name] for name in ("widths", "encoder", "decoder")},
    "low": 32,  # channels of the layers that look at the low band
}
LOW = True


def check(options):
    """Raise InputError if the options do not define a valid network."""
    whole(1, 1000)("architecture.low", options["low"])
    unet.check({**unet.OPTIONS, **options})
    if len(options["widths"]) <= LOW_SCALE:
        raise InputError(f"architecture.widths: the low band needs {LOW_SCALE + 1} scales or more")


def build(**options):
    """Build the network: the outputs are those of `heatmap`."""
    return unet.build(heatmap.HEADS, **{**OPTIONS, **options})


def read(path, **options):
    """Read weights for a network that answers without Keras."""
    return unet.read(path, heatmap.HEADS, **{**OPTIONS, **options})
