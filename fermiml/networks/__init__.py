"""Networks that find sources in the features of a patch; one file for each architecture.

What an architecture is, and how another package adds one: `Architecture`.
"""

import os
from functools import cache
from typing import Protocol

from fermiml.cores import bound_tensorflow
from fermiml.errors import InputError
from fermiml.registry import Registry

# What TensorFlow says of its build and of absent GPUs tells a user nothing.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

_OLD_NAMES = {"best": "heatmap"}  # of fermiml 0.1; recipes and model folders still say so
_MEMBERS = ("SUMMARY", "LOCALIZER", "RADIUS", "OPTIONS", "VECTORS",
            "check", "build", "make_targets", "make_losses", "to_maps")  # fmt: skip
ARCHITECTURES = Registry(
    "fermiml.architectures",
    "network",
    {
        "unek": "fermiml.networks.unek",
        "centroid": "fermiml.networks.centroidnet",
        "heatmap": "fermiml.networks.heatmap",
        "tiramisu": "fermiml.networks.tiramisu",
        "panknet": "fermiml.networks.panknet",
        "direction": "fermiml.networks.direction",
        "grid": "fermiml.networks.grid",
        "set": "fermiml.networks.sets.set_predictor",
        "multi": "fermiml.networks.multi",
        "mask": "fermiml.networks.mask.architecture",
    },
    needs=_MEMBERS,
    taken=_OLD_NAMES,
)


class Architecture(Protocol):
    """A kind of network that `fermiml train` can build and train, and the meaning of its outputs.

    A module with these names is one. Another package offers its own as an entry point of the group
    ``fermiml.architectures``.

    Attributes
    ----------
    SUMMARY : str
        One line for `fermiml models`.
    LOCALIZER : str
        The localizer that its maps are made for.
    RADIUS : float
        Radius (pixels) at which the blobs in its map of probability fall to half their height.
    OPTIONS : dict
        The options of the network and their defaults: the section ``architecture`` of a recipe.
    VECTORS : tuple of str
        Outputs whose two channels are (dx, dy), and so turn when the sky is turned.
    """

    SUMMARY: str
    LOCALIZER: str
    RADIUS: float
    OPTIONS: dict
    VECTORS: tuple

    def check(self, options):
        """Raise InputError if the values of options (with all keys) do not define a valid
        network."""

    def build(self, **options):
        """Build a keras.Model from features (batch, y, x, plane) to outputs (batch, y, x, channel).

        Each output is the layer of that name; what lies before is the trunk, which a training
        can take over from another network (`fermiml train --from`).
        """

    def make_targets(self, patch, **options):
        """Make targets of a training patch: output name -> (y, x, channel), the last a weight."""

    def make_losses(self, loss=None, **options):
        """Output name -> loss; `loss` has the name and the options of that of pixels."""

    def to_maps(self, outputs):
        """Convert outputs by name to maps (batch, [channel,] y, x) that localizers take."""

    # Instead of `to_maps`, `to_instances(outputs, size, lowest)` returns for each patch of `size`
    # pixels what a `fermiml.networks.patch_instances.Instances` holds, above the score
    # `lowest`; such a network is its own localizer.

    # Optional: `LOW`, whether it looks at the band below 500 MeV; its features come last.

    # Optional: `read(path, **options)` reads weights that `fermiml train` has written, and returns
    # what answers like the Keras model, without Keras: an object with `predict_on_batch`.


def looks_low(architecture):
    """Return whether an architecture looks at the band below 500 MeV."""
    return getattr(architecture, "LOW", False)


def canonical(name):
    """Return the present name of an architecture."""
    return _OLD_NAMES.get(name, name)


def get_architecture(name):
    """Load an architecture by name."""
    return ARCHITECTURES.load(canonical(name))


@cache
def start_keras():
    """Take the first steps with Keras while standard error leads nowhere: TensorFlow writes there
    before anybody can tell it not to."""
    bound_tensorflow()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        import keras

        keras.ops.zeros(1)
    except ImportError as error:
        raise InputError(
            f"Keras does not start ({error}): install tensorflow, or name the backend that is "
            "installed, KERAS_BACKEND=jax or torch"
        ) from error
    finally:
        os.dup2(kept, 2)
        os.close(kept)
