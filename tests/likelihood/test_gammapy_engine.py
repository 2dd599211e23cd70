"""The likelihood fit against known truth, and against gammapy's own."""

import logging
import warnings

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from gammapy.maps import WcsNDMap
from makers import smallskies as sky
from makers.smallskies import fit
from scipy import stats

from fermiml import InputError, SkyCube, SourceCatalog
from fermiml.catalog import flags
from fermiml.catalog.extended_sources import FUNCTIONS, extended_table
from fermiml.catalog.flags import MLFlag
from fermiml.likelihood import gammapy_engine, grouping
from fermiml.likelihood.datasets import to_datasets
from fermiml.model.sources import DISK, GAUSS, MODEL_FORMS, RING, concatenate
from fermiml.response.psf import PSF
from fermiml.sky.cube import Origin

FIXED = {"positions": False, "spectra": False}


@pytest.fixture(scope="module")
def fitted(sources):
    """The fit of a Poisson sky from bare positions, 0.04 deg off."""
    data = sky.cube(sources, seed=5)
    moved = SourceCatalog.from_table({"GLON": sources.lon + 0.04, "GLAT": sources.lat - 0.03})
    return fit(moved, data)


def column(catalog, name):
    return np.asarray(catalog.table[name], float)


def test_ts_without_noise_is_the_asimov_ts_with_the_same_parameters_free(sources):
    data = sky.cube(sources)
    found = fit(sky.seeds(sources, shapes=True), data, background=False, neighbours=0.01, **FIXED)
    np.testing.assert_allclose(column(found, "TS"), sky.asimov_ts(sources), rtol=1e-3)
    np.testing.assert_allclose(column(found, "Flux1000"), sources.flux1000, rtol=1e-3)
    assert list(found.table["TS_Engine"]) == ["gammapy"] * 4


def test_asimov_fit_from_bare_positions_finds_the_truth(sources):
    found = fit(sky.seeds(sources), sky.cube(sources))
    asimov = sky.asimov_ts(sources)
    assert np.all(column(found, "TS") < asimov * 1.005)  # to fit the rest can only cost
    assert np.all(column(found, "TS") > asimov * 0.9)
    np.testing.assert_allclose(column(found, "Flux1000"), sources.flux1000, rtol=0.01)
    np.testing.assert_allclose(column(found, "PL_Index"), sources.shapes.index, atol=0.01)
    assert found.positions.separation(_truth(sources)).deg.max() < 0.008
    bands = np.asarray(found.table["Flux_Band"])[:, 4:7]
    truth = sources.flux([3e3, 1e4, 3e4, 1e5])
    np.testing.assert_allclose(bands[1], truth[1], rtol=0.02)


def test_two_components_bring_the_sum_of_their_asimov_ts():
    source = sky.power_laws([100.2], [45.1], [5e-10])
    parts = [sky.component(source, evtype=bit, name=name, width=6.0)
             for bit, name in ((1, "front"), (2, "back"))]  # fmt: skip
    both = SkyCube(parts, "test")
    found = fit(sky.seeds(source, shapes=True), both, background=False, **FIXED)
    asimov = sum(sky.asimov_ts(source, evtype=bit, width=6.0)[0] for bit in (1, 2))
    assert found.table["TS"][0] == pytest.approx(asimov, rel=1e-3)


def _truth(sources):
    return SkyCoord(sources.lon, sources.lat, unit="deg", frame="galactic")


def test_poisson_sky_is_fitted_within_its_errors(fitted, sources):
    separation = fitted.positions.separation(_truth(sources)).deg
    assert np.all(separation < 1.5 * column(fitted, "Conf_95_SemiMajor"))
    assert np.all(separation < 0.06)
    pull = (column(fitted, "Flux1000") - sources.flux1000) / column(fitted, "Unc_Flux1000")
    assert np.all(np.abs(pull) < 3.5)
    pull = (column(fitted, "PL_Index") - sources.shapes.index) / column(fitted, "Unc_PL_Index")
    assert np.all(np.abs(pull) < 4)
    assert np.all(np.abs(np.sqrt(column(fitted, "TS")) - np.sqrt(sky.asimov_ts(sources))) < 3.5)
    assert np.all(fitted.table["ML_Flags"] & MLFlag.NOT_CONVERGED == 0)


