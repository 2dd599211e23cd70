"""The YAML that describes a training: its keys, their defaults, and what is wrong with one."""

import copy
from pathlib import Path

from fermiml import networks
from fermiml.errors import InputError
from fermiml.networks import losses
from fermiml.yamlfile import read_settings, refuse_unknown

# Section -> key -> default; `...` for what must be given.
SCHEMA = {
    "seed": 1,
    "network": ...,  # one of fermiml.networks.ARCHITECTURES: unek, centroid, heatmap, ...
    "turns": 1,  # quarter turns of the sky over which the trained network is averaged: 1, 2 or 4
    "architecture": {},  # the options of that network, see its OPTIONS
    "loss": {"name": None, "alpha": 0.5, "gamma": 2.0, "near": 4.0},  # bce, focal or dice
    "training": {
        "fields": ...,  # folders of training fields
        "epochs": 50,
        "patches": 2000,  # in an epoch
        "batch": 16,
        "rate": 2e-3,  # learning rate
        "warmup": 300,  # steps
        "decay": 0.25,  # the last part of the steps, in which the rate falls to zero
        "weight_decay": 0.01,
        "precision": "float32",  # or mixed_bfloat16, mixed_float16
    },
    "selection": {
        "fields": None,  # folders of training fields, for the loss on other skies
        "patches": 128,
        "skies": None,  # folder of skies with truth, for calibration and threshold
        "localizers": [],  # by default the network's own
    },
}
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


def read(path):
    """A checked recipe; relative folders are relative to the file."""
    path = Path(path)
    recipe = read_settings(path, "a training", check)
    for section in ("training", "selection"):
        folders = recipe[section]["fields"] or []
        folders = [folders] if isinstance(folders, str) else folders
        recipe[section]["fields"] = [str(path.parent / folder) for folder in folders]
    if recipe["selection"]["skies"]:
        recipe["selection"]["skies"] = str(path.parent / recipe["selection"]["skies"])
    return recipe


def check(given):
    """All settings: the given ones, and the defaults of the others."""
    refuse_unknown(given, SCHEMA, "")
    recipe = copy.deepcopy(SCHEMA)
    for name, value in given.items():
        if name != "architecture" and isinstance(SCHEMA[name], dict):
            refuse_unknown(value, SCHEMA[name], f"{name}.")
            recipe[name].update(value)
        else:
            recipe[name] = value
    if recipe["network"] is ...:
        names = ", ".join(networks.ARCHITECTURES.names())
        raise InputError(f"network is missing: one of {names}")
    if recipe["training"]["fields"] is ...:
        raise InputError("training.fields is missing: folders that `fermiml simulate` made")
    recipe["architecture"] = _architecture(recipe)
    _check_values(recipe)
    return recipe


def _architecture(recipe):
    """All options of the network: the given ones, and the defaults of the others."""
    network = networks.get_architecture(recipe["network"])
    refuse_unknown(recipe["architecture"], network.OPTIONS, "architecture.")
    options = {**copy.deepcopy(network.OPTIONS), **recipe["architecture"]}
    network.check(options)
    return options


def loss_options(recipe):
    """Name and options of the loss of pixels; None for the network's own."""
    loss = recipe["loss"]
    if loss["name"] is None:
        return None
    losses.pixel_loss(loss["name"])
    return loss if loss["name"] == "focal" else {"name": loss["name"]}


def _check_values(recipe):
    loss_options(recipe)
    training = recipe["training"]
    for key in ("epochs", "patches", "batch", "rate"):
        value = training[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise InputError(f"training.{key}: {value!r} is no positive number")
    if recipe["turns"] not in (1, 2, 4):
        raise InputError(f"turns: {recipe['turns']!r} is not 1, 2 or 4")
    if training["precision"] not in PRECISIONS:
        raise InputError(f"training.precision: one of {', '.join(PRECISIONS)}")
