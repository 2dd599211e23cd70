"""Photometry against skies whose truth is known: simulated counts, and their expectation."""

import dataclasses

import astropy.units as u
import healpy
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from gammapy.maps import HpxGeom, HpxNDMap, MapAxis, WcsGeom, WcsNDMap

from fermiml import SourceCatalog
from fermiml.catalog.ellipses import R68, R95
from fermiml.catalog.flags import MLFlag
from fermiml.checkpoint import content_key
from fermiml.errors import InputError
from fermiml.executors import open_executor
from fermiml.model import point_sources
from fermiml.model.observation import Observation
from fermiml.model.sources import DISK, Shapes, Sources
from fermiml.photometry import regions
from fermiml.photometry.measure import measure
from fermiml.photometry.pixels import SkyPixels
from fermiml.photometry.region_fit import fit_region
from fermiml.photometry.table import drop_errors_at_bounds
from fermiml.response import exposure as exposures
from fermiml.response.installed import load_response
from fermiml.sky.bands import photons
from fermiml.sky.cube import Component, SkyCube, check_counts
from fermiml.sky.read.complete import complete
from fermiml.sky.selection import Selection
from fermiml.sky.sphere import vectors_of

EDGES = np.array([1e3, 2e3, 7e3, 2e4, 1e6])  # MeV
CENTER = SkyCoord(50, 40, unit="deg", frame="galactic")
OFFSETS = np.array([[-2, -2], [2, -2], [-2, 2], [2, 2]]) * u.deg


class Sky:
    """Four sources of index 2.2 on a flat background, 14 years."""

    def __init__(self, geom, flux=1e-9, disk=0.0, edges=EDGES):
        self.geom, self.response = geom, load_response()
        self.exposure = exposures.estimate(14 * 2.6e7, self.response)
        observation = Observation.of(geom, self.exposure, self.response)
        self.places = CENTER.spherical_offsets_by(*OFFSETS.T)
        flat = np.zeros(4)
        shapes = Shapes(flat + 2e3, flat + 2.2, flat, flat)
        sources = Sources.points(self.places.l.deg, self.places.b.deg, flat + flux, shapes, "bll")
        if disk:
            sources = sources.extended_to(np.full(4, DISK), np.full(4, disk))
        energy = np.sqrt(edges[:-1] * edges[1:])
        density = 1.5e-9 * (energy / 1e3) ** -2.4 * np.diff(edges)
        density *= observation.exposure([50.0], [40.0], energy)[:, 0]
        area = observation.pixels.area.reshape(observation.pixels.shape)
        self.background = np.multiply.outer(density, area)
        self.expected = self.background + point_sources.total(observation, sources)
        self.ts = point_sources.asimov_ts(observation, sources, self.expected)[0].sum(axis=1)
        self.flux = flux

    def cube(self, counts=None, background=False, mask=None):
        """The sky as a cube of one component."""
        kind = HpxNDMap if self.geom.is_hpx else WcsNDMap
        component = Component(
            "sky", kind(self.geom, self.expected if counts is None else counts), Selection()
        )
        component.mask = mask
        component.psf, component.exposure = self.response.psf, self.exposure
        check_counts(component)
        complete(component)
        if background:
            component.background = kind(self.geom, self.background)
        return SkyCube([component], "test")


def axis():
    return MapAxis.from_energy_edges(EDGES, unit="MeV", name="energy")


def wcs(binsz=0.1, width=10):
    return WcsGeom.create(skydir=CENTER, width=width, binsz=binsz, proj="TAN", frame="galactic",
                          axes=[axis()])  # fmt: skip


def healpix(nside):
    disk = f"DISK({CENTER.l.deg},{CENTER.b.deg},6)"
    return HpxGeom(nside, nest=False, frame="galactic", region=disk, axes=[axis()])


@pytest.fixture(scope="module")
def sky():
    return Sky(wcs())


def scattered(places, distance=0.05):
    return places.directional_offset_by(np.arange(len(places)) * 77 * u.deg, distance * u.deg)


