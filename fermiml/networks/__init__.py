"""Networks that find sources in the evidence of a patch; one file for each kind."""

import os
from functools import cache
from importlib import import_module

from fermiml.errors import InputError

# What TensorFlow says of its build and of absent GPUs tells a user nothing.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# Kind -> module.
KINDS = {"unek": "unek", "centroid": "centroidnet", "best": "heatmap"}


def kind(name):
    """The module of a kind of network: build, make_targets, make_losses, to_maps."""
    if name not in KINDS:
        raise InputError(f"network '{name}' is not known; known are {', '.join(KINDS)}")
    _start_backend()
    return import_module(f"fermiml.networks.{KINDS[name]}")


@cache
def _start_backend():
    """Take the first steps with Keras while standard error leads nowhere: TensorFlow writes there
    before anybody can tell it not to."""
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        import keras

        keras.ops.zeros(1)
    finally:
        os.dup2(kept, 2)
        os.close(kept)
