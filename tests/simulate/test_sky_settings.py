"""The YAML of a simulation: defaults, and errors that name the key and the allowed ones."""

from importlib import resources

import astropy.units as u
import pytest
import yaml
from astropy.coordinates import SkyCoord

from fermiml.errors import InputError
from fermiml.simulate import sky_settings

FIELD = {"sky": {"centers": [[30, 58]]}}


def test_defaults_are_filled_in():
    """A centre is enough."""
    settings = sky_settings.check(FIELD)
    assert settings["sky"]["width"] == 20.0
    assert settings["observation"]["irf"] == "P8R3_SOURCE_V3"
    assert settings["training"] is None
    assert sky_settings.SCHEMA["observation"]["event_types"].default == [3]  # is left alone
    assert sky_settings.check(settings) == settings


def test_numbers_may_be_written_as_yaml_reads_them():
    """YAML takes 1e-12 for a text."""
    text = yaml.safe_load("{sky: {nside: 4}, population: {faintest: 1e-11}}")
    assert sky_settings.check(text)["population"]["faintest"] == 1e-11


def test_angles_and_energies_may_have_units():
    given = {"centers": SkyCoord([30], [58], unit="deg", frame="galactic"), "width": 300 * u.arcmin}
    settings = sky_settings.check({"sky": given, "energy": {"edges": [1, 10] * u.GeV}})
    assert settings["sky"]["centers"] == [pytest.approx([30, 58])]
    assert settings["sky"]["width"] == 5
    assert settings["energy"]["edges"] == [1000, 10000]
    with pytest.raises(InputError, match=r"sky\.width: 3\.0 s is not in units of deg"):
        sky_settings.check({"sky": {"nside": 4, "width": 3 * u.s}})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({**FIELD, "seeed": 1}, "unknown key seeed: allowed are seed, sky, energy"),
        ({"sky": {"centers": [[1, 2]], "widht": 3}}, "sky.widht: allowed are centers, split"),
        ({}, "sky.centers, sky.split, sky.nside"),
        (
            {"sky": {"centers": [[1, 2]], "split": "test", "fields": 1}},
            "sky.centers and sky.split contradict",
        ),
        ({"sky": {"centers": [[1, 120]]}}, "not .l, b. in deg"),
        ({"sky": {"centers": 5}}, "sky.centers: 5 is not a list"),
        ({"sky": {"split": "train"}}, "sky.fields"),
        ({"sky": {"split": "tran", "fields": 2}}, "unknown split 'tran': known are train"),
        ({"sky": {"nside": 100}}, "power of two"),
        ({"sky": 3}, "sky: expected settings"),
        ({**FIELD, "energy": {"min": 10, "edges": [1, 2]}}, "energy.edges contradicts"),
        ({**FIELD, "energy": {"edges": [1000, 500]}}, "increasing"),
        ({**FIELD, "energy": {"min": 5000, "max": 1000}}, "energy.min is not below"),
        ({**FIELD, "energy": {"bins_per_decade": -1}}, "energy.bins_per_decade"),
        (
            {**FIELD, "observation": {"years": 2, "exposure": "e.fits"}},
            "observation.years and observation.exposure contradict",
        ),
        ({**FIELD, "observation": {"energy_dispersion": "yes"}}, "neither true nor false"),
        ({**FIELD, "observation": {"event_types": [5]}}, "event type 5"),
        ({**FIELD, "observation": {"event_types": 3}}, "event_types: 3 is not a list"),
        (
            {**FIELD, "population": {"preset": "F0"}},
            "preset: one of none, nominal, crowded, sparse",
        ),
        ({**FIELD, "diffuse": {"model": "split"}}, "split needs sky.split"),
        ({**FIELD, "diffuse": {"fine": "map.fits"}}, "diffuse.fine goes with a file"),
        ({**FIELD, "wrong": {"vary": {"norm": 1}}}, "wrong.vary.norm: allowed are norms"),
        ({**FIELD, "seed": "one"}, "seed: 'one' is not a number"),
        ({**FIELD, "seed": -1}, "seed: -1 is not a whole number"),
        ({**FIELD, "population": {"extended": -3}}, "population.extended: -3"),
        ({"sky": {"centers": [[1, 2]], "pixel": 0.001}}, "more than 4000"),
        ({**FIELD, "observation": {"years": float("inf")}}, "years: inf is not a number"),
        ({"sky": {"nside": 65536}}, "sky.nside: 65536 is not a whole number from 1 to 8192"),
        ({"sky": {"nside": 8192}}, "larger than 5e"),
        ({**FIELD, "energy": {"bins_per_decade": 1e8}}, "bins_per_decade: 100000000.0"),
        ({**FIELD, "seed": float("inf")}, "seed: inf is not a whole number"),
        ({"sky": {"centers": [[float("nan"), 2]]}}, "not .l, b. in deg"),
        ({"sky": {"centers": []}}, "sky.centers: a list of 0"),
        ({"sky": {"split": "train", "fields": 1e5, "skies": 1e5}}, "more than 100000"),
        ({**FIELD, "population": {"spectra": 3}}, "population.spectra: 3 is not the name"),
        ({**FIELD, "wrong": {"vary": {"norms": "wide"}}}, "vary.norms: 'wide' is not a number"),
        ({**FIELD, "energy": {"edges": [1, 1000]}}, "not within 30 MeV to 3 TeV"),
    ],
)
def test_mistakes_are_named(given, message):
    """In one line, with the key."""
    with pytest.raises(InputError, match=message) as error:
        sky_settings.check(given)
    assert "\n" not in str(error.value)


def test_files_that_are_no_configuration(tmp_path):
    """Missing, no YAML, a list."""
    with pytest.raises(InputError, match="no such file"):
        sky_settings.read(tmp_path / "none.yaml")
    path = tmp_path / "bad.yaml"
    for text in ("a: [1", "- 1", "!!python/object:os.system {}"):
        path.write_text(text)
        with pytest.raises(InputError, match=r"bad\.yaml"):
            sky_settings.read(path)


@pytest.mark.parametrize("name", ["field", "allsky", "training"])
def test_presets_are_valid(name):
    """The files of config/ that a user copies."""
    with resources.as_file(resources.files("fermiml.config")) as folder:
        settings = sky_settings.read(folder / f"simulate-{name}.yaml")
    assert settings["population"]["preset"] == "nominal"


def test_every_key_is_shown_in_the_preset():
    """simulate-field.yaml names all keys but those for training."""
    text = resources.files("fermiml.config").joinpath("simulate-field.yaml").read_text()
    for section, keys in sky_settings.SCHEMA.items():
        if section == "training":
            continue
        assert f"{section}:" in text
        missing = [key for key in keys if f"{key}:" not in text] if isinstance(keys, dict) else []
        assert not missing, section
