"""Upper limits at positions where nothing may be."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from makers import smallskies as sky
from scipy.stats import norm

from fermiml import InputError, LikelihoodFit

EMPTY = SkyCoord([100.2, 99.0], [45.0, 45.5], unit="deg", frame="galactic")


@pytest.fixture(scope="module")
def data(sources):
    return sky.cube(sources, seed=5)


@pytest.fixture(scope="module")
def catalog(sources):
    return sky.seeds(sources, shapes=True)


def test_a_source_taken_out_of_the_catalog_has_the_ts_of_its_fit(data, catalog, sources):
    """The same region, model and freedom: one number, two ways."""
    for number in range(len(sources)):
        rest = catalog[np.arange(len(sources)) != number]
        fixed = LikelihoodFit(known=rest, positions=False, spectra=False, bands=False)
        row = fixed.run(catalog[[number]], data).table[0]
        index = sources.shapes.index[number]
        found = fixed.limits(catalog.positions[[number]], data, index=index)[0]
        # 1e-5 deg apart (a catalog's digits), the positions are in different pixels.
        assert found["TS"] == pytest.approx(row["TS"], rel=2e-3)
        assert found["Flux"] == pytest.approx(row["Flux1000"], rel=5e-3)
        assert found["Unc_Flux"] == pytest.approx(row["Unc_Flux1000"], rel=0.03)
        assert found["Npred"] == pytest.approx(row["Npred"], rel=5e-3)
        limit = row["Flux1000"] + norm.ppf(0.95) * row["Unc_Flux1000"]
        assert found["Flux_UL95"] == pytest.approx(limit, rel=0.03)


def test_a_source_of_the_catalog_at_the_target_is_the_target(data, catalog, sources, caplog):
    number = 2
    with_all = LikelihoodFit().limits(catalog.positions[[number]], data, catalog, index=2.5)
    assert f"{catalog.table['Source_Name'][number]} is less than 0.2 deg" in caplog.text
    rest = catalog[np.arange(len(sources)) != number]
    without = LikelihoodFit().limits(catalog.positions[[number]], data, rest, index=2.5)
    assert with_all["TS"][0] == pytest.approx(without["TS"][0], rel=1e-6)
    assert with_all["TS"][0] > 100


def test_the_model_keeps_neighbours_out_of_the_limit(data, catalog):
    beside = SkyCoord([101.6], [46.4], unit="deg", frame="galactic")  # 0.3 deg from a source
    (alone,), (modelled,) = (LikelihoodFit().limits(beside, data, c) for c in (None, catalog))
    assert alone["TS"] > 25 > 9 > modelled["TS"]
    assert alone["Flux_UL95"] > 2 * modelled["Flux_UL95"] > 2 * modelled["Flux"]


def test_a_target_is_measured_alone(data, catalog):
    both, one = (LikelihoodFit().limits(EMPTY[:n], data, catalog) for n in (2, 1))
    assert both["Flux_UL95"][0] == one["Flux_UL95"][0]


def test_no_photons_at_all_leave_the_limit_of_the_profile():
    """Nothing expected and nothing seen: the limit is 2.71 / 2 counts."""
    nothing = sky.cube(sky.power_laws([], [], []), width=4.0)
    for values in (nothing.components[0].counts, nothing.components[0].background):
        values.data *= 0.0
    here = SkyCoord([sky.LON], [sky.LAT], unit="deg", frame="galactic")
    (row,) = LikelihoodFit(background=False).limits(here, nothing)
    assert row["TS"] == row["Flux"] == 0 and np.isnan(row["Unc_Flux"])
    exposure = sky.observation(width=4.0)[0].exposure(np.array([sky.LON]), np.array([sky.LAT]))
    one_count = 1 / exposure[:, 0].max()
    assert 1.0 < row["Flux_UL95"] / (2.71 / 2 * one_count) < 1.4  # the exposure is less at 1 GeV


def test_softer_targets_have_larger_photon_limits_only(data, catalog):
    hard, soft = (LikelihoodFit().limits(EMPTY[1:], data, catalog, index=i)[0] for i in (1.8, 3.0))
    assert soft["Flux_UL95"] > 1.5 * hard["Flux_UL95"]
    assert soft["Energy_Flux_UL95"] < hard["Energy_Flux_UL95"]


def test_positions_outside_the_data_and_other_engines_are_errors(data):
    with pytest.raises(InputError, match=r"nothing was observed at 10\.0000,20\.0000"):
        LikelihoodFit().limits(SkyCoord([10.0], [20.0], unit="deg"), data)

    class Other:
        name = "other"

    with pytest.raises(InputError, match="'other' does not measure upper limits"):
        LikelihoodFit(Other()).limits(EMPTY, data)
