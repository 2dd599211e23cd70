"""Settings with and without units."""

import numpy as np
import pytest
from astropy import units as u

from fermiml import InputError
from fermiml.quantities import switch, value_in, whole


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [(2, "deg", 2.0), (30 * u.arcmin, "deg", 0.5), (1 * u.GeV, "MeV", 1000.0),
     (np.float32(2.5), "", 2.5), (5 * u.one, "", 5.0)],
)  # fmt: skip
def test_plain_numbers_and_quantities(value, unit, expected):
    number = value_in(value, unit, "it")
    assert type(number) is float and number == pytest.approx(expected)


@pytest.mark.parametrize(
    "value", ["2", None, True, np.nan, np.inf, 1 * u.s, [1, 2], [1, 2] * u.deg, 181 * u.deg]
)
def test_what_is_no_number_or_out_of_range_is_refused(value):
    with pytest.raises(InputError, match=r"^it is .*: a number from 0 to 180, in deg, was expec"):
        value_in(value, "deg", "it", 0, 180)


def test_whole_numbers_and_switches():
    assert type(whole(np.int64(3), "n")) is int
    for wrong in (2.0, True, -1, "3"):
        with pytest.raises(InputError, match="a whole number, at least 0, was expected"):
            whole(wrong, "n")
    assert switch(False, "s") is False
    with pytest.raises(InputError, match="s is 0: True or False was expected"):
        switch(0, "s")
