"""Positions reach the maximum of the likelihood, wherever they begin."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from gammapy.maps import MapAxis, WcsGeom, WcsNDMap

from fermiml.catalog.ellipses import R95
from fermiml.model import point_sources
from fermiml.model.observation import Observation
from fermiml.model.sources import Shapes, Sources
from fermiml.photometry.measure import measure
from fermiml.photometry.regions import make_regions
from fermiml.photometry.walk import Walk
from fermiml.response import exposure as exposures
from fermiml.response.installed import load_response
from fermiml.sky.cube import Component, SkyCube, check_counts
from fermiml.sky.read.complete import complete
from fermiml.sky.selection import Selection
from fermiml.sky.sphere import axes, unit_vectors, vectors_of

EDGES = np.geomspace(500, 1e5, 8)  # MeV
CENTER = SkyCoord(50, 40, unit="deg", frame="galactic")
# Six sources by themselves, and two pairs that share most of their photons below 2 GeV; deg and
# photons above 1 GeV per cm2 and s.
OFFSETS = np.array([[-3, -3], [0, -3], [3, -3], [-3, 0], [0, 0], [3, 0],
                    [-2, 3], [-1.5, 3], [2, 3], [2.1, 3.4]])  # fmt: skip
FLUXES = np.array([1, 1.3, 2, 3, 5, 10, 4, 4, 9, 2]) * 1e-10


@pytest.fixture(scope="module")
def sky():
    """A cube of Poisson counts, and where its sources are."""
    axis = MapAxis.from_energy_edges(EDGES, unit="MeV", name="energy")
    geom = WcsGeom.create(
        skydir=CENTER, width=10, binsz=0.1, proj="TAN", frame="galactic", axes=[axis]
    )
    response = load_response()
    exposure = exposures.estimate(14 * 2.6e7, response)
    observation = Observation.of(geom, exposure, response)
    position = CENTER.spherical_offsets_by(*(OFFSETS.T * u.deg))
    flat = np.zeros(len(FLUXES))
    shapes = Shapes(flat + 2e3, flat + 2.2, flat, flat)
    sources = Sources.points(position.l.deg, position.b.deg, FLUXES, shapes, "bll")
    energy = np.sqrt(EDGES[:-1] * EDGES[1:])
    density = 1.5e-9 * (energy / 1e3) ** -2.4 * np.diff(EDGES)
    density *= observation.exposure([50.0], [40.0], energy)[:, 0]
    area = observation.pixels.area.reshape(observation.pixels.shape)
    expected = np.multiply.outer(density, area) + point_sources.total(observation, sources)
    counts = np.random.default_rng(5).poisson(expected)
    component = Component("sky", WcsNDMap(geom, counts), Selection())
    component.psf, component.exposure = response.psf, exposure
    check_counts(component)
    complete(component)
    return SkyCube([component], "test"), position


def found_at(table):
    return SkyCoord(table["RAJ2000"], table["DEJ2000"], unit="deg", frame="fk5")


def errors(table):
    """1 sigma (deg) along the smaller axes."""
    return np.asarray(table["Conf_95_SemiMinor"]) / R95


@pytest.fixture(scope="module")
def plain(sky):
    return measure(*sky)


def test_the_sources_are_faint_and_bright(plain):
    ts = np.asarray(plain["ML_TS"])
    assert ts.min() < 60 and ts.max() > 800
    assert not np.any(plain["ML_Flags"] & ~4)


@pytest.mark.parametrize(("size", "angle"), [(1.0, 20), (2.0, 20), (2.0, 140), (2.0, 260)])
def test_all_starts_end_in_one_place(sky, plain, size, angle, monkeypatch):
    """Each source begins one or two errors away, neighbours in different directions."""
    cube, position = sky
    # A region is as large as its candidates ask for, and with it the background's knots move.
    same = make_regions(vectors_of(position.icrs))
    monkeypatch.setattr("fermiml.photometry.measure.make_regions", lambda vectors: same)
    there, error = found_at(plain), errors(plain)
    directions = (angle + 137 * np.arange(len(there))) * u.deg
    start = there.directional_offset_by(directions, size * error * u.deg)
    table = measure(cube, start)
    assert np.all(found_at(table).separation(there).deg < 0.1 * error)
    pull = (table["Flux1000"] - plain["Flux1000"]) / plain["Unc_Flux1000"]
    assert np.all(np.abs(pull) < 0.1)


def climb(bend, steps, start=0.4):
    """Walk to the maximum at 0 of a likelihood whose gradient is -bend(x), along one axis; the
    information is thought to be 100 per deg2."""
    vectors = unit_vectors([10.0], [20.0])
    walk = Walk(vectors, axes(vectors), 0.35)
    places = []
    for _ in range(steps):
        x = start + walk.shift[0, 0]
        walk.go_on(np.array([[-bend(x), 0.0]]), np.eye(2) / 100)
        places.append(start + walk.shift[0, 0])
    return np.array(places), walk


@pytest.mark.parametrize("actual", [30.0, 100.0, 250.0, 600.0])
def test_steps_fit_the_likelihood_even_where_its_information_is_wrong(actual):
    """Full steps would never arrive where the likelihood is more than twice as sharp."""
    places, walk = climb(lambda x: actual * x, 12, start=0.1)
    assert abs(places[-1]) < 0.01
    assert walk.arrived


def test_a_kink_is_bracketed():
    """The gradient changes its sign at once, as between two photons: shorter and shorter steps."""
    places, _ = climb(lambda x: 20.0 * np.sign(x), 25, start=0.13)
    assert np.abs(places[-3:]).max() < 0.03 < np.abs(places[:3]).max()


def test_a_source_stays_within_reach_of_its_candidate():
    places, _ = climb(lambda x: 50.0, 12, start=0.0)
    assert places[-1] == pytest.approx(-0.35)


def test_errors_hold_the_step_that_was_the_last(sky, monkeypatch):
    """A walk that is stopped before it has arrived gives larger ellipses."""
    cube, position = sky
    start = position.directional_offset_by(np.arange(10) * u.rad, 0.1 * u.deg)
    whole = measure(cube, start)
    monkeypatch.setattr("fermiml.photometry.joint_fit._MOVES", 1)
    stopped = measure(cube, start)
    missed = found_at(stopped).separation(position).deg / stopped["Conf_95_SemiMajor"]
    assert np.all(missed < 1.5)
    assert np.median(stopped["Conf_95_SemiMajor"] / whole["Conf_95_SemiMajor"]) > 1.5


def test_two_sources_never_meet():
    vectors = unit_vectors([10.0, 10.0], [20.0, 20.2])
    walk = Walk(vectors, axes(vectors), 0.35)
    for _ in range(6):
        walk.go_on(np.array([[0.0, 100.0], [0.0, -100.0]]), np.eye(4) / 100)
    apart = np.degrees(np.linalg.norm(np.diff(walk.vectors, axis=0)))
    assert apart == pytest.approx(0.1 * 0.2, rel=1e-2)