def found_at(table):
    return SkyCoord(table["RAJ2000"], table["DEJ2000"], unit="deg", frame="fk5")


def test_expected_counts_give_back_the_truth(sky):
    table = measure(sky.cube(background=True), scattered(sky.places))
    assert np.allclose(table["Flux1000"], sky.flux, rtol=0.03)
    assert np.allclose(table["PL_Index"], 2.2, atol=0.04)
    assert np.all(found_at(table).separation(sky.places).deg < 0.003)
    assert np.allclose(table["ML_TS"], sky.ts, rtol=0.15)
    assert np.all(table["ML_TS_Curv"] < 1)
    assert np.all(table["ML_TS_Ext"] < 1)
    assert not np.any(table["ML_Flags"])


def test_no_background_is_needed(sky):
    table = measure(sky.cube(), scattered(sky.places))
    assert np.allclose(table["Flux1000"], sky.flux, rtol=0.05)
    assert np.all(np.abs(np.sqrt(table["ML_TS"]) / np.sqrt(sky.ts) - 1) < 0.15)


@pytest.mark.parametrize("geom", [wcs(0.25), healpix(256)], ids=["0.25 deg", "nside 256"])
def test_any_pixels(geom):
    sky = Sky(geom)
    table = measure(sky.cube(), scattered(sky.places))
    assert np.allclose(table["Flux1000"], sky.flux, rtol=0.06)
    assert np.all(found_at(table).separation(sky.places).deg < 0.015)


@pytest.mark.slow
def test_errors_are_those_that_occur(sky):
    rng = np.random.default_rng(2)
    pulls, inside = [], []
    for _ in range(6):
        table = measure(sky.cube(rng.poisson(sky.expected)), scattered(sky.places))
        pulls.append((table["Flux1000"] - sky.flux) / table["Unc_Flux1000"])
        found = found_at(table)
        angle = found.position_angle(sky.places).rad - np.radians(table["Conf_95_PosAng"])
        offset = found.separation(sky.places).deg
        inside.append(np.hypot(offset * np.cos(angle) / table["Conf_95_SemiMajor"],
                               offset * np.sin(angle) / table["Conf_95_SemiMinor"]))  # fmt: skip
    pulls, inside = np.ravel(pulls), np.ravel(inside)
    assert abs(pulls.mean()) < 0.5
    assert 0.7 < pulls.std() < 1.35
    assert np.mean(inside < 1) > 0.85
    assert 0.45 < np.mean(inside < R68 / R95) < 0.88


def test_bands_add_up_and_faint_ones_are_limits(sky):
    table = measure(sky.cube(np.random.default_rng(4).poisson(sky.expected)), sky.places)
    bands = np.asarray(table["ML_Flux_Band"])
    assert np.all(np.isnan(bands[:, 0]))  # the data begin at 1 GeV
    total = bands[:, 1:].sum(axis=1)
    assert np.allclose(total, table["Flux1000"], rtol=0.1)
    flux, unc = np.asarray(table["Flux_Band"]), np.asarray(table["Unc_Flux_Band"])
    root = np.asarray(table["Sqrt_TS_Band"])
    assert np.all(np.isnan(flux[:, :3]))
    known = np.isfinite(flux)
    assert np.all(np.isnan(unc[..., 0]) == ~(root >= 1))  # an upper limit, or not known
    assert np.all(unc[..., 1][known] > 0)


def test_the_flux_below_500_mev_has_columns_of_its_own():
    """Where the data reach far enough down; the five bands do not change."""
    edges = np.array([100, 180, 316, 500, *EDGES])
    true = 1e-8 * photons(100, 500) / photons(1e3, 1e5)
    for lowest, known in ((0, True), (2, False)):
        axis = MapAxis.from_energy_edges(edges[lowest:], unit="MeV", name="energy")
        geom = WcsGeom.create(skydir=CENTER, width=14, binsz=0.25, frame="galactic", axes=[axis])
        bright = Sky(geom, flux=1e-8, edges=edges[lowest:])
        table = measure(bright.cube(background=True), bright.places)
        low, error = np.asarray(table["ML_Flux_Low"]), np.asarray(table["Unc_ML_Flux_Low"])
        assert np.all(np.isfinite([low, error]) == known)
        if known:
            assert np.allclose(low, true, rtol=0.1)
            assert np.all((error > 0) & (error < 0.2 * true))


