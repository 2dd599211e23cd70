"""The options of `ml_seed` are checked before anything runs."""

import pytest

from fermiml import InputError
from fermiml.fermipy import options, seed_spectra


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


@pytest.mark.parametrize(
    "section, message",
    [
        ({"free_params": ["prefactor"]}, "free_params: PowerLaw has no prefactor; it has Prefac"),
        ({"free_params": ["Prefactor"], "model": {"SpectrumType": "LogParabola"}}, "has norm, al"),
        ({"model": {"SpectrumType": "PowerLow"}}, "SpectrumType 'PowerLow' is not known: Power"),
        ({"model": {"Idnex": 2}}, "PowerLaw has no Idnex; it has Prefactor, Index"),
        ({"model": {"SpatialModel": "Disc"}}, "SpatialModel 'Disc' is not known: PointSource"),
        ({"model": {"SpatialWidth": 0.3}}, "no SpatialWidth"),
        ({"model": {"Index": [2, 3]}}, r"Index \[2, 3\] is not a number"),
    ],
)
def test_a_spectrum_that_fermipy_would_not_understand(section, message):
    with pytest.raises(InputError, match=message):
        options.check_section(section)


def test_spectra_that_exist():
    options.check_section({"model": {"SpectrumType": "LogParabola", "alpha": 2.2, "Eb": "1e3"},
                           "free_params": ["norm", "alpha"]})  # fmt: skip
    options.check_section({"model": {"SpatialModel": "RadialDisk", "SpatialWidth": 0.3}})


def test_parameters_are_those_of_the_fermitools():
    model_utils = pytest.importorskip("fermipy.model_utils")
    for kind, names in seed_spectra.PARAMETERS.items():
        assert sorted(model_utils.get_function_par_names(kind)) == sorted(names)


def test_ml_seed_before_setup():
    from fermiml.fermipy.mlseed import MLSeed

    analysis = MLSeed()
    analysis.like = None  # of a GTAnalysis until setup
    with pytest.raises(InputError, match=r"call gta.setup\(\) first"):
        analysis.ml_seed()


def test_an_empty_section():
    options.check_section({})
    with pytest.raises(InputError, match="ml_seed: expected options, not None"):
        options.check_section(None)


def test_options_are_in_fermipys_form():
    for default, text, kind in options.ML_SEED.values():
        assert text.endswith(".") and isinstance(kind, type)
        assert default is None or type(default) is kind
