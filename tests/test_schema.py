"""Values of settings: kinds, limits, units, and short messages."""

import numpy as np
import pytest
from astropy import units as u

from fermiml import InputError
from fermiml.schema import flag, number, whole


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [(2, "deg", 2.0), (30 * u.arcmin, "deg", 0.5), (1 * u.GeV, "MeV", 1000.0),
     ("1e-10", None, 1e-10), (np.float32(2.5), None, 2.5), (5 * u.one, None, 5.0)],
)  # fmt: skip
def test_plain_numbers_and_quantities(value, unit, expected):
    found = number(unit=unit)("it", value)
    assert type(found) is float and found == pytest.approx(expected)


@pytest.mark.parametrize(
    "value", ["two", True, np.nan, np.inf, 1 * u.s, [1, 2], [1, 2] * u.deg, 181 * u.deg, 10**400]
)
def test_what_is_no_number_or_out_of_range_is_rejected(value):
    with pytest.raises(InputError, match=r"^it: .* is not (a number|in units of deg)"):
        number(0, 180, unit="deg")("it", value)


def test_whole_numbers_and_flags():
    assert type(whole()("n", np.int64(3))) is int
    for wrong in (2.5, True, -1, "three", float("inf")):
        with pytest.raises(InputError, match=r"^n: .* is not a (whole )?number"):
            whole()("n", wrong)
    assert flag("s", False) is False
    with pytest.raises(InputError, match="s: 0 is neither true nor false"):
        flag("s", 0)


def test_messages_stay_short():
    endless = []
    endless.append(endless)
    for value in (["x" * 1000] * 1000, endless, {"a": {"b": {"c": {"d": {"e": {}}}}}}, "y" * 10**6):
        with pytest.raises(InputError) as caught:
            number()("it", value)
        assert len(str(caught.value)) < 400
