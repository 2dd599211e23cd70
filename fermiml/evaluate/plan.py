"""The YAML of an evaluation: which skies, which methods."""

import os
from pathlib import Path

from fermiml import schema
from fermiml.schema import REQUIRED, Key, list_of, number, one_of
from fermiml.yamlfile import read_settings


def _by_name(name, value):
    """{name: path} of a path, of a list of them, or of such a dictionary."""
    if isinstance(value, dict):
        value = {str(key): one for key, one in value.items()}
        return schema.by_name(schema.path)(name, value)
    folders = list_of(schema.path, single=True)(name, value)
    return {Path(folder).name: folder for folder in folders}


_MADE = "folders that `fermiml simulate` made"
SCHEMA = {
    "skies": Key(REQUIRED, _by_name, _MADE),  # a folder, a list of them, or {name: folder}
    # networks (name:localizer, or folders), traditional, traditional-wrong
    "models": Key([], list_of(schema.text, single=True)),
    # what networks are shown
    "background": Key("none", one_of("none", "background", "background_wrong")),
    # name -> folder with FIELD.fits for each field, or one catalog of all
    "catalogs": Key({}, _by_name),
    "emin": Key(None, number(above=0, unit="MeV")),  # only bins above it, and their Asimov TS
    "cache": Key(None, schema.path),  # for what was found; by default in the output folder
}


def read(path):
    """Read and check a configuration; folders in it are relative to the file."""
    path = Path(path)
    return _resolved(read_settings(path, "an evaluation", check), path.parent)


def check(given):
    """All settings: the given ones, and the defaults of the others."""
    return schema.check(SCHEMA, given)


def check_catalogs(given):
    """{name: path} of catalogs that are given beside a plan."""
    return {} if given is None else _by_name("catalogs", given)


def _resolved(config, folder):
    for key in ("skies", "catalogs"):
        config[key] = {name: _beside(folder, path) for name, path in config[key].items()}
    config["models"] = [_folder_or_name(name, folder) for name in config["models"]]
    if config["cache"]:
        config["cache"] = _beside(folder, config["cache"])
    return config


def _beside(folder, path):
    return os.fspath(folder / Path(path).expanduser())


def _folder_or_name(name, folder):
    """Return the folder of a network that lies beside the file, any other name unchanged."""
    path, colon, localizer = name.partition(":")
    there = folder / Path(path).expanduser()
    return f"{there}{colon}{localizer}" if (there / "model.yaml").is_file() else name
