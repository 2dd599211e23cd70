"""An untrusted YAML file, read with the safe loader and within limits."""

import itertools
import os

import yaml

from fermiml.errors import InputError
from fermiml.files import check_input

_LARGEST = 2**21  # bytes
_DEEPEST = 50  # levels
_MOST = 200_000  # values, with those that aliases stand for
# What PyYAML lets pass of tags and numbers that are wrong (`!!int x`, the 99th of a month).
_FAULTS = (ValueError, OverflowError, TypeError, AttributeError, LookupError)


class _Loader(yaml.SafeLoader):
    """Refuses what a small file can blow up to: deep nesting, and aliases of aliases."""

    def __init__(self, stream):
        super().__init__(stream)
        self._open = 0  # values that have begun and not ended
        self._extent = {}  # id of a complete one -> values in it, levels of nesting

    def compose_node(self, parent, index):
        is_alias = self.check_event(yaml.AliasEvent)
        self._open += 1
        _limit("nested", self._open, _DEEPEST, "levels")
        node = super().compose_node(parent, index)
        self._open -= 1
        if is_alias and id(node) not in self._extent:
            raise yaml.YAMLError("an alias stands inside what it names")
        self._extent[id(node)] = size, levels = self._measure(node)
        _limit("nested", levels, _DEEPEST, "levels")
        _limit("filled", max(size, len(self._extent)), _MOST, "values")
        return node

    def _measure(self, node):
        if isinstance(node, yaml.ScalarNode):
            return 1, 1
        if isinstance(node, yaml.MappingNode):
            _refuse_twice(node)
        is_list = isinstance(node, yaml.SequenceNode)
        parts = node.value if is_list else itertools.chain.from_iterable(node.value)
        extents = [self._extent[id(part)] for part in parts]
        return 1 + sum(e[0] for e in extents), 1 + max((e[1] for e in extents), default=0)


def _refuse_twice(node):
    """Refuse a mapping that has a key twice, of which PyYAML would take the last."""
    seen = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and (key.tag, key.value) in seen:
            line = key.start_mark.line + 1
            raise yaml.YAMLError(f"the key {key.value[:40]!r} stands there twice, line {line}")
        if isinstance(key, yaml.ScalarNode):
            seen.add((key.tag, key.value))


def _limit(how, number, most, what):
    if number > most:
        raise yaml.YAMLError(f"it is {how} with more than {most} {what}")


def read_yaml(path):
    """Read a YAML file (a Path); raise one clear error when it is not valid YAML."""
    check_input(path, "a YAML file")
    if path.stat().st_size > _LARGEST:
        raise InputError(f"{path}: is larger than {_LARGEST} bytes, too large for settings")
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except (yaml.YAMLError, *_FAULTS) as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"{path}: is not valid YAML ({reason})") from error


def read_settings(path, what, check):
    """Read a YAML file of settings through `check`; errors begin with the file's name.

    `what` says, in the error about a missing file, what it should hold.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file (a YAML that describes {what})")
    content = read_yaml(path)
    try:
        return check({} if content is None else content)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def take_settings(given, sections, read, check):
    """Return checked settings of a YAML file (its path), a dictionary, or keyword sections."""
    if not isinstance(given, str | os.PathLike):
        return check({**(given or {}), **sections})
    if sections:
        raise InputError(f"give a file or sections, not both: {given} and {', '.join(sections)}")
    return read(given)