def test_flux_in_bands_and_limits(fitted, sources):
    flux, root = column(fitted, "Flux_Band"), column(fitted, "Sqrt_TS_Band")
    error = np.asarray(fitted.table["Unc_Flux_Band"], float)
    assert np.all(np.isnan(flux[:, :3])) and np.all(np.isfinite(flux[:, 3:7]))
    truth = sources.flux([1e3, 3e3, 1e4, 3e4, 1e5])
    seen = root[:, 3:7] >= 1
    pull = (flux[:, 3:7] - truth) / error[:, 3:7, 1]
    assert np.all(np.abs(pull[seen]) < 4)
    assert np.all(np.isfinite(error[:, 3:7, 0]) == seen)  # else an upper limit
    limit = flux[:, 3:7] + 2 * error[:, 3:7, 1]
    assert np.any(~seen) and np.all(truth[~seen] < limit[~seen])
    total = np.sum(root**2, axis=1, where=np.isfinite(root))
    np.testing.assert_allclose(total, column(fitted, "TS"), rtol=0.25)


def test_a_source_that_is_not_there_has_limits():
    seen = sky.cube(sky.power_laws([], [], []), width=4.0)
    seen.components[0].counts.data *= 0.9
    seen.components[0].counts.data[:, 15:25, 15:25] *= 0.5  # a hole
    found = fit(sky.seeds(sky.power_laws([100.0], [45.0], [1e-10])), seen, **FIXED).table[0]
    assert found["TS"] == 0 and found["Flux1000"] == 0
    assert np.all(found["Flux_Band"][3:7] == 0) and np.all(np.isnan(found["Unc_Flux_Band"][3:7, 0]))
    limits = 2 * found["Unc_Flux_Band"][3:7, 1]
    assert np.all((limits > 1e-14) & (limits < 1e-9))


def test_fluxes_of_one_source_scatter_as_their_errors_say():
    source = sky.power_laws([100.0], [45.0], [3e-10])
    pulls = []
    for seed in range(12):
        data = sky.cube(source, seed, width=5.0)
        found = fit(sky.seeds(source), data, positions=False, bands=False)
        row = found.table[0]
        pulls.append([(row["Flux1000"] - source.flux1000[0]) / row["Unc_Flux1000"],
                      (row["PL_Index"] - 2.2) / row["Unc_PL_Index"]])  # fmt: skip
    mean, width = np.mean(pulls, axis=0), np.std(pulls, axis=0)
    assert np.all(np.abs(mean) < 1.0) and np.all((width > 0.5) & (width < 1.7))


def test_ts_of_nothing_is_half_a_chi2():
    nothing = sky.power_laws([], [], [])
    grid = np.array([-1.2, 0.0, 1.2])
    lon, lat = (g.ravel() for g in np.meshgrid(grid, grid))
    places = SourceCatalog.from_table({"GLON": sky.LON + 1.4 * lon, "GLAT": sky.LAT + lat})
    values = []
    for seed in range(8):
        data = sky.cube(nothing, seed, width=5.0)
        values.extend(column(fit(places, data, neighbours=0.1, bands=False, **FIXED), "TS"))
    values = np.array(values)
    zero = values < 1e-4
    assert 0.27 < zero.mean() < 0.73  # 4 sigma of the binomial of 72
    assert stats.kstest(values[~zero], stats.chi2(1).cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    ("curvature", "exp_index", "kind"),
    [(0.0, 0.0, "PowerLaw"), (0.5, 0.0, "LogParabola"), (0.9, 2 / 3, "PLSuperExpCutoff")],
)
def test_the_shape_of_a_bright_source_is_found(curvature, exp_index, kind):
    index = 2.0 if exp_index == 0 else 1.6
    edges = tuple(np.geomspace(1e3, 1e5, 9))
    source = sky.power_laws([100.0], [45.0], [2e-8], index, curvature, exp_index)
    found = fit(sky.seeds(source), sky.cube(source, width=5.0, edges=edges)).table[0]
    assert found["SpectrumType"] == kind
    assert found["Flux1000"] == pytest.approx(source.flux1000[0], rel=0.01)
    if kind == "LogParabola":
        assert found["LP_beta"] == pytest.approx(0.25, abs=0.01)
        assert found["LP_SigCurv"] > 2
    if kind == "PLSuperExpCutoff":
        assert found["PLEC_Exp_Index"] == pytest.approx(2 / 3)
        assert found["PLEC_SigCurv"] > found["LP_SigCurv"] > 2


