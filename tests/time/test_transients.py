"""Transients in small fields: flares are found where, when and as bright as they were."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from makers import flaringskies, smallskies

from fermiml import InputError, SourceCatalog, TransientSearch
from fermiml.catalog.flags import MLFlag
from fermiml.simulate.lat_files import START
from fermiml.sky.times import DAY
from fermiml.time import transients

PLACE = 100.7, 45.6


@pytest.fixture(scope="module")
def nova():
    """A week's flare beside a bright steady source, and the catalog of it."""
    flare = smallskies.power_laws(*PLACE, 2e-8, 2.4)
    steady = smallskies.power_laws(98.8, 44.0, 3e-8, 2.2)
    return TransientSearch().run(flaringskies.sky(3, flare, constant=steady)).catalog


def test_a_flare_is_found_and_nothing_else(nova):
    assert len(nova) == 1
    row = nova.table[0]
    place = SkyCoord(*PLACE, unit="deg", frame="galactic")
    assert place.separation(nova.positions[0]).deg < 2 * row["Conf_95_SemiMajor"] < 0.5
    assert row["ML_Flags"] & MLFlag.TRANSIENT
    assert row["ML_False_Rate"] < 1e-6


def test_its_times_are_those_of_the_flare(nova):
    row = nova.table[0]
    assert abs(row["ML_Start"] - (START + 100 * DAY)) < 1.5 * DAY
    assert 5 * DAY < row["ML_Duration"] < 9 * DAY
    assert row["Time_Peak"] == pytest.approx(row["ML_Start"] + row["ML_Duration"] / 2)


def test_its_flux_and_spectrum_are_those_while_it_shone(nova):
    row = nova.table[0]
    assert abs(row["Flux1000"] - 2e-8) < 4 * row["Unc_Flux1000"] < 2e-8
    assert abs(row["PL_Index"] - 2.4) < 4 * row["Unc_PL_Index"]
    assert row["ML_TS"] > 100
    assert row["Signif_Peak"] == pytest.approx(np.sqrt(row["ML_TS"]))


def test_the_peak_is_the_brightest_part():
    """Eight days, of which two are three times as bright."""
    cube, long = flaringskies.sky(5, smallskies.power_laws(*PLACE, 3e-8, 2.2), (100, 108))
    _, short = flaringskies.sky(6, smallskies.power_laws(*PLACE, 6e-8, 2.2), (104, 106))
    row = TransientSearch(longest=60).run(flaringskies.both(cube, long, short)).table[0]
    assert abs(row["Time_Peak"] - (START + 105 * DAY)) < 1.2 * DAY
    assert row["Peak_Interval"] < 0.6 * row["ML_Duration"]


def test_a_steady_sky_has_none():
    """Not even with a source of a photon an hour, whose exposure is known to 25 %."""
    steady = smallskies.power_laws(100, 45, 1e-7, 2.2)
    catalog = TransientSearch().run(flaringskies.sky(4, constant=steady)).catalog
    assert len(catalog) == 0
    assert {"ML_Start", "ML_Duration", "ML_False_Rate"} <= set(catalog.table.colnames)


def test_two_flares_of_a_place_are_two_rows():
    one = smallskies.power_laws(*PLACE, 3e-8, 2.2)
    cube, first = flaringskies.sky(5, one, (50, 55))
    _, second = flaringskies.sky(5, one, (200, 203))
    catalog = TransientSearch(longest=60).run(flaringskies.both(cube, first, second)).catalog
    assert len(catalog) == 2
    assert len(set(catalog.table["Source_Name"])) == 2
    known = SourceCatalog.from_table(
        {"GLON": [100.7], "GLAT": [45.6], "Conf_95_SemiMajor": [0.02], "Conf_95_SemiMinor": [0.02],
         "Conf_95_PosAng": [0.0], "Source_Name": ["4FGL J0000.0+0000"]}
    )  # fmt: skip
    assert list(transients.named(catalog, known).table["ASSOC_4FGL"]) == ["4FGL J0000.0+0000"] * 2


def test_a_run_resumes_with_the_parts_that_were_searched(tmp_path, monkeypatch):
    data = flaringskies.sky(6, smallskies.power_laws(*PLACE, 5e-8))
    settings = {"shortest": "8d", "longest": "16d", "parts": tmp_path / "parts"}
    before = TransientSearch(**settings).run(data).table
    monkeypatch.setattr(transients, "search", None)
    after = TransientSearch(**settings).run(data).table
    assert len(after) == 1
    assert list(after["ML_TS"]) == list(before["ML_TS"])


@pytest.mark.slow
def test_processes_find_the_same():
    data = flaringskies.sky(6, smallskies.power_laws(*PLACE, 5e-8))
    settings = {"shortest": "8d", "longest": "8d"}
    one, two = (TransientSearch(**settings, jobs=jobs).run(data).table for jobs in (1, 2))
    assert list(one["ML_TS"]) == list(two["ML_TS"])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"shortest": 0}, "shortest: 0 is not a number from 0.01"),
        ({"shortest": "1 month"}, "no length of time such as 12h"),
        ({"shortest": 30, "longest": "1w"}, "shortest 30 is longer than longest 1w"),
        ({"false_alarms": 0}, "false_alarms: 0 is not a number above 0"),
        ({"shortest": 250, "longest": 300}, "less than two windows"),
    ],
)
def test_settings_that_cannot_be(settings, words):
    with pytest.raises(InputError, match=words):
        TransientSearch(**settings).run(flaringskies.sky(1))
