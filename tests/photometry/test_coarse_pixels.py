"""Photometry in HEALPix pixels of 0.9 deg above 10 GeV, each of which holds the whole PSF."""

import astropy.units as u
import healpy
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from gammapy.maps import HpxGeom, HpxNDMap, MapAxis

from fermiml.model import point_sources
from fermiml.model.observation import Observation
from fermiml.model.sources import Shapes, Sources
from fermiml.photometry.measure import measure
from fermiml.response import exposure as exposures
from fermiml.response.installed import load_response
from fermiml.sky.cube import Component, SkyCube, check_counts
from fermiml.sky.read.complete import complete

EDGES = np.array([1e4, 2e4, 5e4, 2e5, 1e6])  # MeV
NSIDE, PIXEL = 64, 20_000
OFFSETS = [(0.0, 0.0), (0.3, 0.0), (0.0, -0.3), (-0.25, 0.2)]  # deg from the pixel's centre


def center():
    lon, lat = healpy.pix2ang(NSIDE, PIXEL, lonlat=True)
    return SkyCoord(lon, lat, unit="deg", frame="icrs")


def noisy_cube(place, seed):
    """Counts of a bright source on a background with sources too faint to be seen."""
    rng = np.random.default_rng(seed)
    lon, lat = center().ra.deg, center().dec.deg
    axis = MapAxis.from_energy_edges(EDGES, unit="MeV", name="energy")
    geom = HpxGeom(NSIDE, nest=False, frame="icrs", region=f"DISK({lon},{lat},6)", axes=[axis])
    response, one = load_response(), np.ones(1)
    exposure = exposures.estimate(7 * 2.6e7, response)
    observation = Observation.of(geom, exposure, response)
    galactic, shape = place.galactic, Shapes(2e3 * one, 2.0 * one, 0 * one, 0 * one)
    flux = 5e-9 * one  # 1-100 GeV, cm-2 s-1
    source = Sources.points(
        *(np.atleast_1d(x.deg) for x in (galactic.l, galactic.b)), flux, shape, "bll"
    )
    area = observation.pixels.area.reshape(observation.pixels.shape)
    level = 10 / area.mean() * np.array([0.6, 0.3, 0.1, 0.02])
    faint = area * rng.lognormal(0, 0.4, area.shape)
    expected = np.multiply.outer(level, faint) + point_sources.total(observation, source)
    counts = rng.poisson(expected)
    component = Component("sky", HpxNDMap(geom, counts), psf=response.psf, exposure=exposure)
    check_counts(component)
    complete(component)
    return SkyCube([component], "test")


@pytest.fixture(scope="module")
def rows():
    """Offset from the truth (deg) and row of sources in different parts of a pixel."""
    found = []
    for seed, (east, north) in enumerate(OFFSETS * 5):
        place = center().spherical_offsets_by(east * u.deg, north * u.deg)
        (row,) = measure(noisy_cube(place, seed), center().reshape(1))
        at = SkyCoord(row["RAJ2000"], row["DEJ2000"], unit="deg", frame="fk5")
        found.append((at.separation(place).deg, row))
    return found


def test_a_source_is_within_its_ellipse_wherever_in_the_pixel_it_is(rows):
    inside = [offset < row["Conf_95_SemiMajor"] for offset, row in rows]
    assert sum(inside) >= 18


def test_the_error_is_about_that_of_the_pixel(rows):
    """It is not a small fraction of it, wherever the next pixels have a count too many."""
    assert all(0.2 < row["Conf_95_SemiMajor"] < 0.9 for _, row in rows)
    assert np.median([offset for offset, _ in rows]) < 0.3