def test_gammapy_gives_the_same_ts_on_the_same_templates(sources, monkeypatch):
    monkeypatch.setattr(gammapy_engine, "_MARGIN", (8.0, 8.0))  # gammapy fits the corners, too
    data = sky.cube(sources, seed=6)
    found = fit(sky.seeds(sources, shapes=True), data, **FIXED)
    assert _gammapy_ts(data, sources, 3) == pytest.approx(found.table["TS"][3], rel=1e-3)


def _gammapy_ts(data, sources, number):
    """TS of a source by gammapy's Fit: norms of all, norm and tilt of the background free."""
    from gammapy.modeling import Fit
    from gammapy.modeling.models import (
        FoVBackgroundModel,
        PowerLawNormSpectralModel,
        TemplateNPredModel,
    )

    from fermiml.model import point_sources

    seen, _ = sky.observation()
    templates = []
    for i, pixels, values in point_sources.windows(seen, sources):
        expected = np.zeros(seen.geom.data_shape).reshape(len(values), -1)
        expected[:, pixels] = values
        model = TemplateNPredModel(
            WcsNDMap(seen.geom, expected.reshape(seen.geom.data_shape)),
            PowerLawNormSpectralModel(),
            name=f"s{i}",
            datasets_names=["all"],
        )
        model.spectral_model.norm.min = 0
        templates.append(model)

    def loss(which):
        (dataset,) = to_datasets(data)
        spectral = PowerLawNormSpectralModel(reference="3 GeV")
        spectral.tilt.frozen = False
        dataset.models = [FoVBackgroundModel(spectral_model=spectral, dataset_name="all"), *which]
        assert Fit().run(dataset).success
        return dataset.stat_sum()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return loss(templates[:number] + templates[number + 1 :]) - loss(templates)


@pytest.mark.parametrize("nodes", [None, 5])
def test_gammapy_expects_the_same_counts_whatever_the_psf_table(nodes):
    """A gtpsf table has its own energies, and may end where the counts do."""
    from gammapy.modeling.models import PointSpatialModel, PowerLawSpectralModel, SkyModel

    from fermiml.model import point_sources

    source = sky.power_laws([100.0], [45.0], [3e-9])
    data = sky.cube(source, width=6.0)
    if nodes:
        energy, psf = np.geomspace(*sky.EDGES[[0, -1]], nodes), data.components[0].psf
        data.components[0].psf = PSF(energy, psf.rad, psf.at(energy))
    (dataset,) = to_datasets(data)
    place = PointSpatialModel(lon_0="100 deg", lat_0="45 deg", frame="galactic")
    amplitude = f"{source.amplitude[0]} MeV-1 s-1 cm-2"
    spectrum = PowerLawSpectralModel(index=2.2, amplitude=amplitude, reference="1 GeV")
    dataset.models = [SkyModel(spectrum, place)]
    theirs = dataset.npred_signal().data.sum(axis=(1, 2))
    ours = point_sources.total(sky.observation(width=6.0)[0], source).sum(axis=(1, 2))
    np.testing.assert_allclose(theirs, ours, rtol=0.04)


