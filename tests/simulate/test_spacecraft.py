"""Simulated pointings: photons come when the LAT can see them, as a spacecraft file says."""

from types import SimpleNamespace

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from makers import smallskies

from fermiml import InputError, SkyCube, SkySimulator
from fermiml.model.observation import response_of
from fermiml.simulate import event_list, lat_files, sky_settings, spacecraft
from fermiml.simulate.event_list import Drawn
from fermiml.simulate.time_profiles import TimeProfile
from fermiml.sky.pointings import pointed_exposure
from fermiml.sky.selection import Selection
from fermiml.sky.sphere import separation, unit_vectors
from fermiml.sky.times import DAY, good_time

GTI = lat_files.survey_gti(2.0e6)  # four weeks
ZMAX = 100.0
EDGES = np.arange(GTI[0, 0], GTI[-1, 1], DAY / 2)
CENTER = SkyCoord(smallskies.LON, smallskies.LAT, unit="deg", frame="galactic")


@pytest.fixture(scope="module")
def watch():
    field = SimpleNamespace(observation=smallskies.observation(3.0)[0],
                            selection=Selection(zenith=(0.0, ZMAX)))  # fmt: skip
    return spacecraft.Watch.of(spacecraft.survey(GTI), field)


@pytest.fixture(scope="module")
def photons(watch):
    """Those of a steady sky, with the bin of energy of each."""
    seen, _ = smallskies.observation(3.0)
    rng = np.random.default_rng(1)
    counts = rng.poisson(np.full((6, *seen.pixels.shape), 3.0))
    return event_list.photons(Drawn(counts, {}), seen, GTI, {}, rng, watch)


def chi2(counts, expected):
    """Per degree of freedom."""
    some = expected > 10
    return np.mean((counts[some] - expected[some]) ** 2 / expected[some])


def test_photons_of_a_steady_sky_follow_the_exposure_of_the_file(watch, photons, tmp_path):
    path = tmp_path / "ft2.fits"
    lat_files.spacecraft(path, watch.pointings, Selection(gti=GTI))
    pointed = pointed_exposure(path, GTI, (0.0, ZMAX))(EDGES)
    fractions = pointed.fractions(CENTER[None], watch.energy, watch.response)[..., 0]
    counts = np.histogram(photons.time, EDGES)[0]
    total = len(photons.time)
    assert chi2(counts, total * fractions.mean(axis=1)) == pytest.approx(1, abs=0.5)
    by_good_time = good_time(EDGES, GTI) / np.sum(np.diff(GTI))
    assert chi2(counts, total * by_good_time) > 4


def test_zenith_angles_are_those_of_the_pointings(watch, photons):
    pointings = watch.pointings
    row = np.searchsorted(pointings.start, photons.time, side="right") - 1
    assert np.all(photons.time <= pointings.stop[row])
    directions = unit_vectors(photons.ra.astype(float), photons.dec.astype(float))
    angle = separation(pointings.zenith[row], directions)
    np.testing.assert_allclose(photons.zenith_angle, angle, atol=0.1)
    assert photons.zenith_angle.max() <= ZMAX
    assert separation(pointings.axis[row], directions).max() < 80


def test_a_flare_has_the_flux_that_was_seen_of_it(watch):
    """None behind the Earth; over all of the time, its mean in good time."""
    where = CENTER.l.deg, CENTER.b.deg
    always = TimeProfile.of(GTI[[0, -1], [0, 1]], np.ones(1), GTI)
    np.testing.assert_allclose(watch.mean_flux(*where, always), 1, rtol=1e-6)
    edges = GTI[0, 0] + 300.0 * np.arange(40)
    short = [watch.mean_flux(*where, TimeProfile.of(pair, np.ones(1), GTI))[0]
             for pair in np.column_stack([edges[:-1], edges[1:]])]  # fmt: skip
    assert min(short) == 0
    assert max(short) > 2


def test_simulate_writes_it(tmp_path):
    settings = {
        "seed": 3,
        "sky": {"centers": [[200, 70]], "width": 4},
        "energy": {"min": 1000, "max": 1e5, "bins_per_decade": 3},
        "observation": {"years": 0.2, "events": True, "spacecraft": True},
        "population": {"spectra": "parametric", "faintest": 1e-10, "flares": 1},
        "wrong": {"model": "none"},
    }
    (folder,) = SkySimulator(settings).run(tmp_path / "run")
    cube = SkyCube.read(folder / "events.fits", time_bins=20, scfile=folder / "spacecraft.fits")
    component = cube.components[0]
    exposure = component.times.fractions(CENTER[None], np.array([3e3]), response_of(component))
    assert np.all(exposure > 0) and exposure.std() > 0.05 * exposure.mean()
    assert fits.getdata(folder / "events.fits")["ZENITH_ANGLE"].max() < 100
    assert fits.getdata(folder / "counts.fits").sum() == cube.total_counts


def test_it_is_for_events():
    sky = {"centers": [[0, 0]]}
    with pytest.raises(InputError, match=r"only events have times: set observation\.events"):
        sky_settings.check({"sky": sky, "observation": {"spacecraft": True}})
