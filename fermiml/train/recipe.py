"""The YAML that describes a training: its keys, their defaults, and what is wrong with one."""

import copy
from pathlib import Path

from fermiml import networks
from fermiml.errors import InputError
from fermiml.networks import losses, unet
from fermiml.yamlfile import read_settings, refuse_unknown

# Section -> key -> default; `...` for what must be given.
SCHEMA = {
    "seed": 1,
    "network": ...,  # unek, centroid or best
    "turns": 1,  # quarter turns of the sky over which the trained network is averaged: 1, 2 or 4
    "architecture": {
        "widths": list(unet.WIDTHS),  # channels at each scale
        "encoder": list(unet.ENCODER),  # convolutions at each scale on the way down
        "decoder": list(unet.DECODER),  # and on the way up
        "classes": False,  # unek: tell AGN from PSR, too
        "raw": False,  # ablation: counts and what part is observed, no other evidence
    },
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
        if isinstance(SCHEMA[name], dict):
            refuse_unknown(value, SCHEMA[name], f"{name}.")
            recipe[name].update(value)
        else:
            recipe[name] = value
    if recipe["network"] is ...:
        raise InputError(f"network is missing: one of {', '.join(networks.KINDS)}")
    if recipe["training"]["fields"] is ...:
        raise InputError("training.fields is missing: folders that `fermiml simulate` made")
    networks.kind(recipe["network"])
    _check_values(recipe)
    return recipe


def loss_options(recipe):
    """Name and options of the loss of pixels; None for the network's own."""
    loss = recipe["loss"]
    if loss["name"] is None:
        return None
    losses.pixel_loss(loss["name"])
    return loss if loss["name"] == "focal" else {"name": loss["name"]}


def _check_values(recipe):
    loss_options(recipe)
    training, shape = recipe["training"], recipe["architecture"]
    for key in ("epochs", "patches", "batch", "rate"):
        value = training[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise InputError(f"training.{key}: {value!r} is no positive number")
    if recipe["turns"] not in (1, 2, 4):
        raise InputError(f"turns: {recipe['turns']!r} is not 1, 2 or 4")
    if training["precision"] not in PRECISIONS:
        raise InputError(f"training.precision: one of {', '.join(PRECISIONS)}")
    for key in ("widths", "encoder", "decoder"):
        value = shape[key]
        if not isinstance(value, list) or not all(isinstance(v, int) and v > 0 for v in value):
            raise InputError(f"architecture.{key}: {value!r} is no list of positive integers")
    scales = len(shape["widths"])
    if len(shape["encoder"]) != scales or len(shape["decoder"]) != scales - 1:
        raise InputError(
            f"architecture: {scales} widths need {scales} encoder and {scales - 1} decoder counts"
        )
    if not 2 <= scales <= 5:
        raise InputError("architecture.widths: between 2 and 5 scales")