@pytest.mark.latdata
def test_gammapy_evaluates_the_real_galactic_centre(latdata):
    from gammapy.modeling.models import PointSpatialModel, PowerLawSpectralModel, SkyModel

    stem = str(latdata / "real" / "3fhl_gc" / "fermi-3fhl-gc-")
    data = SkyCube.read(
        f"{stem}counts-cube.fits.gz",
        exposure=f"{stem}exposure-cube.fits.gz",
        psf=f"{stem}psf-cube.fits.gz",
        background=f"{stem}background-cube.fits.gz",
    )
    (dataset,) = to_datasets(data)
    place = PointSpatialModel(lon_0="0 deg", lat_0="0 deg", frame="galactic")
    spectrum = PowerLawSpectralModel(
        index=2.0, amplitude="1e-16 MeV-1 s-1 cm-2", reference="20 GeV"
    )
    dataset.models = [SkyModel(spectrum, place)]
    energy = dataset.counts.geom.axes["energy"].edges.to_value("MeV")
    exposure = 3.3e11  # cm2 s at the centre, the same within 3 % from 10 to 500 GeV
    expected = 1e-16 * 2e4**2 * (1 / energy[:-1] - 1 / energy[1:]) * exposure
    signal = dataset.npred_signal().data.sum(axis=(1, 2))
    np.testing.assert_allclose(signal, expected, rtol=0.1)


def test_a_bright_known_source_outside_the_data_is_part_of_the_model():
    outside = sky.power_laws([100.0, 100.0], [45.0, 48.2], [4e-10, 2e-7])
    data = sky.cube(outside, width=5.0)
    seed = sky.seeds(outside[[0]])
    alone = fit(seed, data, positions=False)
    known = fit(seed, data, known=sky.seeds(outside, shapes=True), positions=False)
    truth = outside.flux1000[0]
    assert known.table["Flux1000"][0] == pytest.approx(truth, rel=0.01)
    assert abs(alone.table["Flux1000"][0] / truth - 1) > 0.02
    assert len(known) == 1  # the known ones are in the model, not in the catalog


def test_rows_outside_the_data_stay_and_close_ones_are_flagged(caplog):
    pair = sky.power_laws([100.0, 100.1], [45.0, 45.05], [5e-10, 4e-10])
    table = {
        "GLON": [100.0, 100.1, 140.0],
        "GLAT": [45.0, 45.05, 0.0],
        "Flux1000": [np.nan] * 2 + [7e-9],
    }
    with caplog.at_level(logging.WARNING, "fermiml"):
        found = fit(SourceCatalog.from_table(table), sky.cube(pair, 3, width=5.0))
    assert "1 of the 3 sources are outside the data" in caplog.text
    assert np.all(found.table["ML_Flags"][:2] & MLFlag.BLENDED)
    assert np.isnan(found.table["TS"][2]) and found.table["TS_Engine"][2] == ""
    assert found.table["Flux1000"][2] == pytest.approx(7e-9)


def test_a_fit_decides_its_own_flags_anew_and_keeps_the_others():
    """Two sources 0.3 deg apart, farther than the PSF core, with the response given."""
    pair = sky.power_laws([100.0, 100.0], [45.0, 45.3], [5e-10, 4e-10])
    kept = MLFlag.EDGE | MLFlag.LOW_TS | MLFlag.DIFFUSE | MLFlag.SECOND_DIFFUSE
    seeds = sky.seeds(pair, shapes=True)
    seeds.table["ML_Flags"] = np.full(2, flags.FITTED | kept, np.int16)
    data = sky.cube(pair, width=5.0)
    assert 0.2 < flags.psf_core(data) < 0.25
    found = fit(seeds, data, bands=False, **FIXED)
    assert list(found.table["ML_Flags"]) == [kept, kept]

    data.components[0].origins = {"psf": Origin("an IRF", True), "exposure": Origin("GTI", True)}
    assumed = MLFlag.RESPONSE_ASSUMED | MLFlag.EXPOSURE_ESTIMATED
    again = fit(found, data, bands=False, **FIXED)
    assert list(again.table["ML_Flags"]) == [kept | assumed] * 2


