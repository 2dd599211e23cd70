"""Parts by name: fermiml's own, and those that other packages provide through entry points."""

import logging
from functools import cache, cached_property
from importlib import import_module
from importlib.metadata import entry_points

from fermiml.errors import InputError, type_and_message

log = logging.getLogger(__name__)


class Registry:
    """The parts of one kind, loaded by name on request.

    Parameters
    ----------
    group : str
        Group of entry points through which other packages provide theirs.
    kind : str
        Name of such a part in messages.
    own : dict
        Name to ``"module"`` or ``"module:attribute"`` of fermiml's own parts; another package
        cannot use these names.
    needs : sequence of str
        Attributes that a part of another package must have.
    taken : sequence of str
        Further names that another package cannot use.
    """

    def __init__(self, group, kind, own=(), needs=(), taken=()):
        self.group, self.kind, self.own = group, kind, dict(own)
        self._needs, self._taken = needs, {*self.own, *taken}

    def names(self):
        """Return the names of all parts, fermiml's own first."""
        return [*self.own, *self._others]

    def __contains__(self, name):
        return name in self.names()

    def load(self, name):
        """Load the part of this name."""
        self.check(name)
        if name not in self.own:
            return self._load_other(name)
        module, _, attribute = self.own[name].partition(":")
        part = import_module(module)
        return getattr(part, attribute) if attribute else part

    def check(self, name):
        """Raise InputError if there is no such part."""
        if name not in self:
            raise InputError(
                f"unknown {self.kind} {name!r}: known are {', '.join(map(str, self.names()))}"
            )

    def origin(self, name):
        """Return where a part of another package comes from."""
        return _origin(self._others[name])

    def problem(self, name, text):
        """Build the error that says what is wrong with a part of another package."""
        return InputError(f"{self.kind} {name!r} of {self.origin(name)} {text}")

    @cached_property
    def _others(self):
        """Entry points of other packages by name."""
        found = {}
        for point in entry_points(group=self.group):
            if point.name in self._taken or point.name in found:
                _warn_once(f"{_origin(point)} offers a {self.kind} {point.name!r}, "
                           "which exists already; it is ignored")  # fmt: skip
            else:
                found[point.name] = point
        return found

    def _load_other(self, name):
        try:
            part = self._others[name].load()
        except (Exception, SystemExit) as error:  # whatever the other package does on import
            raise self.problem(name, f"cannot be loaded: {type_and_message(error)}") from error
        missing = [member for member in self._needs if not hasattr(part, member)]
        if missing:
            raise self.problem(name, f"lacks {', '.join(missing)}")
        return part

    def loadable(self):
        """Yield (name, part) of all parts; warn once, by name, of one that cannot be loaded."""
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
