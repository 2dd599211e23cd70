"""The YAML that describes a training: its keys, their defaults and their checks."""

import copy
from pathlib import Path

from fermiml import networks, schema
from fermiml.errors import InputError
from fermiml.localize import LOCALIZERS
from fermiml.networks import losses
from fermiml.schema import REQUIRED, Key, list_of, number, one_of, whole
from fermiml.yamlfile import read_settings

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
_FOLDERS = list_of(schema.path, least=1, single=True)


def _localizer(name, value):
    LOCALIZERS.check(schema.text(name, value))
    return value


SCHEMA = {
    "seed": Key(1, whole(0, 2**32 - 1)),
    "network": Key(REQUIRED, schema.text, "heatmap, say; see docs/architectures.md"),
    "turns": Key(1, one_of(1, 2, 4)),  # quarter turns over which the trained network is averaged
    "architecture": Key({}, schema.settings()),  # the options of that network, see its OPTIONS
    "loss": {
        "name": Key(None, one_of(*losses.PIXEL_LOSSES)),  # by default the network's own
        "alpha": Key(0.5, number(0, 1)),
        "gamma": Key(2.0, number(0, 100)),
        "near": Key(4.0, number(0, 100)),
    },
    "training": {
        "fields": Key(REQUIRED, _FOLDERS, "folders that `fermiml simulate` made"),
        "extended": Key(0.0, number(0, 100)),  # mean number of extended sources added to a patch
        "artefacts": Key(0.0, number(0, 100)),  # the same of clumps of gas, which are none
        "level": Key([0, 1e9], list_of(number(0), least=2, most=2)),  # counts a pixel, of patches
        "epochs": Key(50, whole(1, 1_000_000)),
        "patches": Key(2000, whole(1, 100_000_000)),  # in an epoch
        "batch": Key(16, whole(1, 4096)),
        "rate": Key(2e-3, number(above=0, high=10)),  # learning rate
        "warmup": Key(300, whole(0, 1_000_000_000)),  # steps
        "decay": Key(0.25, number(0, 1)),  # the last part of the steps, in which the rate falls
        "weight_decay": Key(0.01, number(0, 10)),
        "optimizer": Key("adamw", one_of("adamw", "sgd")),  # sgd: with momentum 0.9
        "heads_only": Key(False, schema.flag),  # the trunk stays as it is, see --from
        "encoder_held": Key(False, schema.flag),  # the way down of a U-Net stays, see --from
        "low_only": Key(False, schema.flag),  # all stays but what looks below 500 MeV
        "precision": Key("float32", one_of(*PRECISIONS)),
        "structure": Key(0.0, number(0, 2)),  # largest rms of gas structure that no model has
    },
    "selection": {
        "fields": Key(None, _FOLDERS),  # of training fields, for the loss on other skies
        "patches": Key(128, whole(1, 100_000_000)),
        "skies": Key(None, schema.path),  # of skies with truth, for calibration and threshold
        "localizers": Key([], list_of(_localizer, single=True)),  # by default the network's own
    },
}


def read(path):
    """Read and check a recipe; relative folders are relative to the file."""
    path = Path(path)
    recipe = read_settings(path, "a training", check)
    for section in ("training", "selection"):
        folders = recipe[section]["fields"] or []
        recipe[section]["fields"] = [str(path.parent / folder) for folder in folders]
    if recipe["selection"]["skies"]:
        recipe["selection"]["skies"] = str(path.parent / recipe["selection"]["skies"])
    return recipe


def check(given):
    """Check the given settings, and return them with the defaults of the others."""
    recipe = schema.check(SCHEMA, given)
    network = networks.get_architecture(recipe["network"])
    schema.refuse_unknown(recipe["architecture"], network.OPTIONS, "architecture.")
    recipe["architecture"] = {**copy.deepcopy(network.OPTIONS), **recipe["architecture"]}
    network.check(recipe["architecture"])
    if recipe["training"]["low_only"] and not networks.looks_low(network):
        raise InputError(
            f"training.low_only: {recipe['network']} does not look below 500 MeV, multi does"
        )
    return recipe


def loss_options(recipe):
    """Return name and options of the loss of pixels; None for the network's own."""
    loss = recipe["loss"]
    if loss["name"] is None:
        return None
    return loss if loss["name"] == "focal" else {"name": loss["name"]}
