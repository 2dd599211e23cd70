"""The schema of settings: keys, defaults, and the type and limits of each value.

A schema is a dictionary: key -> `Key`, or section -> such a dictionary. A kind is a function
``kind(name, value)`` that gives the value as it is used, or raises `InputError`. Where settings say
nothing, or null, the default stands.
"""

import copy
import math
import os
import reprlib
from collections.abc import Callable
from typing import NamedTuple

from fermiml.errors import InputError

REQUIRED = object()  # the default of what must be given
_MOST_ENTRIES = 100_000  # of a list


class Key(NamedTuple):
    """A value of a schema."""

    default: object
    kind: Callable
    what: str = ""  # what to give, where it is required


def check(schema, given, where=""):
    """Return all values of a schema, checked: those given, and the defaults of the others."""
    refuse_unknown(given, schema, where)
    return {name: _value(f"{where}{name}", entry, given.get(name))
            for name, entry in schema.items()}  # fmt: skip


def check_given(schema, given, where=""):
    """Check and return only the given values; the others stay absent."""
    refuse_unknown(given, schema, where)
    return {name: _value(f"{where}{name}", schema[name], value) for name, value in given.items()}


def _value(name, entry, value):
    if isinstance(entry, dict):
        return check(entry, {} if value is None else value, f"{name}.")
    if value is not None:
        return entry.kind(name, value)
    if entry.default is REQUIRED:
        raise InputError(f"{name} is missing: {entry.what}")
    return copy.deepcopy(entry.default)


def refuse_unknown(given, known, where=""):
    """Raise an error that names keys which do not exist, and lists those that do."""
    if not isinstance(given, dict):
        section = f"{where.rstrip('.: ')}: " if where else ""
        raise InputError(f"{section}expected settings (key: value), not {shown(given)}")
    unknown = [f"{where}{key if isinstance(key, str) and len(key) < 60 else shown(key)}"
               for key in given if key not in known]  # fmt: skip
    if unknown:
        more = ", ..." if len(unknown) > 5 else ""
        raise InputError(
            f"unknown key {', '.join(unknown[:5])}{more}: allowed are {', '.join(known)}"
        )


_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxstring = 3, 60
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxdict = _SHORT.maxset = 4


def shown(value):
    """Format a value for a message: in one line, and short however large or nested it is."""
    try:
        return " ".join(_SHORT.repr(value).split())
    except ValueError:  # an integer of thousands of digits
        return f"an enormous {type(value).__name__}"


def number(low=-math.inf, high=math.inf, *, above=None, below=None, unit=None, unknown=False):
    """Accept a finite number within limits, also written as text (as YAML reads 1e-10).

    A Quantity is converted to `unit`, in which plain numbers are; with `unknown` it may be NaN.
    """

    def kind(name, value):
        found = _as_float(name, _without_unit(name, value, unit or ""))
        good = low <= found <= high and math.isfinite(found)
        good &= (above is None or found > above) and (below is None or found < below)
        if not (good or (unknown and math.isnan(found))):
            raise InputError(f"{name}: {shown(value)} is not a number{limits}")
        return found

    limits = _limits(low, high, above, below)
    return kind


def whole(low=0, high=2**63 - 1):
    """Accept a whole number from `low` to `high`."""

    def kind(name, value):
        found = value if isinstance(value, int) else _as_float(name, value)
        if isinstance(value, bool) or not low <= found <= high or found != int(found):
            raise InputError(f"{name}: {shown(value)} is not a whole number{limits}")
        return int(found)

    limits = _limits(low, high)
    return kind


def _without_unit(name, value, unit):
    if not hasattr(value, "to_value"):
        return value
    from astropy.units import UnitConversionError

    try:
        return value.to_value(unit)
    except UnitConversionError:
        raise InputError(f"{name}: {value} is not in units of {unit or 'one'}") from None


def _as_float(name, value):
    try:
        if isinstance(value, bool):
            raise TypeError
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{name}: {shown(value)} is not a number") from None


def _limits(low, high, above=None, below=None):
    words = [("from", low), ("above", above), ("to", high), ("below", below)]
    return "".join(f" {word} {limit:.12g}" for word, limit in words
                   if limit is not None and math.isfinite(limit))  # fmt: skip


def text(name, value):
    """Accept a text."""
    if not isinstance(value, str):
        raise InputError(f"{name}: {shown(value)} is not text")
    return value


def path(name, value):
    """Accept the name of a file or folder."""
    if not isinstance(value, str | os.PathLike) or "\0" in os.fspath(value):
        raise InputError(f"{name}: {shown(value)} is not the name of a file or folder")
    return os.fspath(value)


def flag(name, value):
    """Accept true or false."""
    if not isinstance(value, bool):
        raise InputError(f"{name}: {shown(value)} is neither true nor false")
    return value


def one_of(*choices):
    """Accept one of some values."""

    def kind(name, value):
        if isinstance(value, bool) or not any(value == choice for choice in choices):
            known = ", ".join(map(str, choices))
            raise InputError(f"{name}: one of {known}, not {shown(value)}")
        return value

    return kind


def list_of(entry, *, least=0, most=_MOST_ENTRIES, single=False):
    """Accept a list, all of one kind; with `single` also one entry, as a list of one."""

    def kind(name, value):
        is_list = hasattr(value, "__len__") and not isinstance(value, str | bytes | dict)
        if not (is_list or single):
            raise InputError(f"{name}: {shown(value)} is not a list")
        value = value if is_list else [value]
        if not least <= len(value) <= most:
            raise InputError(f"{name}: a list of {len(value)}, expected {least} to {most} entries")
        return [entry(name, one) for one in value]

    return kind


def settings(schema=None):
    """Accept keys and values: those of a schema that are given, or any."""

    def kind(name, value):
        if schema is not None:
            return check_given(schema, value, f"{name}.")
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise InputError(f"{name}: expected settings (key: value), not {shown(value)}")
        return value

    return kind


def by_name(entry):
    """Accept any names, with values of one kind."""

    def kind(name, value):
        given = settings()(name, value)
        return {key: entry(f"{name}.{key}", one) for key, one in given.items()}

    return kind
