"""`ml_seed` in a real GTAnalysis on a simulated sky; needs the Fermitools."""

import logging
from pathlib import Path

import numpy as np
import pytest
import yaml
from astropy import units as u
from astropy.coordinates import SkyCoord
from makers import latfiles
from makers.timedskies import START

from fermiml import InputError, LikelihoodFit, SkyCube, SourceCatalog
from fermiml.catalog.ellipses import semi_axes
from fermiml.catalog.extended_sources import extended_table
from fermiml.fermipy import engine, steps
from fermiml.fermipy.data import cube_of
from fermiml.fermipy.scene import reoptimized_ts
from fermiml.fermipy.trial import Trial
from fermiml.model.from_catalog import sources_of
from fermiml.time.variability import threshold

pytestmark = pytest.mark.fermitools
RADIUS = 0.4  # deg, of a disk


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
    (quick,) = reoptimized_ts(gta, [name], 1.0)
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
    assert all(p["error"] > 0 for p in gta.get_params(True))
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


def test_a_trial_gives_what_the_fermitools_give(gta, found):
    """A source put elsewhere as an image comes back, with its TS, its flux, and its error."""
    name = found[0]["sources"][0].name
    (ts,), before = reoptimized_ts(gta, [name], 1.0), float(gta.like())
    source = gta.delete_source(name)
    place, error = source.skydir, source["pos_err"]
    elsewhere = place.directional_offset_by(70 * u.deg, 2 * error * u.deg)
    trial = Trial(gta, SkyCoord([elsewhere]), gta.config["ml_seed"])
    assert not gta.roi.has_source(name) and consistent(gta)
    trial.put(name, elsewhere)
    trial.fit()
    assert trial.localize(name, error)
    assert trial.place[name].separation(place).deg < 0.3 * error
    major, minor, _ = semi_axes(trial.covariance[name])
    assert np.sqrt(major * minor) == pytest.approx(error, rel=0.2)
    assert trial.ts(name) == pytest.approx(ts, rel=0.1)
    spectrum = trial.properties(name)
    assert spectrum["Prefactor"] == pytest.approx(source.params["Prefactor"]["value"], rel=0.3)
    assert spectrum["Index"] == pytest.approx(-source.params["Index"]["value"], abs=0.4)
    gta.add_source(name, source, save_source_maps=False)
    assert float(gta.like()) == pytest.approx(before, abs=0.01)


def test_healpix_pixels_are_refused_before_the_setup(config, tmp_path):
    settings = yaml.safe_load(config.read_text())
    settings["binning"]["projtype"] = "HPX"
    settings["fileio"]["outdir"] = str(tmp_path)
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(settings))
    with pytest.raises(InputError, match="not with HEALPix pixels"):
        steps.run(tmp_path / "c.yaml", ["setup", "ml_seed"])


def test_a_seed_that_cannot_be_added_leaves_nothing(gta, monkeypatch):
    before = float(gta.like())
    monkeypatch.setattr(gta.components[1], "set_exposure_scale", lambda name: 1 / 0)
    with pytest.raises(engine.FitFailed, match="could not be added"):
        engine.add(gta, "X", {"ra": gta.roi.skydir.ra.deg, "dec": gta.roi.skydir.dec.deg})
    assert consistent(gta) and not gta.roi.has_source("X")
    assert float(gta.like()) == pytest.approx(before, abs=0.01)


def test_counts_are_those_of_the_analysis(gta, config):
    cube = cube_of(gta)
    assert cube.total_counts == SkyCube.read(config).total_counts
    gta.simulate_roi(randomize=False)
    assert cube_of(gta).total_counts == pytest.approx(float(gta.counts_map().data.sum()))
    gta.simulate_roi(restore=True)
    assert cube_of(gta).total_counts == cube.total_counts


def test_what_is_rejected_leaves_the_model_as_it_was(gta):
    gta.load_roi("start")
    before = engine.parameters(gta)
    loss, counts = float(gta.like()), gta.model_counts_map().data.sum()
    result = gta.ml_seed(sqrt_ts_threshold=100, write_fits=False)
    assert not result["sources"] and "rejected" in {p["status"] for p in result["peaks"]}
    assert float(gta.like()) == loss and gta.model_counts_map().data.sum() == counts
    after = engine.parameters(gta)
    assert [p.par.getValue() for p in after.values()] == [p.par.getValue() for p in before.values()]


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


@pytest.fixture
def bodies(gta):
    """Counts with a disk and a bright point that the model does not have, and the truth."""
    gta.load_roi("start")
    lon, lat = gta.roi.skydir.galactic.l.deg, gta.roi.skydir.galactic.b.deg
    place = SkyCoord([lon + 1.4, lon - 1.3], [lat, lat + 0.9], unit="deg", frame="galactic")
    spectrum = {"SpectrumType": "PowerLaw", "Index": 2.2, "Scale": 1000.0}
    disk = {"SpatialModel": "RadialDisk", "SpatialWidth": RADIUS * np.sqrt(0.68)}
    for number, (norm, shape) in enumerate(((4e-12, disk), (1.5e-12, {}))):
        where = {"ra": place.icrs.ra.deg[number], "dec": place.icrs.dec.deg[number]}
        given = {**where, **spectrum, **shape, "Prefactor": norm}
        engine.add(gta, f"truth {number}", given)
    np.random.seed(3)  # fermipy draws from this generator
    gta.simulate_roi(randomize=True)
    for number in range(2):
        engine.delete(gta, f"truth {number}")
    yield place
    gta.simulate_roi(restore=True)
    gta.load_roi("start")