def test_an_index_at_its_bound_is_flagged_and_has_no_error(sky):
    """Sources with photons in the lowest bin alone are softer than any index that is allowed."""
    soft = sky.background.copy()
    soft[0] += 100 * (sky.expected - sky.background)[0]
    table = measure(sky.cube(soft), sky.places)
    assert np.all(table["PL_Index"] == 5.0)
    usual = measure(sky.cube(), sky.places)
    for fitted, flag in ((table, MLFlag.AT_BOUND), (usual, 0)):
        assert np.all(fitted["ML_Flags"] & MLFlag.AT_BOUND == flag)
        drop_errors_at_bounds(fitted)
        assert np.all(np.isnan(fitted["Unc_PL_Index"]) == bool(flag))
        assert np.all(fitted["Unc_PL_Flux_Density"] > 0)
        assert "ML_At_Bound" not in fitted.colnames


def test_nothing_is_found_where_nothing_is(sky):
    rng = np.random.default_rng(5)
    empty = CENTER.spherical_offsets_by(*(rng.uniform(-1.3, 1.3, (2, 12)) * u.deg))
    table = measure(sky.cube(rng.poisson(sky.expected)), SkyCoord([*sky.places, *empty]))
    low = (table["ML_Flags"] & MLFlag.LOW_TS) > 0
    assert not np.any(low[:4])
    assert np.sum(low[4:]) >= 9
    # the error of a flux of zero is that of a faint source in the same place
    assert table["Flux1000"][4:].min() < 1e-15
    error = table["Unc_Flux1000"][4:]
    assert error.min() > np.median(error) / 4


def test_disks_are_told_from_points():
    sky = Sky(wcs(), flux=3e-9, disk=0.5)
    table = measure(sky.cube(np.random.default_rng(6).poisson(sky.expected)), sky.places)
    assert np.all(table["ML_TS_Ext"] > 25)
    assert np.all(table["ML_Flags"] & MLFlag.DIFFUSE)


def test_candidates_outside_get_a_flag_and_no_values(sky):
    outside = SkyCoord([0.0, 52], [0.0, 52], unit="deg", frame="galactic")
    table = measure(sky.cube(), SkyCoord([*outside, *sky.places]))
    assert np.all(table["ML_Flags"][:2] == MLFlag.EDGE)
    assert np.all(np.isnan(table["ML_TS"][:2]))
    assert np.all(table["ML_TS"][2:] > 25)
    assert len(SourceCatalog.from_table(table)) == 6


def test_masked_pixels_count_for_nothing(sky):
    mask = np.ones(sky.geom.to_image().data_shape, bool)
    mask[:, 52:] = False  # two of the four sources
    counts = np.where(mask, sky.expected, 1e4)
    table = measure(sky.cube(counts, mask=mask), sky.places)
    hidden = np.isnan(table["ML_TS"])
    assert hidden.sum() == 2
    assert np.all(table["ML_Flags"][hidden] == MLFlag.EDGE)
    assert np.allclose(table["Flux1000"][~hidden], sky.flux, rtol=0.08)


def test_twins_are_flagged_and_share_the_flux(sky):
    twice = SkyCoord([*sky.places, *scattered(sky.places[:1], 0.02), sky.places[1]])
    table = measure(sky.cube(), twice)
    assert np.all(np.isfinite(table["Flux1000"]))
    blended = (table["ML_Flags"] & MLFlag.BLENDED) > 0
    assert np.array_equal(blended, [True, True, False, False, True, True])
    assert table["Flux1000"][[0, 4]].sum() == pytest.approx(sky.flux, rel=0.15)


def test_no_candidate_gives_an_empty_table(sky):
    none = measure(sky.cube(), sky.places[:0])
    some = measure(sky.cube(), sky.places[:1])
    assert len(none) == 0
    assert none.colnames == some.colnames
    assert len(SourceCatalog.from_table(none)) == 0


