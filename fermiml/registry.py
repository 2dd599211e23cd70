"""Parts by name: fermiml's own, and those that other packages offer through entry points."""

import logging
from functools import cache, cached_property
from importlib import import_module
from importlib.metadata import entry_points

from fermiml.errors import InputError

log = logging.getLogger(__name__)


class Registry:
    """The parts of one kind: loaded by name, when they are asked for.

    Parameters
    ----------
    group : str
        Group of entry points in which other packages offer theirs.
    kind : str
        What such a part is called in messages.
    own : dict
        Name to ``"module"`` or ``"module:attribute"`` of what comes with fermiml; another package
        cannot take one of these names.
    """

    def __init__(self, group, kind, own):
        self.group, self.kind, self.own = group, kind, own

    def names(self):
        """Names of all parts, fermiml's own first."""
        return [*self.own, *self._others]

    def __contains__(self, name):
        return name in self.own or name in self._others

    def load(self, name):
        """The part of a name."""
        if name in self.own:
            module, _, attribute = self.own[name].partition(":")
            part = import_module(module)
            return getattr(part, attribute) if attribute else part
        if name in self._others:
            return self._load_other(name)
        raise InputError(
            f"unknown {self.kind} {name!r}: known are {', '.join(map(str, self.names()))}"
        )

    @cached_property
    def _others(self):
        """Entry points of other packages by name."""
        found = {}
        for point in entry_points(group=self.group):
            if point.name in self.own or point.name in found:
                _warn_once(f"{_origin(point)} offers a {self.kind} {point.name!r}, "
                           "which exists already; it is ignored")  # fmt: skip
            else:
                found[point.name] = point
        return found

    def _load_other(self, name):
        point = self._others[name]
        try:
            return point.load()
        except Exception as error:  # whatever the other package does on import
            raise InputError(
                f"{self.kind} {name!r} of {_origin(point)} cannot be loaded: "
                f"{type(error).__name__}: {error}"
            ) from error

    def loadable(self):
        """(name, part) of all parts; one that cannot be loaded gives one warning that names it."""
        for name in self.names():
            try:
                yield name, self.load(name)
            except InputError as error:
                _warn_once(str(error))


def _origin(point):
    return f"package {point.dist.name}" if point.dist else f"entry point {point.value}"


@cache
def _warn_once(text):
    log.warning("%s", text)
