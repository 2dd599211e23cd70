"""Candidates that trace an extended source, or do not, on simulated skies."""

import dataclasses

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from makers import smallskies
from threadpoolctl import threadpool_info, threadpool_limits

from fermiml.catalog.flags import MLFlag
from fermiml.extended.find_extended import _Search, find_extended
from fermiml.model.sources import DISK, GAUSS, POINT, RING, concatenate
from fermiml.photometry.measure import measure

CENTER = SkyCoord(smallskies.LON, smallskies.LAT, unit="deg", frame="galactic")


def at(*offsets):
    """Positions at offsets (deg) from the middle of the sky."""
    return CENTER.spherical_offsets_by(*(np.array(offsets, float).T * u.deg))


def points(*offsets, flux=1e-9):
    position = at(*offsets)
    return smallskies.power_laws(position.l.deg, position.b.deg, [flux] * len(offsets))


def body(form, size, flux=6e-9):
    """An extended source in the middle."""
    return points((0, 0), flux=flux).extended_to([form], [size])


def found(sources, candidates, seed=1, background=True, jobs=1, **options):
    """The table of photometry after the search, and the candidate that each row was."""
    cube = smallskies.cube(sources, seed, **options)
    if not background:
        component = dataclasses.replace(cube.components[0], background=None)
        cube = dataclasses.replace(cube, components=[component])
    table = measure(cube, candidates, jobs=1)
    number = len(candidates)
    score, unknown = np.linspace(0.9, 0.5, number), np.full(number, np.nan)
    return find_extended(cube, table, score, unknown, jobs=jobs)


TRACE = [(0.35, 0.1), (-0.3, 0.25), (-0.05, -0.4), (0.05, 0.05)]


@pytest.mark.parametrize("form, size", [(DISK, 0.6), (GAUSS, 0.5)])
def test_an_extended_source_is_one_row(form, size):
    sources = concatenate([body(form, size), points((1.7, 0.5))])
    table, origin = found(sources, at(*TRACE, (1.72, 0.5)))
    assert len(table) == 2
    assert origin.tolist() == [4, 0]  # the point, and the most probable of those that traced it
    row = table[1]
    assert row["ML_Ext_Form"] == {DISK: "Disk", GAUSS: "2D Gaussian"}[form]
    assert abs(row["ML_Ext_Size"] - size) < 3 * row["Unc_ML_Ext_Size"] < 0.3 * size
    assert row["ML_TS_Ext"] > 100
    assert row["Flux1000"] == pytest.approx(6e-9, rel=0.1)
    assert row["ML_Flags"] == MLFlag.DIFFUSE
    assert row["Source_Name"] == row["Extended_Source_Name"] and row["Source_Name"].endswith("e")
    place = SkyCoord(row["RAJ2000"], row["DEJ2000"], unit="deg", frame="fk5")
    assert place.separation(CENTER).deg < 2 * row["Conf_95_SemiMajor"] < 0.2
    assert table["ML_Ext_Form"][0] == "" and not table["ML_Flags"][0] & MLFlag.DIFFUSE


def test_a_ring_is_found_by_the_points_that_trace_it():
    ring = body(RING, 0.5, flux=1.5e-8)
    angles = np.radians(np.arange(0, 360, 60))
    table, _ = found(ring, at(*0.42 * np.stack([np.cos(angles), np.sin(angles)], axis=1)))
    assert table["ML_Ext_Form"].tolist() == ["Ring"]
    assert abs(table["ML_Ext_Size"][0] - 0.5) < 3 * table["Unc_ML_Ext_Size"][0] < 0.1


def test_no_background_is_needed():
    table, _ = found(body(DISK, 0.5), at(*TRACE), background=False)
    assert len(table) == 1
    assert abs(table["ML_Ext_Size"][0] - 0.5) < 3 * table["Unc_ML_Ext_Size"][0]


def test_photons_far_above_1_gev_are_enough():
    """The norm at 1 GeV is hardly known there, but the source is."""
    edges = tuple(np.geomspace(1e4, 5e5, 8))
    soft = smallskies.power_laws(CENTER.l.deg, CENTER.b.deg, 1.5e-8, 2.6)
    table, _ = found(soft.extended_to([DISK], [0.6]), at(*TRACE), edges=edges)
    assert table["ML_Ext_Form"].tolist() == ["Disk"]
    assert abs(table["ML_Ext_Size"][0] - 0.6) < 3 * table["Unc_ML_Ext_Size"][0] < 0.2


