"""Settings that are numbers: checked, and with or without an astropy unit."""

import math
import numbers

from fermiml.errors import InputError


def value_in(value, unit, name, low=-math.inf, high=math.inf):
    """A setting as a float in its documented unit.

    Parameters
    ----------
    value : float or astropy.units.Quantity
        A plain number is taken to be in `unit`.
    unit : str
        Unit of the setting, such as "deg"; "" for a pure number.
    name : str
        What the setting is called in messages.
    low, high : float
        Least and largest value.

    Raises
    ------
    InputError
        If it is no number, has a unit that does not fit, or is out of range.

    Examples
    --------
    >>> from astropy import units as u
    >>> value_in(30 * u.arcmin, "deg", "separation")
    0.5
    """
    number = _plain(value, unit)
    if number is None or not low <= number <= high:
        wanted = f"a number{_range(low, high)}" + (f", in {unit}," if unit else "")
        raise InputError(f"{name} is {value}: {wanted} was expected")
    return number


def whole(value, name, low=0):
    """A setting that is a whole number, at least `low`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < low:
        raise InputError(f"{name} is {value}: a whole number, at least {low}, was expected")
    return int(value)


def switch(value, name):
    """A setting that is True or False."""
    if not isinstance(value, bool):
        raise InputError(f"{name} is {value!r}: True or False was expected")
    return value


def _plain(value, unit):
    """The number in a unit; None where there is none."""
    if hasattr(value, "to_value"):
        from astropy.units import UnitConversionError

        try:
            value = value.to_value(unit)
        except UnitConversionError:
            return None
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value):
        return None
    return float(value)


def _range(low, high):
    if math.isfinite(low) and math.isfinite(high):
        return f" from {low:g} to {high:g}"
    if math.isfinite(low):
        return f" of at least {low:g}"
    return f" of at most {high:g}" if math.isfinite(high) else ""