def test_the_psf_core_is_that_of_the_data(sources):
    """39 % of the PSF at 2 GeV, or at the lowest energy above, of the sharpest component."""
    sharp, all_events = (sky.component(sources, evtype=e, name=str(e)) for e in (32, 3))
    high = sky.component(sources, edges=(1e4, 3e4, 1e5))
    core = {}
    for name, parts in (("both", [sharp, all_events]), ("sharp", [sharp]), ("high", [high])):
        core[name] = flags.psf_core(SkyCube(parts, "test"))
    assert core["both"] == core["sharp"] == pytest.approx(0.14, rel=0.05)
    assert core["high"] == pytest.approx(0.078, rel=0.05)


def test_a_fit_that_does_not_converge_is_flagged_and_the_rest_written(sources, monkeypatch):
    from fermiml.likelihood import poisson

    monkeypatch.setattr(poisson, "_STEPS", 1)
    found = fit(sky.seeds(sources), sky.cube(sources, 1), positions=False)
    assert np.any(found.table["ML_Flags"] & MLFlag.NOT_CONVERGED)
    assert np.all(np.isfinite(column(found, "TS")))


def test_an_interrupted_run_goes_on(sources, tmp_path, monkeypatch):
    # Groups of one source each, so that there is more than one region.
    monkeypatch.setattr(grouping, "_WIDEST", 0.5)
    data, catalog = sky.cube(sources, 5), sky.seeds(sources[[0, 1]])
    whole = fit(catalog, data, **FIXED)
    run, calls = gammapy_engine.run_task, []

    def failing(task):
        calls.append(task)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return run(task)

    monkeypatch.setattr(gammapy_engine, "run_task", failing)
    with pytest.raises(KeyboardInterrupt):
        fit(catalog, data, parts=tmp_path / "parts", **FIXED)
    again = fit(catalog, data, parts=tmp_path / "parts", **FIXED)
    assert len(calls) == 5  # two first norms, one region, the failed one; then that one again
    np.testing.assert_array_equal(column(again, "TS"), column(whole, "TS"))
    fit(catalog, sky.cube(sources, 6), parts=tmp_path / "parts", **FIXED)
    assert len(calls) == 9  # other counts: nothing is taken from the folder


def test_healpix_pixels_give_the_same_ts():
    from gammapy.maps import HpxGeom, HpxNDMap

    from fermiml.model import point_sources
    from fermiml.model.observation import Observation

    source = sky.power_laws([100.0], [45.0], [5e-10])
    wcs, _ = sky.observation(width=6.0)
    geom = HpxGeom(256, nest=False, frame="galactic", region="DISK(100,45,3)",
                   axes=[wcs.geom.axes["energy"]])  # fmt: skip
    seen = Observation.of(geom, wcs.exposure_map, wcs.response)
    flat = np.full((len(sky.EDGES) - 1, 1), 0.2) * seen.pixels.area / seen.pixels.area.mean()
    expected = flat + point_sources.total(seen, source)
    part = sky.component(source, width=6.0)
    part.counts, part.background = HpxNDMap(geom, expected), HpxNDMap(geom, flat)
    part.mask = np.ones(seen.pixels.shape, bool)
    part.__dict__.pop("geom", None)
    found = fit(sky.seeds(source, shapes=True), SkyCube([part], "test"), background=False, **FIXED)
    asimov = point_sources.asimov_ts(seen, source, expected)[0].sum()
    assert found.table["TS"][0] == pytest.approx(asimov, rel=1e-3)


@pytest.mark.slow
def test_jobs_in_other_processes_give_the_same(sources, monkeypatch):
    data, catalog = sky.cube(sources, 5), sky.seeds(sources[[0, 1]])
    monkeypatch.setattr(grouping, "_WIDEST", 0.5)
    one, two = (fit(catalog, data, jobs=jobs, **FIXED) for jobs in (1, 2))
    np.testing.assert_array_equal(column(one, "TS"), column(two, "TS"))


