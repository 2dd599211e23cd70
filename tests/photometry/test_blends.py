"""Rows that are two sources, on skies whose truth is known."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table
from gammapy.maps import MapAxis, WcsGeom, WcsNDMap

from fermiml import SourceCatalog
from fermiml.catalog.ellipses import R95, containment
from fermiml.catalog.flags import MLFlag, psf_core
from fermiml.evaluate import metrics
from fermiml.model import point_sources
from fermiml.model.observation import Observation
from fermiml.model.sources import DISK, Shapes, Sources
from fermiml.photometry.blend_calibration import HELD, BlendCalibration, pairs_of
from fermiml.photometry.blends import resolve
from fermiml.photometry.measure import measure
from fermiml.response import exposure as exposures
from fermiml.response.installed import load_response
from fermiml.sky.cube import Component, SkyCube, check_counts
from fermiml.sky.read.complete import complete
from fermiml.sky.selection import Selection

EDGES = np.array([500, 1e3, 2e3, 4e3, 8e3, 2e4, 1e6])  # MeV
CENTER = SkyCoord(50, 40, unit="deg", frame="galactic")
RADIUS = 0.46  # deg, about 68 % of the PSF at 2 GeV


def cube_of(position, flux, seed, disk=0.0):
    """Counts of sources of index 2.2 on a flat background, 14 years."""
    axis = MapAxis.from_energy_edges(EDGES, unit="MeV", name="energy")
    geom = WcsGeom.create(skydir=CENTER, width=8, binsz=0.1, proj="TAN", frame="galactic",
                          axes=[axis])  # fmt: skip
    response = load_response()
    component = Component("sky", WcsNDMap(geom), Selection(), psf=response.psf)
    component.exposure = exposures.estimate(14 * 2.6e7, response)
    observation = Observation.of(geom, component.exposure, response)
    flat = np.zeros(len(position))
    sources = Sources.points(position.l.deg, position.b.deg, flat + flux,
                             Shapes(flat + 2e3, flat + 2.2, flat, flat), "bll")  # fmt: skip
    if disk:
        sources = sources.extended_to(flat + DISK, flat + disk)
    energy = np.sqrt(EDGES[:-1] * EDGES[1:])
    density = 1.5e-9 * (energy / 1e3) ** -2.4 * np.diff(EDGES)
    density *= observation.exposure([50.0], [40.0], energy)[:, 0]
    area = observation.pixels.area.reshape(observation.pixels.shape)
    expected = np.multiply.outer(density, area) + point_sources.total(observation, sources)
    component.counts = WcsNDMap(geom, np.random.default_rng(seed).poisson(expected))
    check_counts(component)
    complete(component)
    return SkyCube([component], "test")


def pair(separation):
    """Two positions so many PSF radii apart."""
    half = 0.5 * separation * RADIUS * u.deg
    return SkyCoord([CENTER.directional_offset_by(a * u.deg, half) for a in (60, 240)])


def resolved(cube, *candidates):
    """Both tables: of the candidates, and with blends resolved."""
    table = measure(cube, SkyCoord(candidates))
    return table.copy(), *resolve(cube, table)


def positions(table):
    return SkyCoord(table["RAJ2000"], table["DEJ2000"], unit="deg", frame="fk5").galactic


@pytest.mark.parametrize("separation", [0.4, 1.0])
def test_an_equal_pair_becomes_two_rows(separation):
    true = pair(separation)
    before, after, origin = resolved(cube_of(true, 3e-9, seed=1), CENTER)
    assert before["ML_TS_Split"][0] > 50
    assert list(origin) == [0, 0]
    nearest, apart, _ = true.match_to_catalog_sky(positions(after))
    assert sorted(nearest) == [0, 1]
    assert apart.deg.max() < 0.03
    catalog = SourceCatalog.from_table(after[nearest])
    sigma = metrics.offsets(catalog.positions, catalog.ellipses(), true)[1]
    assert np.all(sigma < containment(0.99))
    assert np.allclose(after["Flux1000"], 3e-9, rtol=0.15)
    assert np.all(after["ML_Prob_Blend"] > 0.9)
    for here in pairs_of(after):  # each row names both positions
        assert np.ptp(here.ra.deg) == 0
    assert np.all(np.array(pairs_of(after)[0].separation(pairs_of(after)[1]).deg) > 0.1)
    assert np.all((after["ML_Flags"] & MLFlag.BLENDED > 0) == (separation == 0.4))


def test_a_bright_single_source_stays_one_row():
    cube = cube_of(CENTER[None], 6e-9, seed=2)
    before, after, origin = resolved(cube, CENTER)
    assert before["ML_TS"][0] > 2000
    assert len(after) == 1 and list(origin) == [0]
    assert after["ML_Prob_Blend"][0] < 0.1
    assert after["ML_TS"][0] == before["ML_TS"][0]


def test_a_disk_is_a_disk_and_no_pair():
    cube = cube_of(CENTER[None], 6e-9, seed=3, disk=0.5)
    before, after, _ = resolved(cube, CENTER)
    assert before["ML_TS_Ext"][0] > before["ML_TS_Split"][0] > 0
    assert before["ML_Flags"][0] & MLFlag.DIFFUSE
    assert len(after) == 1


def test_what_is_far_away_is_not_measured_again():
    far = CENTER.directional_offset_by(10 * u.deg, 2.5 * u.deg)
    true = SkyCoord([*pair(0.7), far])
    before, after, origin = resolved(cube_of(true, 3e-9, seed=4), CENTER, far)
    assert list(origin) == [0, 1, 0]
    for name in ("RAJ2000", "Flux1000", "ML_TS", "Conf_95_SemiMajor"):
        assert before[name][1] == after[name][1]


def test_faint_rows_are_not_tested():
    table = measure(cube_of(CENTER[None], 8e-11, seed=5), CENTER[None])
    assert 0 < table["ML_TS"][0] < 50
    calibration = BlendCalibration.load()
    assert np.isnan(table["ML_TS_Split"][0])
    assert np.isnan(calibration.probability(table, RADIUS)[0])


def test_a_split_that_the_fit_does_not_confirm_is_undone():
    """The threshold lets all pass; the second source has no TS of its own."""
    cube = cube_of(CENTER[None], 6e-9, seed=2)
    table = measure(cube, CENTER[None])
    table["ML_Split_RA"][0] = table["RAJ2000"][0] + [0, 0.5]
    table["ML_Split_DEC"][0] = table["DEJ2000"][0]
    after, origin = resolve(cube, table, replace(BlendCalibration.load(), threshold=0.0))
    assert len(after) == 1 and list(origin) == [0]


def test_a_split_that_is_undone_leaves_others_as_they_are(monkeypatch):
    """One of two rows far from each other is no pair: only what is around it might change."""
    far = CENTER.directional_offset_by(10 * u.deg, 2.5 * u.deg)
    cube = cube_of(SkyCoord([*pair(0.7), far]), 6e-9, seed=4)
    table = measure(cube, SkyCoord([CENTER, far]))
    table["ML_Split_RA"][1] = table["RAJ2000"][1] + [0, 0.5]
    table["ML_Split_DEC"][1] = table["DEJ2000"][1]
    rounds = []

    def counted(*given, anew, **named):
        rounds.append(len(anew))
        return measure(*given, anew=anew, **named)

    monkeypatch.setattr("fermiml.photometry.blends.measure", counted)
    after, origin = resolve(cube, table.copy(), replace(BlendCalibration.load(), threshold=0.0))
    assert list(origin) == [0, 1, 0]
    assert rounds == [2]
    for name in ("RAJ2000", "Flux1000", "ML_TS", "Conf_95_SemiMajor"):
        assert table[name][1] == after[name][1]


def test_probabilities_rise_with_ts_and_stay_probabilities():
    ts = np.array([0.0, 10, 30, 1e3, 1e6])
    table = Table({
        "ML_TS_Split": ts, "ML_TS": ts + 1e3, "ML_TS_Ext": 0 * ts,
        "ML_Split_RA": np.outer(ts < np.inf, [10.0, 10.2]),
        "ML_Split_DEC": np.outer(ts < np.inf, [20.0, 20.1]),
    })  # fmt: skip
    value = BlendCalibration.load().probability(table, RADIUS)
    assert np.all(np.diff(value) > 0) or np.all(np.diff(value[:4]) > 0)
    assert np.all((value >= 0) & (value <= 1))


def test_the_unit_of_separations_is_that_of_the_psf():
    cube = cube_of(CENTER[None], 1e-9, seed=6)
    assert psf_core(cube, HELD) == pytest.approx(RADIUS, abs=0.03)
    assert psf_core(cube) < psf_core(cube, HELD) < R95


def test_catalogs_without_the_column_are_read(tmp_path):
    from astropy.io import fits

    table = measure(cube_of(CENTER[None], 1e-9, seed=6), CENTER[None])
    table["ML_Prob_Blend"] = 0.25
    path, old = tmp_path / "new.fits", tmp_path / "old.fits"
    SourceCatalog.from_table(table).write(path)
    assert SourceCatalog.read(path).table["ML_Prob_Blend"][0] == 0.25
    with fits.open(path) as hdus:
        hdus[1].columns.del_col("ML_Prob_Blend")
        hdus.writeto(old)
    assert np.isnan(np.ma.filled(SourceCatalog.read(old).table["ML_Prob_Blend"], np.nan)[0])
