"""Traditional detection: it finds what is there, where it is, and nothing else."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from gammapy.maps import WcsGeom, WcsNDMap

from fermiml import InputError, TraditionalDetector
from fermiml.model import point_sources
from fermiml.model.observation import Observation
from fermiml.model.sources import Shapes, Sources
from fermiml.response import exposure, irfs
from fermiml.response.installed import load_response
from fermiml.sky.cube import SkyCube
from fermiml.traditional import search, tsmap
from fermiml.traditional.norm_fit import NormFit

EDGES = [1000, 2000, 6000, 30000]
CENTER = (40.0, 50.0)
PLACES = ((40.0, 50.0, 3e-9), (42.13, 51.07, 8e-10), (38.31, 48.83, 8e-10), (38.9, 51.2, 2e-11))


def make_cube(seed, background=1.0, width=5):
    """Four sources (three of them bright) on a flat background, 5 x 5 deg, in three bins."""
    geom = WcsGeom.create(
        skydir=SkyCoord(*CENTER, unit="deg", frame="galactic"), width=width, binsz=0.1, proj="ZEA",
        frame="galactic", axes=[_axis()],
    )  # fmt: skip
    response = load_response(irfs.DEFAULT_IRF, 3)
    observation = Observation.of(geom, exposure.estimate(14 * 2.6e7, response), response)
    sources = make_sources()
    level = np.array([1.5, 0.8, 0.2])[:, None, None] * np.ones(geom.data_shape)
    rng = np.random.default_rng(seed)
    level = level * background
    counts = rng.poisson(level + point_sources.total(observation, sources))
    cube = SkyCube.read(
        WcsNDMap(geom, counts), irf=irfs.DEFAULT_IRF, evtype=3, exposure=observation.exposure_map
    )
    cube.components[0].background = WcsNDMap(geom, level / background)
    return cube


def _axis():
    from gammapy.maps import MapAxis

    return MapAxis.from_energy_edges(EDGES, unit="MeV", name="energy")


def make_sources():
    lon, lat, flux = np.array(PLACES).T
    full = np.ones(len(lon))
    return Sources.points(lon, lat, flux, Shapes(2e3 * full, 2.2 * full, 0 * full, 0 * full), "bll")


@pytest.fixture(scope="module")
def cube():
    return make_cube(1)


@pytest.fixture(scope="module")
def catalog(cube):
    return TraditionalDetector().run(cube)


@pytest.mark.slow
def test_the_sources_are_found_where_they_are(catalog):
    """Three bright sources within 0.05 deg, their fluxes within three sigma, and 5 sigma only
    there."""
    bright = SkyCoord(*np.array(PLACES)[:3, :2].T, unit="deg", frame="galactic")
    strong = catalog.filter(catalog.table["Signif_Avg"] > 5)
    assert len(strong) == 3
    found, separation, _ = bright.match_to_catalog_sky(strong.positions)
    assert sorted(found) == [0, 1, 2] and separation.max() < 0.05 * u.deg
    rows = strong.table[found]
    pull = (rows["Flux1000"] - np.array(PLACES)[:3, 2]) / rows["Unc_Flux1000"]
    assert np.all(np.abs(pull) < 3)
    assert np.all(rows["Conf_95_SemiMajor"] >= rows["Conf_95_SemiMinor"])
    assert np.all((rows["Conf_95_SemiMajor"] > 0.01) & (rows["Conf_95_SemiMajor"] < 0.5))
    assert np.all(catalog.table["Signif_Avg"] >= 3.5)
    assert {"SECONDS", "CPU_SECS", "ROUNDS"} <= set(catalog.table.meta)


def test_a_flux_that_reaches_far_below_the_data_is_not_known(monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "EDGES", [1e4, 2e4, 5e4, 2e5])
    table = TraditionalDetector().run(make_cube(1, background=0.1, width=1.5)).table
    assert len(table) and np.all(np.isfinite(table["PL_Flux_Density"]))
    for name in ("Flux1000", "Unc_Flux1000", "Energy_Flux100"):
        assert np.all(np.isnan(table[name]))


@pytest.mark.slow
def test_ts_is_that_of_the_likelihood(cube, catalog):
    """Taking the source away and fitting everything else anew gives the same TS."""
    place = catalog.positions.galactic
    kept = np.arange(len(catalog)) != 1
    flux = np.asarray(catalog.table["Flux1000"], float)
    loss = []
    for rows in (np.ones(len(catalog), bool), kept):
        fit = NormFit(cube.components, [[cube.components[0].background.data]], 2.2)
        fit.add(place.l.deg[rows], place.b.deg[rows], flux[rows])
        loss.append(fit._minimum.loss)
    assert 2 * (loss[1] - loss[0]) == pytest.approx(catalog.table["TS"][1], rel=0.03)


def test_norms_are_those_of_a_general_minimiser(cube):
    """The gradient vanishes, and a norm of the background is found again."""
    from scipy.optimize import minimize

    lon, lat, flux = np.array(PLACES).T
    component = make_cube(2, background=1.3).components[0]
    fit = NormFit([component], [[component.background.data]], 2.2)
    fit.add(lon, lat, flux)
    assert fit.norms[0] == pytest.approx(1.3, rel=0.05)

    counts = component.counts.data
    unit = [component.background.data]
    observation = Observation.like(component)
    for i in range(len(lon)):
        unit.append(point_sources.total(observation, make_sources()[[i]]))
    unit = np.array(unit)

    def cost(norms):
        model = np.maximum(np.tensordot(norms, unit, 1), 1e-12)
        return np.sum(model - counts * np.log(model)), np.tensordot(unit, 1 - counts / model, 3)

    result = minimize(cost, np.ones(5), jac=True, method="L-BFGS-B", bounds=[(0, None)] * 5,
                      options={"ftol": 1e-12, "maxiter": 500})  # fmt: skip
    mine = np.append(fit.norms[0], fit.norms[1:] * 1e-9 / flux)
    assert mine == pytest.approx(result.x, rel=0.02, abs=0.3)


@pytest.mark.slow
def test_chosen_pixels_are_as_good_as_all():
    """Where the quick test skips pixels there is nothing above 2.5 sigma; elsewhere they agree."""
    cube = make_cube(1, width=3)
    expected = [cube.components[0].background.data]
    some, _ = tsmap.SignificanceMaps(cube.components, 2.2)(expected, 3.5)
    every, flux = tsmap.SignificanceMaps(cube.components, 2.2, everywhere=True)(expected, 3.5)
    bright, _ = tsmap.SignificanceMaps(cube.components, 2.2)(expected, 5.0)
    assert bright[every > 5] == pytest.approx(every[every > 5], abs=1e-6)
    assert (bright == 0).sum() > (some == 0).sum()
    skipped = some == 0
    assert 0.1 < skipped.mean() < 1
    assert every[skipped].max() < 2.5
    assert some[~skipped] == pytest.approx(every[~skipped], abs=1e-6)
    row, column = np.unravel_index(np.argmax(every), every.shape)
    assert flux[row, column] == pytest.approx(3e-9, rel=0.35)


def test_a_psf_table_that_ends_where_the_counts_do_gives_the_same_map():
    cube = make_cube(1, width=1.3)
    (component,) = cube.components
    expected = [component.background.data]
    whole, _ = tsmap.SignificanceMaps([component], 2.2)(expected, 3.5)
    energy, psf = np.geomspace(EDGES[0], EDGES[-1], 40), component.psf
    component.psf = type(psf)(energy, psf.rad, psf.at(energy))
    short, _ = tsmap.SignificanceMaps([component], 2.2)(expected, 3.5)
    assert short == pytest.approx(whole, abs=0.1)


@pytest.mark.slow
def test_components_add_up():
    """Two halves of the data, as two components, are worth as much as the whole."""
    cube = make_cube(1, width=1.3)
    whole = cube.components[0]
    rng = np.random.default_rng(3)
    first = rng.binomial(whole.counts.data.astype(int), 0.5)
    halves = []
    for counts in (first, whole.counts.data - first):
        part = make_cube(1, width=1.3).components[0]
        part.counts = WcsNDMap(whole.counts.geom, counts)
        part.exposure = whole.exposure * 0.5
        part.background = whole.background * 0.5
        halves.append(part)
    both, _ = tsmap.SignificanceMaps(halves, 2.2)([h.background.data for h in halves], 3.5)
    one, _ = tsmap.SignificanceMaps([whole], 2.2)([whole.background.data], 3.5)
    row, column = np.unravel_index(np.argmax(one), one.shape)
    assert both[row, column] == pytest.approx(one[row, column], rel=0.02)


@pytest.mark.slow
def test_the_cache_follows_the_content(cube, catalog, tmp_path, monkeypatch):
    """The same input is not searched twice; other counts, background or options are."""
    monkeypatch.setattr(search, "_search", lambda *_: catalog)
    detector = TraditionalDetector(cache=tmp_path)
    assert not detector.is_cached(cube)
    first = detector.run(cube)
    assert detector.is_cached(cube) and not TraditionalDetector().is_cached(cube)
    assert not TraditionalDetector(threshold=6.0, cache=tmp_path).is_cached(cube)
    assert not detector.is_cached(cube, [1.01 * cube.components[0].background.data])
    assert not detector.is_cached(make_cube(9))
    monkeypatch.setattr(search, "_search", None)
    again = detector.run(cube)
    assert len(first) == len(again)
    assert again.table.meta["SECONDS"] == catalog.table.meta["SECONDS"]


@pytest.mark.slow
def test_nothing_found_is_an_empty_catalog():
    """No counts beyond the background: a catalog with all columns and no row."""
    component = make_cube(4, width=3).components[0]
    counts = np.random.default_rng(5).poisson(component.background.data)
    component.counts = WcsNDMap(component.counts.geom, counts)
    component.selection = replace(component.selection, simulated=True)
    catalog = TraditionalDetector(final=5.0).run(SkyCube([component], "map"))
    assert len(catalog) == 0 and "Signif_Avg" in catalog.table.colnames
    assert catalog.simulated


def test_bad_input_is_named(cube):
    with pytest.raises(InputError, match="background is on a different grid"):
        TraditionalDetector().run(cube, [np.ones((2, 3, 4))])
    with pytest.raises(InputError, match="2 backgrounds for 1 components"):
        TraditionalDetector().run(cube, [None, None])
    with pytest.raises(InputError, match="needs a model of the diffuse emission"):
        TraditionalDetector().run(cube, [None])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"index": -1}, "index: -1 is not a number from 0 to 5"),
        ({"threshold": "high"}, "threshold: 'high' is not a number"),
        ({"separation": 1 * u.m}, "separation: 1.0 m is not in units of deg"),
        ({"rounds": 2.5}, "rounds: 2.5 is not a whole number from 0"),
        ({"everywhere": 1}, "everywhere: 1 is neither true nor false"),
    ],
)
def test_settings_without_sense_are_refused_at_once(settings, message):
    with pytest.raises(InputError, match=message):
        TraditionalDetector(**settings)


def test_an_angle_may_have_a_unit():
    assert TraditionalDetector(separation=30 * u.arcmin).options == TraditionalDetector().options


def test_the_old_function_works_and_warns(cube, monkeypatch):
    monkeypatch.setattr(search, "_search", lambda cube, diffuse, options: options.final)
    with pytest.warns(DeprecationWarning, match=r"is fermiml.TraditionalDetector now"):
        assert search.detect_traditional(cube, final=4) == 4.0