def test_without_psf_or_exposure_there_is_no_fit(sources):
    for part in ("psf", "exposure"):
        data = sky.cube(sources)
        setattr(data.components[0], part, None)
        with pytest.raises(InputError, match=f"component all: no {part} is known"):
            fit(sky.seeds(sources), data)


def test_an_empty_catalog_stays_empty(sources):
    assert len(fit(SourceCatalog(), sky.cube(sources))) == 0


def test_a_start_without_flux_is_no_obstacle(sources):
    table = sky.seeds(sources, shapes=True).table
    table["PL_Flux_Density"] *= 1e-10
    table["Flux1000"] = np.nan
    found = fit(SourceCatalog.from_table(table), sky.cube(sources), positions=False, bands=False)
    np.testing.assert_allclose(column(found, "Flux1000"), sources.flux1000, rtol=0.02)


def test_a_hard_source_of_few_photons_gets_its_place_and_index():
    source = sky.power_laws([100.0], [45.0], [7e-11], 1.5)
    bare = SourceCatalog.from_table({"GLON": [100.06], "GLAT": [45.03]})
    found = fit(bare, sky.cube(source, seed=1, width=5.0), bands=False)
    row = found.table[0]
    assert row["TS"] > 25 and row["Npred"] < 60
    separation = found.positions.separation(_truth(source)).deg[0]
    assert separation < 1.5 * row["Conf_95_SemiMajor"] and row["Conf_95_SemiMajor"] < 0.1
    assert abs(row["PL_Index"] - 1.5) < 3.5 * row["Unc_PL_Index"]
    assert row["Pivot_Energy"] > 3e3


def test_an_index_at_its_bound_is_flagged_and_has_no_error(sources):
    """The flag is that of the last fit: one that the photometry set goes."""
    mixed = sky.power_laws(
        sources.lon, sources.lat, [1e-8, 1e-9, 5e-10, 3e-10], [7.0, *sources.shapes.index[1:]]
    )
    seeds = sky.seeds(mixed)
    seeds.table["ML_Flags"] = np.int16([0, MLFlag.AT_BOUND | MLFlag.EDGE, 0, 0])
    table = fit(seeds, sky.cube(mixed), positions=False, bands=False).table
    assert table["PL_Index"][0] == 5.0 and np.isnan(table["Unc_PL_Index"][0])
    assert list(table["ML_Flags"] & MLFlag.AT_BOUND) == [MLFlag.AT_BOUND, 0, 0, 0]
    assert table["ML_Flags"][1] & MLFlag.EDGE
    assert np.all(table["Unc_PL_Index"][1:] > 0) and np.all(table["Unc_Flux1000"] > 0)


def test_a_region_that_fails_ends_nothing(sources, monkeypatch, caplog):
    """Its rows have no TS, and a flag; a first norm that fails leaves the seed as it is."""
    monkeypatch.setattr(grouping, "_WIDEST", 0.5)
    measure = gammapy_engine.measurement.measure

    def failing(region, core, *others):
        if region.sources.lon[core[0]] > 101:
            raise np.linalg.LinAlgError("Singular matrix")
        return measure(region, core, *others)

    monkeypatch.setattr(gammapy_engine.measurement, "measure", failing)
    with caplog.at_level(logging.WARNING, "fermiml"):
        table = fit(sky.seeds(sources[[0, 1]]), sky.cube(sources, 5), **FIXED).table
    assert table["TS"][0] > 25 and np.isnan(table["TS"][1])
    assert list(table["TS_Engine"]) == ["gammapy", ""]
    assert list(table["ML_Flags"] & MLFlag.NOT_CONVERGED > 0) == [False, True]
    assert "region 2 of 2 failed twice: LinAlgError: Singular matrix" in caplog.text


