"""Numbers with units: what callers may give as a Quantity."""


def value_in(value, unit, name):
    """A number in `unit`, of a Quantity or of a number that is in it already; InputError that
    names `name`."""
    if not hasattr(value, "unit"):
        return value
    from astropy import units as u

    from fermiml.errors import InputError

    try:
        return u.Quantity(value).to_value(unit)
    except u.UnitConversionError:
        raise InputError(f"{name}: {value} is not in units of {unit}") from None
