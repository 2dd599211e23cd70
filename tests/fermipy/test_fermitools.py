"""`ml_seed` in a real GTAnalysis on a simulated sky; needs the Fermitools."""

import logging

import numpy as np
import pytest
import yaml
from astropy import units as u

from fermiml import InputError, LikelihoodFit, SkyCube, SourceCatalog
from fermiml.fermipy import engine, position_fit
from fermiml.fermipy.scene import Scene

pytestmark = pytest.mark.fermitools


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    pytest.importorskip("pyLikelihood")
    pytest.importorskip("fermipy")
    from fermiml.fermipy import example

    folder = tmp_path_factory.mktemp("fermipy")
    return example.make(folder, seed=2, width=6.0, event_types=(1, 2))  # FRONT and BACK


@pytest.fixture(scope="module")
def gta(config):
    from fermiml.fermipy import GTAnalysis

    gta = GTAnalysis(str(config), logging={"verbosity": 1})
    gta.setup()
    gta.optimize()
    gta.write_roi("start")
    return gta


@pytest.fixture(scope="module")
def found(gta):
    """The result, and what was free before."""
    gta.free_norm("galdiff")
    free = {(p["src_name"], p["par_name"]) for p in gta.get_params(True)}
    result = gta.ml_seed(prefix="test", sources_per_iter=3, make_plots=True, loglevel=logging.DEBUG)
    return result, free


@pytest.fixture(scope="module")
def truth(config):
    return SourceCatalog.read(config.parent / "sky" / "truth.fits")


def consistent(gta):
    names = sorted(s.name for s in gta.roi.sources)
    return all(sorted(c.like.sourceNames()) == names for c in gta.components)


def test_new_sources_are_real_ones(gta, found, truth):
    new = found[0]["sources"]
    assert len(new) >= 2 and all(source is gta.roi[source.name] for source in new)
    bright = truth.filter(truth.table["TS_Asimov"] > 9)
    for source in new:
        away = bright.positions.icrs.separation(source.skydir).deg
        assert away.min() < 0.3
    assert all(peak["ts"] >= 25 for peak in found[0]["peaks"] if peak["status"] == "new")


def test_sources_of_the_model_are_known_and_not_added_again(gta, found):
    known = [peak for peak in found[0]["peaks"] if peak["status"] == "known"]
    assert known and all(peak["known"].startswith("SIM ") for peak in known)
    assert consistent(gta)


def test_fluxes_are_right(found, truth):
    """The final refit sees to that: a search without one is 15-25 % low."""
    ratio = []
    for source in found[0]["sources"]:
        near = np.argmin(truth.positions.icrs.separation(source.skydir).deg)
        if truth.table["TS_Asimov"][near] > 60:
            ratio.append(source["flux1000"] / truth.table["S1"][near])
    assert ratio and 0.8 < np.mean(ratio) < 1.2


def test_the_quick_ways_give_what_fermipy_gives(gta, found):
    name = found[0]["sources"][0].name
    quick = engine.reoptimized_ts(gta, name, 1.0)
    before = engine.parameters(gta)
    engine.free_only(gta, [name], 1.0)
    assert quick == pytest.approx(gta.like.Ts2(name, reoptimize=True), abs=0.2)
    keys = ("ts", "flux", "flux_err", "flux_ul95", "eflux100_err", "dnde_err", "npred")
    numbers = []
    engine.free_only(gta, [name], 1.0, pars=None)
    engine.run_fit(gta, update=False)
    for update in (lambda: gta.update_source(name), lambda: engine.refresh(gta, [name])):
        update()
        numbers.append([gta.roi[name][key] for key in keys])
    assert np.all(np.isfinite(numbers[0]))
    assert numbers[1] == pytest.approx(numbers[0], rel=1e-3)
    engine.restore(gta, before)


def test_free_parameters_are_free_again_and_no_others(gta, found):
    assert {(p["src_name"], p["par_name"]) for p in gta.get_params(True)} == found[1]


def test_catalog_is_written_and_read_by_fermipy(gta, found):
    from fermipy.catalog import Catalog

    path = f"{gta.workdir}/{found[0]['file']}"
    table = SourceCatalog.read(path).table
    assert set(table["TS_Engine"]) == {"fermipy"} and set(table["ROI_Status"]) <= {"new", "known"}
    new = table["ROI_Status"] == "new"
    assert np.all(table["TS"][new] > 25) and np.all(np.isfinite(table["Unc_PL_Index"][new]))
    assert len(Catalog.create(path).table) == len(table)
    assert np.load(path.replace(".fits", ".npy"), allow_pickle=True).item()["peaks"]


def test_everything_found_is_known_the_second_time(gta, found):
    again = gta.ml_seed(write_fits=False, write_npy=False, localize=False)
    before = {peak["name"] for peak in found[0]["peaks"] if peak["status"] == "new"}
    assert before <= {peak["known"] for peak in again["peaks"]}


def test_saved_and_loaded(gta, found):
    from fermipy import gtanalysis

    from fermiml.fermipy import GTAnalysis

    gta.write_roi("saved")
    names = sorted(s.name for s in gta.roi.sources)
    for kind in (GTAnalysis, gtanalysis.GTAnalysis):
        loaded = kind.create(f"{gta.workdir}/saved.npy")
        assert sorted(s.name for s in loaded.roi.sources) == names
        assert float(loaded.like()) == pytest.approx(float(gta.like()), abs=0.5)
    assert loaded.config.get("ml_seed") is None  # fermipy's own drops what it does not know
    gta.load_roi("saved")
    assert consistent(gta)


