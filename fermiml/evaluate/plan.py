"""The YAML of an evaluation: which skies, which methods."""

import copy
from pathlib import Path

from fermiml.errors import InputError
from fermiml.yamlfile import read_settings, refuse_unknown

SCHEMA = {
    "skies": ...,  # a folder that `fermiml simulate` made, a list of them, or {name: folder}
    "models": [],  # networks (name:localizer, or folders), traditional, traditional-wrong
    "background": "none",  # what networks are shown: none, background, background_wrong
    "catalogs": {},  # name -> folder with FIELD.fits for each field, or one catalog of all
    "emin": None,  # MeV: only bins above it, with the Asimov TS of these
    "cache": None,  # folder for what was found; by default in the output folder
}
_BACKGROUNDS = ("none", "background", "background_wrong")


def read(path):
    """A checked configuration; folders in it are relative to the file."""
    path = Path(path)
    return _resolved(read_settings(path, "an evaluation", check), path.parent)


def check(given):
    """All settings: the given ones, and the defaults of the others."""
    refuse_unknown(given, SCHEMA)
    config = copy.deepcopy(SCHEMA) | given
    if config["skies"] is ...:
        raise InputError("skies is missing: folders that `fermiml simulate` made")
    config["skies"] = _by_name(config["skies"], "skies")
    config["catalogs"] = _by_name(config["catalogs"] or {}, "catalogs")
    models = config["models"] or []
    config["models"] = [models] if isinstance(models, str) else models
    known = isinstance(config["models"], list)
    if not known or not all(isinstance(name, str) for name in config["models"]):
        raise InputError(f"models: {models!r} is no list of names")
    if config["background"] not in _BACKGROUNDS:
        raise InputError(f"background: one of {', '.join(_BACKGROUNDS)}")
    if config["emin"] is not None:
        try:
            config["emin"] = float(config["emin"])
        except (TypeError, ValueError):
            raise InputError(f"emin: {config['emin']!r} is no energy (MeV)") from None
    return config


def _by_name(entry, key):
    """{name: path} of a path, of a list of them, or of such a dictionary."""
    if isinstance(entry, str):
        entry = [entry]
    if isinstance(entry, list) and all(isinstance(path, str) for path in entry):
        entry = {Path(path).name: path for path in entry}
    if not isinstance(entry, dict) or not all(isinstance(v, str) for v in entry.values()):
        raise InputError(f"{key}: expected a folder, a list of folders, or name: folder")
    return {str(name): path for name, path in entry.items()}


def _resolved(config, folder):
    for key in ("skies", "catalogs"):
        config[key] = {k: folder / Path(v).expanduser() for k, v in config[key].items()}
    config["models"] = [_folder_or_name(name, folder) for name in config["models"]]
    if config["cache"]:
        config["cache"] = folder / Path(config["cache"]).expanduser()
    return config


def _folder_or_name(name, folder):
    """A network beside the file is that folder; any other name stays."""
    path, colon, localizer = name.partition(":")
    there = folder / Path(path).expanduser()
    return f"{there}{colon}{localizer}" if (there / "model.yaml").is_file() else name
