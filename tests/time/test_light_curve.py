"""Light curves follow sources that vary, leave constant ones alone, and say what they cannot."""

import logging

import numpy as np
import pytest
from makers import latfiles as lat
from makers import smallskies, timedskies
from numpy.testing import assert_allclose, assert_array_equal

from fermiml import InputError, LightCurve, SourceCatalog
from fermiml.time.variability import threshold

FLARE, FAINT = 1, 3
FACTORS = np.ones((4, 8))
FACTORS[FLARE, 2], FACTORS[FAINT, 5] = 4.0, 0.0
WITHOUT = 6  # interval that has no good time


@pytest.fixture(scope="module")
def cube():
    bins = timedskies.intervals(8, without=(WITHOUT,))
    return timedskies.cube(smallskies.four(), FACTORS, 5, bins)


@pytest.fixture(scope="module")
def result(cube):
    return LightCurve().run(smallskies.seeds(smallskies.four(), shapes=True), cube)


def test_fluxes_are_those_of_the_sky(result):
    table = result.catalog.table
    truth = FACTORS * smallskies.four().flux((100, 1e5))
    flux, errors = table["Flux_History"], table["Unc_Flux_History"]
    towards = np.where(flux < truth, errors[..., 1], -errors[..., 0])
    pulls = (flux - truth) / towards
    assert np.nanmax(np.abs(pulls)) < 4
    assert 0.6 < np.nanstd(pulls) < 1.4


def test_only_the_flaring_source_varies(result):
    table = result.catalog.table
    varies = table["Variability_Index"] > threshold(7)
    assert varies[FLARE] and not varies[[0, 2]].any()
    assert_allclose(table["Flux_Peak"][FLARE], table["Flux_History"][FLARE, 2])
    edges = np.array(table.meta["Hist_Start"])
    assert edges[2] < table["Time_Peak"][FLARE] < edges[3]
    assert np.isnan(table["Flux_Peak"][0])


def test_no_good_time_is_unknown_and_nothing_seen_a_limit(result):
    table = result.catalog.table
    for name in ("Flux_History", "Unc_Flux_History", "Sqrt_TS_History"):
        assert np.isnan(table[name][:, WITHOUT]).all()
    flux, (low, high) = table["Flux_History"][FAINT, 5], table["Unc_Flux_History"][FAINT, 5]
    assert np.isnan(low)
    assert flux + 2 * high < 1.5 * smallskies.four()[[FAINT]].flux((100, 1e5))[0, 0]


def test_one_source_alone_has_the_same_light_curve(result, cube):
    name = result.catalog.table["Source_Name"][FLARE]
    one = LightCurve().run(smallskies.seeds(smallskies.four(), shapes=True), cube, names=[name])
    assert one.rows == [FLARE]
    assert_allclose(one.catalog.table["Flux_History"][FLARE],
                    result.catalog.table["Flux_History"][FLARE], rtol=0.05)  # fmt: skip
    assert np.isnan(one.catalog.table["Flux_History"][0]).all()


def test_a_run_resumes_with_the_regions_that_were_finished(cube, tmp_path, monkeypatch):
    seeds = smallskies.seeds(smallskies.four(), shapes=True)
    first = LightCurve(parts=tmp_path / "parts").run(seeds, cube)
    monkeypatch.setattr("fermiml.time.curve_regions.RegionModel", None)
    again = LightCurve(parts=tmp_path / "parts").run(seeds, cube)
    assert_array_equal(again.catalog.table["Flux_History"], first.catalog.table["Flux_History"])


def test_the_table_has_a_row_for_each_interval(result):
    table = result.table
    assert len(table) == 4 * 8
    assert_array_equal(table["Flux"], np.ravel(result.catalog.table["Flux_History"]))
    limited = np.isfinite(table["Flux_UL95"])
    assert_array_equal(limited, table["Sqrt_TS"] < 1)


def test_gammapy_takes_the_light_curve(result):
    name = result.catalog.table["Source_Name"][FLARE]
    points = result.to_flux_points(name)
    flux = points.to_table(sed_type="flux", format="lightcurve")
    assert_allclose(np.ravel(flux["flux"].quantity.to_value("cm-2 s-1")),
                    result.catalog.table["Flux_History"][FLARE], rtol=1e-5)  # fmt: skip
    assert points.geom.axes["time"].nbin == 8


def test_the_file_keeps_light_curves(result, tmp_path):
    result.catalog.write(tmp_path / "lc.fits")
    table = SourceCatalog.read(tmp_path / "lc.fits").table
    assert_array_equal(table["Flux_History"], result.catalog.table["Flux_History"])
    assert table.meta["HISTEMIN"] == 100


def test_data_without_times_are_refused(tmp_path):
    cube = smallskies.cube(smallskies.four())
    with pytest.raises(InputError, match="data are a single map"):
        LightCurve().run(smallskies.seeds(smallskies.four()), cube)
    lat.write_ccube(tmp_path / "ccube.fits")
    with pytest.raises(InputError, match=r"ccube\.fits"):
        LightCurve().run(smallskies.seeds(smallskies.four()), tmp_path / "ccube.fits")


def test_sources_that_are_not_there_are_refused(cube):
    far = SourceCatalog.from_table({"GLON": [10.0], "GLAT": [-60.0]})
    with pytest.raises(InputError, match="none of the 1 sources is inside"):
        LightCurve().run(far, cube)
    with pytest.raises(InputError, match="is outside the data"):
        LightCurve().run(far, cube, names=[far.table["Source_Name"][0]])


def test_a_catalog_without_spectra_is_warned_about(cube, caplog):
    with caplog.at_level(logging.WARNING):
        LightCurve().run(smallskies.seeds(smallskies.four()), cube)
    assert "4 of 4 sources have no fitted spectrum" in caplog.text


def test_classes_get_to_know_the_light_curve_once(cube):
    """Who flares is no pulsar; a second light curve of the same catalog changes nothing."""
    catalog = smallskies.seeds(smallskies.four(), shapes=True)
    for name, value in (("ML_Prob", 0.9), ("ML_Prob_AGN", 0.4), ("ML_Prob_PSR", 0.5)):
        catalog.table[name] = value
    first = LightCurve().run(catalog, cube).catalog
    pulsar = first.table["ML_Prob_PSR"]
    assert pulsar[FLARE] < 0.1
    assert (pulsar[[0, 2]] > 0.4).all()
    second = LightCurve().run(first, cube).catalog
    assert_array_equal(second.table["ML_Prob_AGN"], first.table["ML_Prob_AGN"])
