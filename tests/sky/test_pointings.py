"""Where the LAT pointed says how much exposure each interval has."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from makers import latfiles as lat
from makers import orbit
from numpy.testing import assert_allclose

from fermiml import InputError, SkyCube
from fermiml.response.installed import load_response
from fermiml.sky.pointings import PointedExposure, read_pointings
from fermiml.sky.times import DAY

START = orbit.START


@pytest.fixture(scope="module")
def columns():
    return orbit.pointings(120, step=60.0)


@pytest.fixture(scope="module")
def ft2(columns, tmp_path_factory):
    path = tmp_path_factory.mktemp("ft2") / "ft2.fits"
    orbit.write_ft2(path, columns)
    return path


def fixed(axis, zenith, count=100):
    """A spacecraft that looks into one direction."""
    start = START + 30.0 * np.arange(count)
    columns = {"START": start, "STOP": start + 30, "LIVETIME": np.full(count, 27.0)}
    for name, (ra, dec) in (("SCZ", axis), ("ZENITH", zenith)):
        columns[f"RA_{name}"], columns[f"DEC_{name}"] = np.full(count, ra), np.full(count, dec)
    return columns


def exposure_of(tmp_path, columns, edges, zmax=90.0):
    orbit.write_ft2(tmp_path / "fixed.fits", columns)
    whole = np.array([[columns["START"][0], columns["STOP"][-1]]])
    pointings = read_pointings(tmp_path / "fixed.fits").within(whole)
    return PointedExposure(pointings, np.asarray(edges), zmax)


def test_a_staring_lat_has_the_effective_area_of_its_inclination(tmp_path):
    exposure = exposure_of(tmp_path, fixed((80, 20), (80, 20)), [START, START + 1500, START + 3000])
    response = load_response("P8R3_SOURCE_V3", 3)
    for inclination in (2.0, 30.0, 59.7):
        position = SkyCoord([80.0], [20.0 + inclination], unit="deg")
        seen = exposure.exposure(position, [1e3], response)[1:-1, 0, 0]
        area = response.effective_area([1e3], [np.cos(np.radians(inclination))])[0, 0]
        assert_allclose(seen, 1350 * area, rtol=0.02)
    assert exposure.exposure(SkyCoord([80.0], [-70.0], unit="deg"), [1e3], response).sum() == 0


def test_what_is_below_the_zenith_cut_was_not_seen(tmp_path):
    position = SkyCoord([80.0], [20.0], unit="deg")
    response = load_response("P8R3_SOURCE_V3", 3)
    edges = [START, START + 3000]
    seen = {
        zmax: exposure_of(tmp_path / str(zmax), fixed((80, 20), (80, -75)), edges, zmax)
        .exposure(position, [1e3], response)
        .sum()
        for zmax in (90.0, 100.0)
        if (tmp_path / str(zmax)).mkdir() is None
    }
    assert seen[90.0] == 0 < seen[100.0]


def test_only_good_time_counts(ft2):
    pointings = read_pointings(ft2)
    gti = np.array(
        [[START + 10 * DAY, START + 10 * DAY + 45], [START + 50 * DAY, START + 60 * DAY]]
    )
    kept = pointings.within(gti)
    assert (kept.start > START + 10 * DAY - 60).all() and (kept.stop < START + 60 * DAY + 60).all()
    share = (kept.stop - kept.start).sum() / kept.livetime.sum() * orbit.LIVE
    assert_allclose(share, 1, rtol=1e-3)


def test_exposure_follows_the_orbit_in_days_but_not_in_precessions(ft2, columns):
    gti = orbit.gti(columns)
    response = load_response("P8R3_SOURCE_V3", 3)
    position = SkyCoord([30.0, 200.0], [-50.0, 60.0], unit="deg")
    scatter = {}
    for width in (5.0, 53.4):
        edges = START + width * DAY * np.arange(int(106.8 / width) + 1)
        exposure = PointedExposure(read_pointings(ft2).within(gti), edges, 90.0)
        fractions = exposure.fractions(position, [1e3], response)[:, 0]
        scatter[width] = np.max(fractions.std(axis=0) / fractions.mean(axis=0))
    assert scatter[5.0] > 0.03 > scatter[53.4]


def test_a_cube_of_events_takes_the_spacecraft_file(ft2, columns, tmp_path):
    events = lat.random_events(500)
    events["time"] = START + np.linspace(1, 100 * DAY, 500)
    lat.write_ft1(tmp_path / "ft1.fits", events, good_time=100 * DAY)
    cube = SkyCube.read(tmp_path / "ft1.fits", time_bins=20, scfile=ft2)
    times = cube.components[0].times
    fractions = times.fractions(lat.CENTER[None], [1e3], load_response("P8R3_SOURCE_V3", 3))
    assert_allclose(fractions.sum(), 1, rtol=1e-6)
    assert fractions.std() > 0.01 / 20


def test_a_spacecraft_file_that_ends_too_early_is_refused(ft2, tmp_path):
    lat.write_ft1(tmp_path / "ft1.fits")  # of three years
    with pytest.raises(InputError, match=r"ft2\.fits: goes from \d+ to \d+ s, the good time"):
        SkyCube.read(tmp_path / "ft1.fits", time_bins=5, scfile=ft2)


def test_another_file_is_no_spacecraft_file(tmp_path):
    lat.write_ft1(tmp_path / "ft1.fits")
    with pytest.raises(InputError, match="is not a spacecraft file"):
        SkyCube.read(tmp_path / "ft1.fits", time_bins=5, scfile=tmp_path / "ft1.fits")