def test_a_point_within_stays_beside():
    sources = concatenate([body(DISK, 0.7), points((0.3, 0.2), flux=1.5e-9)])
    table, _ = found(sources, at((0.3, 0.2), (-0.35, 0.3), (-0.1, -0.4)))
    assert table["ML_Ext_Form"].tolist() == ["", "Disk"]
    assert table["Flux1000"][0] == pytest.approx(1.5e-9, rel=0.2)
    assert abs(table["ML_Ext_Size"][1] - 0.7) < 3 * table["Unc_ML_Ext_Size"][1]


def test_a_bright_point_does_not_hide_a_large_ring_around_it():
    """The ring takes the place of what traces it alone, not of everything within."""
    pulsar = (0.5, -0.3)
    sources = concatenate([body(RING, 1.2, flux=3e-8), points(pulsar, flux=1e-8)])
    angles = np.radians(np.arange(0, 360, 36))
    trace = 1.02 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    table, _ = found(sources, at(*trace, pulsar))
    assert sorted(table["ML_Ext_Form"]) == ["", "Ring"]
    point, ring = table[np.argsort(table["ML_Ext_Form"])]
    assert point["Flux1000"] == pytest.approx(1e-8, rel=0.1)
    assert abs(ring["ML_Ext_Size"] - 1.2) < 3 * ring["Unc_ML_Ext_Size"] < 0.15


@pytest.mark.parametrize("apart", [0.25, 0.5])
def test_two_points_are_no_disk(apart):
    places = [(-apart / 2, 0.0), (apart / 2, 0.0)]
    for candidates in (places, [(0.0, 0.0)]):  # also where only one was found
        table, _ = found(points(*places, flux=3e-9), at(*candidates))
        assert table["ML_Ext_Form"].tolist() == [""] * len(candidates)


def test_points_stay_points():
    places = [(-2, -2), (2, -2), (-2, 2), (2, 2), (0, 0)]
    sources = points(*places, flux=5e-9)
    assert np.all(sources.form == POINT)
    for seed in range(3):
        table, origin = found(sources, at(*places), seed)
        assert np.all(table["ML_Ext_Form"] == "")
        assert origin.tolist() == list(range(5))


def test_threads_find_the_same(monkeypatch):
    """Places are looked at ahead of their turn, and again after an object was found near them."""
    sources = concatenate([
        points((-1.3, 0), flux=8e-9).extended_to([DISK], [0.6]),
        points((1.3, 0), flux=6e-9).extended_to([DISK], [0.5]),
        points((0, 0.9)),
    ])  # fmt: skip
    places = [*((x - 1.3, y) for x, y in TRACE), *((0.8 * x + 1.3, 0.8 * y) for x, y in TRACE)]
    candidates = at(*places, (0, 0.9))
    looks = []
    look = _Search._look
    monkeypatch.setattr(_Search, "_look", lambda *given: looks.append(1) or look(*given))
    one, origin = found(sources, candidates, jobs=1)
    once = len(looks)
    several, other = found(sources, candidates, jobs=3)
    assert one["ML_Ext_Form"].tolist() == ["", "Disk", "Disk"]
    assert len(looks) - once > once
    assert origin.tolist() == other.tolist()
    for name in one.colnames:
        assert np.array_equal(*(np.asarray(table[name]).astype(str) for table in (one, several)))


def test_no_candidates_no_objects():
    table, origin = found(body(DISK, 0.5), at((0, 0))[:0])
    assert len(table) == 0 and len(origin) == 0


def test_blas_has_one_thread(monkeypatch):
    """Where cores are taken, several threads wait for each other and take 20 times the CPU time."""
    threads = []

    def seeds(*_):
        threads.extend(
            pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"
        )
        return np.zeros((0, 3))

    monkeypatch.setattr("fermiml.extended.find_extended.find_seeds", seeds)
    with threadpool_limits(2, "blas"):
        found(body(DISK, 0.5), at((0, 0)))
    assert set(threads) == {1}
