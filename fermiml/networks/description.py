"""The description of a network, model.yaml: its schema, and the hash that protects it.

`sha256` is the hash of the weights; `description_sha256` covers it and all else that results depend
on. Folders of fermiml 0.1 have only the first.
"""

import hashlib
import json

import yaml

from fermiml import networks, schema
from fermiml.errors import InputError
from fermiml.files import write_text
from fermiml.schema import REQUIRED, Key, list_of, number, one_of, whole
from fermiml.yamlfile import read_settings

NAME = "model.yaml"
_HASH = "description_sha256"
_COVERED = ("network", "architecture", "turns", "sha256", "operating")
_NEEDED = "a network that `fermiml train` made has it"
_POINT = {
    "intercept": Key(REQUIRED, number(), _NEEDED),
    "slopes": Key(REQUIRED, list_of(number(), least=1, most=4), _NEEDED),
    "threshold": Key(REQUIRED, number(0, 1), _NEEDED),
    "completeness": Key(REQUIRED, number(0, 1, unknown=True), _NEEDED),
    "sources": Key(REQUIRED, whole(), _NEEDED),
}


def _point(*slopes):
    """Build the check of an operating point with one of these numbers of slopes.

    See `fermiml.detect.calibration.features`.
    """

    def kind(name, value):
        point = schema.check(_POINT, value, f"{name}.")
        if len(point["slopes"]) not in slopes:
            wanted = " or ".join(map(str, slopes))
            raise InputError(f"{name}.slopes: {len(point['slopes'])} numbers instead of {wanted}")
        return point

    return kind


_MODES = {
    "photometry": Key(REQUIRED, _point(2, 4), _NEEDED),
    "score": Key(REQUIRED, _point(1), _NEEDED),
}


def _modes(name, value):
    return schema.check(_MODES, value, f"{name}.")


_SCHEMA = {
    "network": Key(REQUIRED, schema.text, _NEEDED),
    "architecture": Key(REQUIRED, schema.settings(), _NEEDED),
    "best_at": Key("", schema.text),
    "turns": Key(1, one_of(1, 2, 4)),
    "sha256": Key(REQUIRED, schema.text, _NEEDED),
    _HASH: Key(None, schema.text),
    "trained": Key({}, schema.settings({
        "patches": Key(0, whole()),
        "from": Key("", schema.text),
        "patches before": Key(0, whole()),
    })),
    "operating": Key({}, schema.by_name(_modes)),
}  # fmt: skip


def read(folder):
    """Read and check the description of the network in a folder."""
    return read_settings(folder / NAME, "a network of fermiml", _checked)


def write(content, folder):
    """Write a description, with the hash that covers it."""
    content = {**content, _HASH: _hash(content)}
    text = yaml.safe_dump(content, sort_keys=False)
    write_text(folder / NAME, text, overwrite=True)


def options(content):
    """Options of the network that a recipe or a description names, all of them."""
    architecture = networks.ARCHITECTURES.load(networks.canonical(content["network"]))
    known = architecture.OPTIONS
    given = {key: value for key, value in content["architecture"].items() if key in known}
    return {**known, **given}


def _checked(content):
    schema.check(_SCHEMA, content)
    architecture = networks.ARCHITECTURES.load(networks.canonical(content["network"]))
    architecture.check(options(content))
    if content.get(_HASH) not in (None, _hash(content)):
        raise InputError(
            f"has changed since it was written ({_HASH} differs); use the original, or train "
            "or calibrate the network again"
        )
    # A key without a value has its default, like one that is absent.
    return {key: value for key, value in content.items() if value is not None}


def _hash(content):
    """Hash of all that results depend on."""
    covered = {key: content[key] for key in _COVERED if key in content}
    return hashlib.sha256(json.dumps(covered, sort_keys=True).encode()).hexdigest()