def extended_rows_at(place):
    """Two extended rows, a tenth of a degree beside the truth, 1.5 times as large as the disk."""
    table = SourceCatalog.from_table(
        {"GLON": place.galactic.l.deg + 0.1, "GLAT": place.galactic.b.deg}
    ).table
    table["ML_Ext_Form"], table["ML_Ext_Size"] = ["2D Gaussian", "Disk"], [0.5, 0.3]
    table["Extended_Source_Name"] = table["Source_Name"]
    return SourceCatalog(table, extended=extended_table(table))


def test_extents_are_fitted(gta, bodies):
    """A disk is found from a Gaussian beside it; a point has no extension."""
    catalog = LikelihoodFit("fermipy").run(extended_rows_at(bodies), gta)
    disk, point = catalog.table
    assert disk["ML_Ext_Form"] == "Disk" and disk["ML_TS_Ext"] > 36 > 9 > point["ML_TS_Ext"]
    assert abs(disk["ML_Ext_Size"] - RADIUS) < 2.5 * disk["Unc_ML_Ext_Size"] < 0.25 * RADIUS
    assert np.all(
        catalog.positions.separation(bodies).deg < 1.5 * catalog.table["Conf_95_SemiMajor"]
    )
    assert np.allclose(catalog.table["PL_Index"], 2.2, atol=0.15) and consistent(gta)
    for row in catalog.table:
        source = gta.roi[row["Source_Name"]]
        form = "RadialDisk" if row["ML_Ext_Form"] == "Disk" else "RadialGaussian"
        assert source["SpatialModel"] == form
        width = source["SpatialWidth"] / (np.sqrt(0.68) if form == "RadialDisk" else 1)
        assert width == pytest.approx(row["ML_Ext_Size"], rel=1e-4)


def test_a_failed_fit_of_an_extent_leaves_the_likelihood_as_it_was(gta, bodies, monkeypatch):
    settings = {"extents": False}
    catalog = LikelihoodFit("fermipy", **settings).run(extended_rows_at(bodies), gta)
    name, before = catalog.table["Source_Name"][0], float(gta.like())
    values = [p.par.getValue() for p in engine.parameters(gta).values()]
    with pytest.raises(engine.FitFailed, match="no maximum"), engine.kept(gta, name):
        engine.refit(gta, [name], 1.0)
        changed = gta.roi.copy_source(name)
        changed.set_spatial_model("RadialDisk", {"ra": 0.0, "dec": 0.0, "SpatialWidth": 0.1})
        engine.replace(gta, name, changed)
        raise engine.FitFailed("no maximum")
    assert float(gta.like()) == pytest.approx(before, abs=0.01) and consistent(gta)
    assert [p.par.getValue() for p in engine.parameters(gta).values()] == pytest.approx(values)


def test_light_curves_agree_with_the_fit(gta):
    """Of constant sources: the mean of the fluxes is that of gtlike, and so is the sum of TS."""
    gta.load_roi("start")
    for component, counts in zip(gta.components, cube_of(gta).components, strict=True):
        write_events(component.files["ft1"], counts)
    result = gta.ml_seed(time=True, time_bins=5, localize=False, prefix="time")
    catalog = SourceCatalog.read(f"{gta.workdir}/{result['file']}")
    table = catalog.table
    assert len(table) >= 3 and {"new", "known"} == set(table["ROI_Status"])
    fitted = sources_of(catalog).flux((100, 1e5))[:, 0]
    assert np.allclose(np.mean(table["Flux_History"], axis=1) / fitted, 1, atol=0.2)
    assert np.allclose(np.sum(table["Sqrt_TS_History"] ** 2, axis=1) / table["TS"], 1, atol=0.25)
    assert np.mean(table["Variability_Index"] < threshold(5)) > 0.7


def write_events(path, component, good_time=3e8):
    """Write the events of a component's counts, at any time, where fermipy has selected ones."""
    random = np.random.default_rng(1)
    counts = component.counts.data.reshape(len(component.counts.data), -1).astype(int)
    energy, pixel = np.repeat(np.nonzero(counts), counts[np.nonzero(counts)], axis=1)
    time = random.uniform(0, good_time, len(pixel))
    time[time > good_time / 2] += 1000  # of the gap between the good times
    edges = component.energy_edges
    evtype = component.selection.evtype
    events = {
        "position": component.positions_of(pixel), "time": START + time,
        "energy": np.sqrt(edges[energy] * edges[energy + 1]),
        "zenith": np.full(len(pixel), 50.0), "evtype": np.full(len(pixel), evtype),
    }  # fmt: skip
    Path(path).unlink(missing_ok=True)
    latfiles.write_ft1(path, events, good_time=good_time, listed=latfiles.cuts(evtype=evtype))
