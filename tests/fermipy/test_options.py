"""The options of `ml_seed` are checked before anything runs."""

import pytest

from fermiml import InputError
from fermiml.fermipy import options


def test_a_misspelt_option_is_named_with_the_allowed_ones():
    with pytest.raises(InputError, match=r"ml_seed\.sqrt_ts_treshold.*sqrt_ts_threshold"):
        options.check_section({"sqrt_ts_treshold": 4})
    with pytest.raises(InputError, match=r"bogus.*search_skydir"):
        options.check_arguments({"bogus": 1})
    options.check_arguments({"search_skydir": None, "loglevel": 10, "threshold": 0.5})


@pytest.mark.parametrize(
    "wrong",
    [
        {"threshold": 1.5},
        {"max_iter": 0},
        {"min_separation": -1},
        {"free_radius": "wide"},
        {"localize": 1},
        {"compare": "pgwave"},
        {"model": "PowerLaw"},
    ],
)
def test_values_that_make_no_sense(wrong):
    with pytest.raises(InputError, match=f"ml_seed.{next(iter(wrong))}"):
        options.check_section(wrong)


def test_an_empty_section():
    options.check_section({})
    with pytest.raises(InputError, match="ml_seed: expected options, not None"):
        options.check_section(None)


def test_options_are_in_fermipys_form():
    for default, text, kind in options.ML_SEED.values():
        assert text.endswith(".") and isinstance(kind, type)
        assert default is None or type(default) is kind