def test_clone(gta):
    assert sorted(s.name for s in gta.clone(gta.config).roi.sources) == sorted(
        s.name for s in gta.roi.sources
    )


def test_light_curves_get_a_configuration_that_fermipy_knows(gta, monkeypatch):
    from fermipy.lightcurve import LightCurve

    seen = {}
    monkeypatch.setattr(LightCurve, "lightcurve", lambda self, name: seen.update(self.config))
    gta.lightcurve("any")
    assert "binning" in seen and "ml_seed" not in seen and "ml_seed" in gta.config


def test_options_are_checked(gta, config):
    from fermiml.fermipy import GTAnalysis

    settings = yaml.safe_load(config.read_text())
    with pytest.raises(InputError, match=r"ml_seed\.thresh: allowed are"):
        GTAnalysis({**settings, "ml_seed": {"thresh": 1}})
    with pytest.raises(KeyError, match="section : binning"):  # fermipy's own
        GTAnalysis({**settings, "binning": {"bins": 1}})
    with pytest.raises(InputError, match=r"bogus: allowed are.*search_skydir"):
        gta.ml_seed(bogus=1)
    again = GTAnalysis({**settings, "ml_seed": {"sqrt_ts_threshold": "4"}})
    assert again.config["ml_seed"]["sqrt_ts_threshold"] == 4.0
    assert again.config["ml_seed"]["localize"] is True


def test_positions_are_those_of_the_counts(gta, found, truth):
    """A source put elsewhere comes back, with an error that says how far it may be off."""
    name = found[0]["sources"][0].name
    source, before = gta.roi[name], float(gta.like())
    place, error = source.skydir, source["pos_err"]
    elsewhere = place.directional_offset_by(70 * u.deg, 2 * error * u.deg)
    position_fit.move(gta, name, elsewhere)
    away = float(gta.like()) - before
    engine.localize(gta, Scene(gta, [name]), name, error)
    assert gta.roi[name].skydir.separation(place).deg < 0.3 * error
    assert gta.roi[name]["pos_err"] == pytest.approx(error, rel=0.2)
    assert away == pytest.approx(2, rel=0.4)  # in log L, of 2 sigma
    assert float(gta.like()) == pytest.approx(before, abs=0.2)


def test_a_localisation_that_breaks_off_changes_nothing(gta, found, monkeypatch):
    """It moves sources by deleting and adding them."""
    name = found[0]["sources"][0].name
    before, where = float(gta.like()), gta.roi[name].skydir
    second, remaining = gta.components[1], [0]
    added = second.add_source

    def fails_once(*args, **kwargs):
        remaining[0] -= 1
        if remaining[0] == -1:
            raise RuntimeError("no source map")
        return added(*args, **kwargs)

    monkeypatch.setattr(second, "add_source", fails_once)
    with pytest.raises(engine.FitFailed, match="no source map"):
        engine.localize(gta, Scene(gta, [name]), name, 0.05)
    assert consistent(gta) and gta.roi[name].skydir.separation(where).deg < 1e-6
    assert float(gta.like()) == pytest.approx(before, abs=0.01)


def test_a_seed_that_cannot_be_added_leaves_nothing(gta, monkeypatch):
    before = float(gta.like())
    monkeypatch.setattr(gta.components[1], "set_exposure_scale", lambda name: 1 / 0)
    with pytest.raises(engine.FitFailed, match="could not be added"):
        engine.add(gta, "X", {"ra": gta.roi.skydir.ra.deg, "dec": gta.roi.skydir.dec.deg})
    assert consistent(gta) and not gta.roi.has_source("X")
    assert float(gta.like()) == pytest.approx(before, abs=0.01)


def test_counts_are_those_of_the_analysis(gta, config):
    from fermiml.fermipy.data import cube_of

    cube = cube_of(gta)
    assert cube.total_counts == SkyCube.read(config).total_counts
    gta.simulate_roi(randomize=False)
    assert cube_of(gta).total_counts == pytest.approx(float(gta.counts_map().data.sum()))
    gta.simulate_roi(restore=True)
    assert cube_of(gta).total_counts == cube.total_counts


def test_compare(gta):
    gta.load_roi("start")
    result = gta.ml_seed(compare="find_sources", localize=False, sources_per_iter=20, prefix="both")
    table = result["compare"]
    assert {"both"} <= set(table["found_by"]) <= {"both", "ml_seed", "find_sources"}
    both = table[table["found_by"] == "both"]
    assert np.all(both["separation"] < 0.3)
    assert np.allclose(both["ml_ts"], both["fs_ts"], rtol=0.3, atol=5)
    assert consistent(gta) and gta.roi.has_source(result["sources"][0].name)


def test_fit_of_a_catalog(gta, truth):
    gta.load_roi("start")
    inside = truth.filter(truth.table["Inside"] & (truth.table["TS_Asimov"] > 100))
    table = LikelihoodFit("fermipy").run(inside, gta).table
    assert len(table) == len(inside) and set(table["TS_Engine"]) == {"fermipy"}
    assert np.allclose(table["TS"] / table["TS_Asimov"], 1, atol=0.4)
