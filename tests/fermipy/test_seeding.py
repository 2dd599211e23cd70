"""What becomes of seeds in a fermipy analysis, and what failures leave behind."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from makers import fakefermipy
from makers.fakefermipy import KNOWN, NAMES, catalog

from fermiml import InputError, SourceCatalog
from fermiml.catalog.extended_sources import extended_table
from fermiml.catalog.flags import MLFlag
from fermiml.fermipy import engine, options, outputs, rows, seeding

DEFAULTS = {key: value[0] for key, value in options.ML_SEED.items()}


def test_names_that_do_not_exist_are_told_before_the_analysis_is_set_up():
    with pytest.raises(InputError, match="unknown network 'lat-worst': known are lat-best"):
        options.check_section({"network": "lat-worst"})
    with pytest.raises(InputError, match="unknown localizer 'watershed': known are kmeans"):
        options.check_section({"localizer": "watershed"})


@pytest.fixture
def analysis(monkeypatch):
    fakefermipy.install_without_images(monkeypatch)

    def make(ts=None, **options_):
        return fakefermipy.Analysis(ts or fakefermipy.TS, [fakefermipy.known()], **options_)

    return make


def run(gta, **settings):
    said = []
    config = {**DEFAULTS, "sources_per_iter": 2, **settings}
    seeds = seeding.sort_out(catalog(), gta, config)
    trial = seeding.try_all(gta, seeds, config, said.append)
    seeding.localize_all(trial, seeds, said.append)
    seeding.add_all(gta, trial, seeds, config, said.append)
    seeding.finish(gta, seeds, config, said.append)
    return seeds, said


def test_seeds_are_added_kept_and_dropped(analysis):
    gta = analysis()
    seeds, _ = run(gta)
    # S5 is the known source's; S2 is too faint.
    assert list(seeds.status) == ["new", "new", "rejected", "new", "new", "known"]
    assert seeds.sources[5] == KNOWN
    assert "TS 9.0" in seeds.reason[2]
    assert gta.consistent()
    assert {s.name for s in gta.roi.sources} == {
        "S0", "S1", "S3", "S4", KNOWN, "galdiff"
    }  # fmt: skip


def test_the_first_batch_is_the_most_probable(analysis):
    gta = analysis()
    run(gta)
    assert gta.tried == [{"S0", "S1"}, {"S0", "S1", "S2", "S3"}, {"S0", "S1", "S3", "S4"}]


def test_the_norms_of_all_that_is_added_are_fitted_first(analysis):
    gta = analysis()
    run(gta)
    assert gta.fits[0] == {"S0", "S1", "S3", "S4", "galdiff"}


def test_the_final_fit_frees_everything_new_and_the_neighbours(analysis):
    gta = analysis()
    run(gta, free_radius=1.05)
    assert gta.fits[-1] == {"S0", "S1", "S3", "S4", KNOWN, "galdiff"}


NEIGHBOUR = "4FGL J0048.0+0018"  # 0.3 deg from S2, which is rejected


TS_28 = dict(zip(NAMES, [400, 28, 9, 60, 50, 28], strict=True))


def beside_the_rejected(analysis, **options_):
    gta = analysis(**options_)
    gta.roi.sources.append(fakefermipy.Source(NEIGHBOUR, SkyCoord(12.0, 0.3, unit="deg")))
    for component in gta.components:
        component.like.names.append(NEIGHBOUR)
    return gta


def test_rejected_seeds_leave_the_model_alone(analysis):
    gta = beside_the_rejected(analysis)
    seeds, _ = run(gta, free_radius=0.4)
    assert seeds.status[2] == "rejected" and seeds.added == [0, 1, 3, 4]
    assert gta.roi[NEIGHBOUR].norm.value == 1.0 and NEIGHBOUR not in gta.refreshed


def test_neighbours_of_what_falls_in_the_end_are_fitted_again(analysis):
    # The TS with everything else fitted again is 0.8 of the one without.
    gta = beside_the_rejected(analysis, ts=TS_28)
    gta.roi[NEIGHBOUR].skydir = SkyCoord(11.3, 0.0, unit="deg")  # of S1
    seeds, _ = run(gta, free_radius=0.4)
    assert seeds.status[1] == "rejected" and {NEIGHBOUR, "galdiff"} in gta.fits
    assert NEIGHBOUR in gta.refreshed


def test_sources_far_apart_are_fitted_one_after_the_other(analysis):
    gta = analysis()
    run(gta, free_radius=0.3)
    names = {"S0", "S1", "S3", "S4"}
    assert sorted(map(sorted, gta.fits[-4:])) == [[name, "galdiff"] for name in sorted(names)]
    assert {*names, "galdiff"} <= gta.fits[-5]  # before, the norms of all together
    assert {*names, "galdiff"} <= set(gta.refreshed)
    for name in names:  # also those that were fixed while others were fitted
        assert gta.roi[name].spectral_pars["Prefactor"]["error"] == 0.1


def test_a_group_is_fitted_again_without_what_has_fallen_below_the_threshold(analysis):
    # The TS with everything else fitted again is 0.8 of the one without.
    gta = analysis(ts=dict(zip(NAMES, [400, 28, 100, 60, 50, 28], strict=True)))
    run(gta, free_radius=0.6)
    together = [fit for fit in gta.fits if {"S3", "S4"} <= fit]
    assert "S1" in together[-2] and "S1" not in together[-1]


def test_where_no_seed_stays_the_model_is_that_of_the_start(analysis):
    gta = beside_the_rejected(analysis)
    seeds, _ = run(gta, sqrt_ts_threshold=100.0)
    assert set(seeds.status) == {"rejected", "known"}
    assert {s.norm.value for s in gta.roi.sources} == {1.0} and gta.consistent()
    assert not gta.fits


def test_where_no_seed_stays_in_the_end_the_model_is_that_of_the_start(analysis):
    gta = analysis(ts=dict.fromkeys(NAMES, 28))
    seeds, _ = run(gta)
    assert set(seeds.status) == {"rejected", "known"} and gta.fits
    assert {s.norm.value for s in gta.roi.sources} == {1.0} and gta.consistent()


def test_a_log_likelihood_below_that_of_the_start_is_not_kept(analysis):
    gta = analysis()
    gta.change = 0.05
    seeds, said = run(gta)
    assert set(seeds.status) == {"failed", "rejected", "known"}
    assert {s.norm.value for s in gta.roi.sources} == {1.0} and gta.consistent()
    assert any("below the log-likelihood of the start, -1000.00" in text for text in said)


def test_a_source_that_falls_below_the_threshold_in_the_end_goes(analysis):
    # The TS with everything else fitted again is 0.8 of the one without.
    gta = analysis(ts=dict(zip(NAMES, [400, 28, 100, 60, 50, 28], strict=True)))
    seeds, _ = run(gta)
    assert seeds.status[1] == "rejected" and not gta.roi.has_source("S1")
    assert gta.consistent()


def test_where_a_fit_fails_the_values_before_it_stay(analysis):
    gta = analysis(fits_fail_with=["S1"])
    seeds, said = run(gta)
    assert list(seeds.status) == ["new", "new", "rejected", "new", "new", "known"]
    assert any("did not converge (status 102" in text and "stay" in text for text in said)
    assert gta.consistent()


def test_minuit_comes_in_where_newton_makes_things_worse(analysis):
    gta = analysis()
    engine.fit_norms(gta, [], 1.0)
    assert gta.optimizers == ["NEWTON"]
    gta.newton_fails = True
    engine.fit_norms(gta, [], 1.0)
    assert gta.optimizers == ["NEWTON", "NEWTON", None]


def test_a_half_added_seed_leaves_nothing_behind(analysis):
    gta = analysis(half_added=["S0"])
    seeds, _ = run(gta)
    assert seeds.status[0] == "failed" and "Source map cannot be made" in seeds.reason[0]
    assert gta.consistent() and not gta.roi.has_source("S0")
    assert seeds.status[1] == "new"


def test_where_no_seed_can_be_tried_all_have_failed(analysis, monkeypatch):
    def fails(*_):
        raise engine.FitFailed("could not be added: no source map")

    monkeypatch.setattr(seeding, "Trial", fails)
    gta = analysis()
    seeds, _ = run(gta)
    assert set(seeds.status) == {"failed", "known"} and "no source map" in seeds.reason[0]
    assert gta.consistent() and not gta.fits


def test_a_seed_with_the_name_of_another_source_is_not_added(analysis):
    gta = analysis()
    gta.roi.sources.append(fakefermipy.Source("S1", SkyCoord(12.0, 5.0, unit="deg")))
    for component in gta.components:
        component.like.names.append("S1")
    seeds, _ = run(gta)
    assert seeds.status[1] == "failed" and "another source of this name" in seeds.reason[1]
    assert gta.roi["S1"].skydir.dec.deg == 5.0 and gta.consistent()


def test_a_seed_that_cannot_be_localized_stays_where_the_network_found_it(analysis):
    gta = analysis(nowhere=["S0"])
    seeds, said = run(gta)
    assert seeds.status[0] == "new" and sorted(seeds.localized) == [1, 3, 4]
    assert gta.roi["S0"].skydir.separation(seeds.catalog.positions[0]).deg < 1e-6
    assert any("S0" in text and "stays where the network found it" in text for text in said)


def test_what_was_not_reached_is_told(analysis):
    seeds, _ = run(analysis(), max_iter=1)
    assert list(seeds.status[2:5]) == ["waiting"] * 3
    assert seeds.reason[2] == "max_iter was reached"


def test_freedom_is_restored_by_name(analysis):
    gta = analysis()
    gta.free_source(KNOWN)
    state = engine.parameters(gta)
    run(gta)
    engine.restore_freedom(gta, state)
    assert {s.name for s in gta.roi.sources if s.norm.free} == {KNOWN}


def test_no_seeds(analysis):
    gta = analysis()
    seeds = seeding.sort_out(SourceCatalog(), gta, DEFAULTS)
    trial = seeding.try_all(gta, seeds, DEFAULTS, print)
    seeding.localize_all(trial, seeds, print)
    seeding.add_all(gta, trial, seeds, DEFAULTS, print)
    seeding.finish(gta, seeds, DEFAULTS, print)
    result = outputs.collect(gta, seeds)
    assert result["sources"] == [] and len(result["catalog"]) == 0
    assert {"ROI_Status", "ROI_Name", "TS"} <= set(result["catalog"].table.colnames)


def test_the_catalog_says_new_or_known(analysis):
    gta = analysis()
    seeds, _ = run(gta)
    table = outputs.collect(gta, seeds)["catalog"].table
    assert list(table["ROI_Status"]) == ["new"] * 4 + ["known"]
    assert table["ASSOC_4FGL"][-1] == table["ROI_Name"][-1] == KNOWN
    assert table["TS"][0] == pytest.approx(320) and table["TS"][-1] == 99
    assert set(table["TS_Engine"]) == {"fermipy"}
    assert table["PL_Index"][0] == pytest.approx(2.2)
    assert table["Pivot_Energy"][0] == 2e3  # where density and index are independent
    assert table["PL_Flux_Density"][0] == pytest.approx(1e-13)
    assert np.all(np.isfinite(table["Unc_Flux1000"]))


def test_fluxes_that_reach_far_below_the_data_are_not_known(analysis):
    """Also when the seeds come from a catalog that does not say where its data began."""
    gta = analysis()
    gta.energies = np.geomspace(1e4, 1e6, 9)
    seeds, _ = run(gta)
    table = outputs.collect(gta, seeds)["catalog"].table
    assert np.all(np.isnan(table["Flux1000"])) and np.all(np.isnan(table["Energy_Flux100"]))
    assert table.meta["EMIN"] == 1e4


def test_flags_of_another_response_do_not_stay(analysis):
    gta = analysis()
    seeds, _ = run(gta)
    seeds.catalog.table["ML_Flags"] = np.full(len(seeds.catalog), 1 + 4 + 16 + 32, np.int16)
    table = outputs.filled(gta, seeds).table
    fitted = np.isin(table["ROI_Status"], ("new", "known"))
    assert np.all(table["ML_Flags"] == np.where(fitted, 1 + 4, 1 + 4 + 16 + 32))


def test_every_seed_is_a_peak_with_its_fate(analysis):
    gta = analysis()
    seeds, _ = run(gta)
    result = outputs.collect(gta, seeds)
    assert [p["name"] for p in result["peaks"]] == NAMES
    assert [p["status"] for p in result["peaks"]].count("new") == len(result["sources"]) == 4
    assert result["sources"][0] is gta.roi["S0"]


@pytest.mark.parametrize("index", [2.2, 4.999])
def test_an_index_that_gtlike_left_at_its_bound_is_flagged_and_has_no_error(index):
    source = fakefermipy.Source("S", SkyCoord(15.0, 0.02, unit="deg"))
    source.params["Index"]["value"] = -index
    source.spectral_pars["Index"]["value"] = index
    table = catalog().table.copy()
    for number, before in ((0, MLFlag.EDGE), (1, MLFlag.EDGE | MLFlag.AT_BOUND)):
        table["ML_Flags"][number] = before
        rows.write_spectrum(table[number], source, 30.0)
        bound = index > 4
        assert np.isnan(table["Unc_PL_Index"][number]) == bound
        assert table["ML_Flags"][number] == MLFlag.EDGE | bound * MLFlag.AT_BOUND


def test_an_extended_seed_is_added_with_its_shape(analysis, monkeypatch):
    """It is neither tried nor localized; that a point source of the model lies in it, off its
    centre, does not matter."""
    gta, given, config = analysis(), {}, {**DEFAULTS, "sqrt_ts_threshold": 3.0}
    add = engine.add
    monkeypatch.setattr(
        engine, "add", lambda gta, name, properties: (given.update({name: properties}),
                                                      add(gta, name, properties)),
    )  # fmt: skip
    table = catalog().table
    table["Extended_Source_Name"][5], table["RAJ2000"][5] = "S5", 15.3
    table["ML_Ext_Form"] = ["", "", "", "", "", "Disk"]
    table["ML_Ext_Size"][5] = 0.5
    extended = SourceCatalog(table, extended=extended_table(table))
    seeds = seeding.sort_out(extended, gta, config)
    seeding.add_extended(gta, seeds, config, print)
    assert seeds.status.tolist() == ["waiting"] * 5 + ["new"]
    assert given["S5"]["SpatialModel"] == "RadialDisk"
    assert given["S5"]["SpatialWidth"] == pytest.approx(0.5 * 0.6790**0.5, rel=2e-3)
    trial = seeding.try_all(gta, seeds, config, print)
    seeding.localize_all(trial, seeds, print)
    assert 5 not in seeds.localized
    seeding.add_all(gta, trial, seeds, config, print)
    seeding.finish(gta, seeds, config, print)
    assert gta.consistent() and gta.roi.has_source("S5")