@pytest.mark.parametrize("part", ["psf", "exposure"])
def test_missing_response_is_an_error(sky, part):
    cube = sky.cube()
    setattr(cube.components[0], part, None)
    with pytest.raises(InputError, match=f"no {part}"):
        measure(cube, sky.places)


def test_candidates_without_position_are_an_error(sky):
    with pytest.raises(InputError, match="candidate 1 has no position"):
        measure(sky.cube(), SkyCoord([50, np.nan], [40, 40], unit="deg", frame="galactic"))
    with pytest.raises(InputError, match="expected a SkyCoord"):
        measure(sky.cube(), [1, 2])


def test_components_are_fitted_together(sky):
    both = sky.cube()
    both.components.append(sky.cube().components[0])
    one, two = measure(sky.cube(), sky.places), measure(both, sky.places)
    assert np.allclose(two["ML_TS"], 2 * one["ML_TS"], rtol=0.05)
    assert np.allclose(two["Flux1000"], sky.flux, rtol=0.05)
    shrunk = two["Conf_95_SemiMajor"] / one["Conf_95_SemiMajor"]
    assert np.allclose(shrunk, np.sqrt(0.5), rtol=0.07)  # what is systematic does not shrink


def test_a_field_smaller_than_the_psf():
    """2 deg across from 100 MeV: no place between the sources to look at the sky, and no matter."""
    edges = np.array([1e2, 2e2, 5e2, 1e3, 2e3])
    axis = MapAxis.from_energy_edges(edges, unit="MeV", name="energy")
    geom = WcsGeom.create(skydir=CENTER, frame="galactic", binsz=0.1, width=2, axes=[axis])
    counts = np.random.default_rng(3).poisson(5.0, geom.data_shape)
    component = Component("small", WcsNDMap(geom, counts), Selection())
    component.psf = load_response().psf
    component.exposure = exposures.estimate(1e7, load_response())
    check_counts(component)
    complete(component)
    table = measure(SkyCube([component], "test"), CENTER[None])
    assert np.isfinite(table["ML_TS"][0]) and np.all(table["Unc_Flux1000"] > 0)


@pytest.mark.slow
def test_whole_sky_in_regions():
    geom = HpxGeom(64, nest=False, frame="icrs", axes=[axis()])
    rng = np.random.default_rng(7)
    counts = rng.poisson(3.0, geom.data_shape).astype(float)
    source = healpy.ang2pix(64, [10, 200], [80, -30], lonlat=True)
    counts[:, source] += np.array([400, 400, 60, 20])[:, None]
    response = load_response()
    component = Component("sky", HpxNDMap(geom, counts), Selection(), psf=response.psf)
    component.exposure = exposures.estimate(14 * 2.6e7, response)
    check_counts(component)
    complete(component)
    lon, lat = rng.uniform(0, 360, 6), np.degrees(np.arcsin(rng.uniform(-1, 1, 6)))
    real = SkyCoord(*healpy.pix2ang(64, source, lonlat=True), unit="deg", frame="icrs")
    places = SkyCoord([*real, *SkyCoord(lon, lat, unit="deg", frame="icrs")])
    table = measure(SkyCube([component], "test"), places)
    assert np.all(np.isfinite(table["ML_TS"]))
    assert np.all(table["ML_TS"][:2] > 100)
    assert not np.any(table["ML_Flags"] & MLFlag.EDGE)


def test_a_crowded_field_that_is_divided_gives_nearly_the_same(sky, monkeypatch):
    cube, places = sky.cube(), scattered(sky.places)
    whole = measure(cube, places)
    for name, value in (("_MOST", 3), ("_WORTH", 1.0), ("_FEWEST", 2), ("_CROWDED", 2)):
        monkeypatch.setattr(regions, name, value)
    assert len(regions.make_regions(vectors_of(places.icrs))) == 2
    divided = measure(cube, places)
    for name in ("Flux1000", "PL_Index"):
        pull = (divided[name] - whole[name]) / whole[f"Unc_{name}"]
        assert np.all(np.abs(pull) < 0.3)
    moved = found_at(divided).separation(found_at(whole)).deg
    assert np.all(moved < 0.2 * whole["Conf_95_SemiMajor"])