def extended_seeds(sources, size):
    """A catalog of one extended row as `fermiml detect` makes it."""
    table = sky.seeds(sources).table
    table["ML_Ext_Form"], table["ML_Ext_Size"] = [MODEL_FORMS[sources.form[0]]], [size]
    table["Extended_Source_Name"] = table["Source_Name"]
    return SourceCatalog(table, extended=extended_table(table))


def test_an_extended_row_is_fitted_with_its_shape():
    """Its position and its size may stay; as a point it has a lower TS."""
    disk = sky.power_laws(100.0, 45.0, 3e-9).extended_to([DISK], [0.4])
    cube, seeds = sky.cube(disk), extended_seeds(disk, 0.4)
    fitted = fit(seeds, cube, bands=False, extents=False)
    as_point = fit(sky.seeds(disk), cube, bands=False)
    assert fitted.table["Flux1000"][0] == pytest.approx(3e-9, rel=0.02)
    assert fitted.table["PL_Index"][0] == pytest.approx(2.2, abs=0.02)
    assert fitted.extensions()[0] == pytest.approx(0.4)
    assert fitted.table["RAJ2000"][0] == seeds.table["RAJ2000"][0]
    assert fitted.table["TS"][0] > as_point.table["TS"][0] + 100


@pytest.mark.parametrize("form, size", [(DISK, 0.4), (GAUSS, 0.3), (RING, 0.6)])
def test_position_and_size_of_an_extended_row_are_fitted(form, size):
    """From a size that is wrong by a factor of 1.6, and a position 0.1 deg off."""
    body = sky.power_laws(100.0, 45.0, 4e-9).extended_to([form], [size])
    beside = sky.power_laws([101.9], [45.4], [1e-9])
    seeds = extended_seeds(sky.power_laws(100.1, 45.07, 3e-9).extended_to([form], [0]), 1.6 * size)
    fitted = fit(seeds, sky.cube(concatenate([body, beside]), seed=3), bands=False)
    row = fitted.table[0]
    assert abs(row["ML_Ext_Size"] - size) < 2.5 * row["Unc_ML_Ext_Size"] < 0.25 * size
    away = fitted.positions[0].separation(_truth(body)[0]).deg
    assert away < 1.5 * row["Conf_95_SemiMajor"] < 0.15
    assert row["ML_TS_Ext"] > 36 and row["TS"] > 400
    assert row["Flux1000"] == pytest.approx(4e-9, rel=0.15)
    assert fitted.extensions()[0] == pytest.approx(row["ML_Ext_Size"])
    middle = SkyCoord(
        fitted.extended["GLON"], fitted.extended["GLAT"], unit="deg", frame="galactic"
    )
    assert middle[0].separation(fitted.positions[0]).deg < 1e-4


@pytest.mark.parametrize("form, given", [(DISK, RING), (GAUSS, DISK), (RING, GAUSS)])
def test_the_form_of_an_extended_row_is_fitted(form, given):
    body = sky.power_laws(100.0, 45.0, 8e-9).extended_to([form], [0.5])
    fitted = fit(extended_seeds(body.extended_to([given], [0]), 0.5), sky.cube(body), bands=False)
    row, shape = fitted.table[0], fitted.extended[0]
    assert row["ML_Ext_Form"] == shape["Model_Form"] == MODEL_FORMS[form]
    assert shape["Spatial_Function"] == FUNCTIONS[row["ML_Ext_Form"]]
    assert abs(row["ML_Ext_Size"] - 0.5) < 2.5 * row["Unc_ML_Ext_Size"] < 0.1


def test_sizes_from_other_catalogs_stay():
    disk = sky.power_laws(100.0, 45.0, 3e-9).extended_to([DISK], [0.4])
    given = extended_seeds(disk, 0.5)
    del given.table["ML_Ext_Form"]
    fitted = fit(given, sky.cube(disk), bands=False)
    assert fitted.extensions()[0] == pytest.approx(0.5)
    assert fitted.table["RAJ2000"][0] == given.table["RAJ2000"][0]
