"""Photometry at the poles of both frames, where east and north change from place to place."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from gammapy.maps import HpxGeom, HpxNDMap, MapAxis, WcsGeom, WcsNDMap

from fermiml.model import point_sources
from fermiml.model.observation import Observation
from fermiml.model.sources import Shapes, Sources
from fermiml.photometry.localization import turned
from fermiml.photometry.measure import measure
from fermiml.response import exposure as exposures
from fermiml.response.installed import load_response
from fermiml.sky.cube import Component, SkyCube, check_counts
from fermiml.sky.read.complete import complete
from fermiml.sky.sphere import axes, unit_vectors

EDGES = np.array([1e3, 2e3, 7e3, 2e4, 1e6])  # MeV


def geometry(pixels, frame, pole):
    options = {
        "frame": frame,
        "axes": [MapAxis.from_energy_edges(EDGES, unit="MeV", name="energy")],
    }
    if pixels == "HEALPix":
        return HpxGeom(256, nest=False, region=f"DISK(0,{pole},5)", **options)
    return WcsGeom.create(skydir=(0, pole), width=8, binsz=0.1, proj="TAN", **options)


def sky_with_source(geom, place):
    """The expected counts of one source on a flat background, as a cube."""
    response, one = load_response(), np.ones(1)
    exposure = exposures.estimate(14 * 2.6e7, response)
    observation = Observation.of(geom, exposure, response)
    galactic, shape = place.galactic, Shapes(2e3 * one, 2.2 * one, 0 * one, 0 * one)
    source = Sources.points(galactic.l.deg, galactic.b.deg, 1e-9 * one, shape, "bll")
    level = 500 * (np.sqrt(EDGES[:-1] * EDGES[1:]) / 1e3) ** -2.4 * np.diff(EDGES)
    area = observation.pixels.area.reshape(observation.pixels.shape)
    expected = np.multiply.outer(level, area) + point_sources.total(observation, source)
    kind = HpxNDMap if geom.is_hpx else WcsNDMap
    component = Component("pole", kind(geom, expected), psf=response.psf, exposure=exposure)
    check_counts(component)
    complete(component)
    return SkyCube([component], "test")


@pytest.mark.parametrize("latitude", [90, 89.95, -90, -89.9])
@pytest.mark.parametrize("frame", ["icrs", "galactic"])
@pytest.mark.parametrize("pixels", ["WCS", "HEALPix"])
def test_sources_at_and_near_the_poles(pixels, frame, latitude):
    """The same position and ellipse from candidates on all sides, close to the truth."""
    place = SkyCoord([10.0], [latitude], unit="deg", frame=frame)
    cube = sky_with_source(geometry(pixels, frame, np.copysign(90, latitude)), place)
    found = []
    for angle in (0, 120, 240):
        candidate = place.directional_offset_by(angle * u.deg, 0.06 * u.deg)
        (row,) = measure(cube, candidate)
        at = SkyCoord(row["RAJ2000"], row["DEJ2000"], unit="deg", frame="fk5")
        assert at.separation(place)[0].deg < 0.006
        found.append((row["Conf_95_SemiMajor"], row["Conf_95_SemiMinor"], row["Flux1000"]))
    assert np.allclose(found, found[0], rtol=0.01)


def test_the_exposure_reaches_the_poles():
    exposure = exposures.estimate(1e8, load_response())
    poles = SkyCoord([0, 77, 300], [90, -90, 90], unit="deg")
    beside = SkyCoord([0, 77, 300], [89.9, -89.9, 89.9], unit="deg")
    at, near = (exposures.sample(exposure, where, 1e4) for where in (poles, beside))
    assert np.allclose(at, near, rtol=1e-3)


def test_an_ellipse_keeps_its_place_on_the_sky_when_the_axes_turn():
    """90 deg along a small circle around the pole, east there is what south was."""
    old, new = (axes(unit_vectors(np.array([lon]), np.array([89.9]))) for lon in (0.0, 90.0))
    covariance = turned(np.array([np.diag([4.0, 1.0])]), old, new)
    assert np.allclose(covariance, np.diag([1.0, 4.0]), atol=1e-4)