@pytest.fixture
def small_regions(monkeypatch):
    """Each of the four sources has a region of its own."""
    monkeypatch.setattr(regions, "_LARGEST", 1.0)
    monkeypatch.setattr(regions, "_SIDE", 3.0)


def same(one, two):
    return all(np.array_equal(one[name], two[name], equal_nan=one[name].dtype.kind == "f")
               for name in one.colnames)  # fmt: skip


@pytest.mark.slow
def test_whatever_fits_the_regions_the_table_is_the_same(sky, small_regions):
    cube, places = sky.cube(), scattered(sky.places)
    serial = measure(cube, places, jobs=1)
    assert np.all(np.isfinite(serial["ML_TS"]))
    assert same(serial, measure(cube, places, jobs=8))
    with open_executor(2) as processes:
        assert same(serial, measure(cube, places, jobs=processes))


def test_a_region_that_fails_leaves_its_rows_unknown(sky, small_regions, monkeypatch, caplog):
    def failing(skies, groups, responses, region, vectors):
        if 0 in region.own:
            raise np.linalg.LinAlgError("Singular matrix")
        return fit_region(skies, groups, responses, region, vectors)

    monkeypatch.setattr("fermiml.photometry.measure.fit_region", failing)
    table = measure(sky.cube(), scattered(sky.places), jobs=1)
    lost = ~np.isfinite(np.asarray(table["ML_TS"]))
    assert lost[0] and 1 <= lost.sum() < 4
    assert np.all((table["ML_Flags"] & MLFlag.NOT_CONVERGED > 0) == lost)
    assert "failed twice: LinAlgError: Singular matrix" in caplog.text
    assert np.all(found_at(table)[lost].separation(scattered(sky.places)[lost]).deg < 1e-3)


def test_photometry_that_was_interrupted_resumes(sky, small_regions, monkeypatch, tmp_path):
    calls = []

    def interrupted(*task):
        calls.append(task)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return fit_region(*task)

    cube, places = sky.cube(), scattered(sky.places)
    whole = measure(cube, places, jobs=1)
    monkeypatch.setattr("fermiml.photometry.measure.fit_region", interrupted)
    with pytest.raises(KeyboardInterrupt):
        measure(cube, places, jobs=1, parts=tmp_path / "parts")
    begun = len(calls)
    assert same(measure(cube, places, jobs=1, parts=tmp_path / "parts"), whole)
    number = len(regions.make_regions(vectors_of(places.icrs)))
    assert len(calls) == begun + number - 1


@pytest.mark.parametrize("geom", [wcs(), healpix(256)], ids=["WCS", "HEALPix"])
def test_a_region_takes_only_its_own_pixels(geom, small_regions):
    """And from these come the same grids as from those of the whole sky."""
    component = Sky(geom).cube().components[0]
    (region, *_) = regions.make_regions(vectors_of(CENTER.directional_offset_by(
        45 * u.deg, [0.0, 3.9] * u.deg).icrs))  # fmt: skip
    region = dataclasses.replace(region, margin=1.0)
    part = SkyPixels(component).cut(region)
    assert 0 < len(part.numbers) == part.counts.shape[1] < 0.2 * component.mask.sum()
    position = part.geom.pix_to_coord(
        part.geom.local_to_global((part.numbers,)) if geom.is_hpx
        else np.unravel_index(part.numbers, part.geom.data_shape)[::-1]
    )  # fmt: skip
    there = SkyCoord(*position, frame=part.geom.frame)
    assert np.allclose(vectors_of(there.icrs), part.vectors, atol=1e-6)
    assert np.array_equal(part.counts[:, 0],
                          component.counts.get_by_coord((there[:1], EDGES[:-1, None] * 1.1 * u.MeV))
                          .ravel().astype(part.counts.dtype))  # fmt: skip
    assert content_key(part) == content_key(SkyPixels(component).cut(region))
