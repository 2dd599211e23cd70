"""Sources that vary, and those that shine once: their truth, and their photons."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from click.testing import CliRunner

from fermiml import SkySimulator
from fermiml.catalog.catalog import SourceCatalog
from fermiml.catalog.flags import MLFlag
from fermiml.cli.main import main
from fermiml.errors import InputError
from fermiml.model.sources import Shapes, Sources
from fermiml.simulate import blazar_noise, outbursts, sky_settings
from fermiml.simulate.blazar_noise import NOMINAL, frac_variability, power_law_noise
from fermiml.sky.times import DAY, YEAR, good_time
from fermiml.time.sun_moon import body_positions

GTI = np.array([[0.0, 14 * YEAR]])
SETTINGS = {
    "seed": 4,
    "sky": {"centers": [[30, 58]], "width": 8},
    "energy": {"min": 1000, "max": 1e5, "bins_per_decade": 3},
    "observation": {"years": 4, "events": True},
    "population": {"spectra": "parametric", "faintest": "1e-10", "variability": "nominal",
                   "flares": 3, "novae": 2},
    "wrong": {"model": "none"},
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    (folder,) = SkySimulator(SETTINGS).run(tmp_path_factory.mktemp("sim") / "run")
    return folder


def points(classes):
    full = np.ones(len(classes))
    shapes = Shapes(1e3 * full, 2.2 * full, 0 * full, 0 * full)
    return Sources.points(full, full, 1e-9 * full, shapes, classes)


@pytest.mark.parametrize("name", ["bll", "fsrq"])
def test_active_galaxies_vary_as_those_of_4fgl(name):
    """Median and width of Frac_Variability, from year to year."""
    profiles = blazar_noise.draw_profiles(points([name] * 300), GTI, np.random.default_rng(1))
    logs = np.log([frac_variability(p.relative, 14) for p in profiles.values()])
    assert np.exp(np.median(logs)) == pytest.approx(NOMINAL[name].median, rel=0.1)
    assert logs.std() == pytest.approx(NOMINAL[name].width, rel=0.1)


def test_pulsars_are_steady():
    sources = points(["PSR", "bll", "MSP", "FSRQ", "snr"])
    assert list(blazar_noise.draw_profiles(sources, GTI, np.random.default_rng(1))) == [1, 3]


def test_noise_has_the_slope_that_is_asked_for():
    rng = np.random.default_rng(2)
    power = np.mean([np.abs(np.fft.rfft(power_law_noise(rng, 1024, 1.0))) ** 2
                     for _ in range(200)], axis=0)  # fmt: skip
    slope = np.polyfit(np.log(np.arange(3, 100)), np.log(power[3:100]), 1)[0]
    assert slope == pytest.approx(-1, abs=0.1)


def test_the_truth_has_light_curves_and_transients(folder):
    """One curve for each active galaxy, whose mean in good time is one; outbursts as rows."""
    truth = SourceCatalog.read(folder / "truth.fits").table
    with fits.open(folder / "truth.fits") as hdus:
        bins, curves, bursts = (
            hdus[n].data for n in ("LIGHTCURVE_BINS", "LIGHTCURVES", "TRANSIENTS")
        )
        gti = np.column_stack([fits.getdata(folder / "events.fits", "GTI")[n]
                               for n in ("START", "STOP")])  # fmt: skip
    assert set(curves["Source_Name"]) | set(bursts["Source_Name"]) == set(
        truth["Source_Name"][np.isin(truth["CLASS1"], ["bll", "fsrq", "nov"])]
    )
    seconds = good_time(np.append(bins["START"], bins["STOP"][-1]), gti)
    assert curves["Relative_Flux"] @ seconds == pytest.approx(seconds.sum(), rel=1e-4)
    assert sorted(bursts["Kind"]) == ["flare"] * 3 + ["nova"] * 2
    nova = bursts[bursts["Kind"] == "nova"]
    assert np.all((nova["Duration"] > 7 * DAY) & (nova["Duration"] < 40 * DAY))
    row = list(truth["Source_Name"]).index(bursts["Source_Name"][0])
    mean = bursts["Fluence"][0] / (gti[-1, 1] - gti[0, 0])
    assert truth["S1"][row] == pytest.approx(mean, rel=0.3)  # good time is not all of the time


def test_photons_come_when_the_source_is_bright(folder):
    """Of the brightest outburst, most within its span."""
    with fits.open(folder / "truth.fits") as hdus:
        bursts = hdus["TRANSIENTS"].data
    burst = bursts[np.argmax(bursts["Fluence"])]
    events = fits.getdata(folder / "events.fits", "EVENTS")
    position = SkyCoord(events["RA"], events["DEC"], unit="deg")
    near = position.separation(SkyCoord(burst["RAJ2000"], burst["DEJ2000"], unit="deg")).deg < 1
    during = np.abs(events["TIME"] - burst["Start"] - burst["Duration"] / 2) < burst["Duration"]
    expected = near.sum() * 2 * burst["Duration"] / (4 * YEAR)
    assert (near & during).sum() > 5 * expected + 10


def test_the_mean_sky_does_not_depend_on_when_photons_come(tmp_path, folder):
    """The same sources and backgrounds as without variability."""
    steady = {**SETTINGS, "population": {"spectra": "parametric", "faintest": "1e-10"}}
    (other,) = SkySimulator(steady).run(tmp_path / "run")
    truth, plain = (SourceCatalog.read(f / "truth.fits").table for f in (folder, other))
    assert set(plain["Source_Name"]) < set(truth["Source_Name"])
    backgrounds = [fits.getdata(f / "background.fits") for f in (folder, other)]
    assert np.array_equal(*backgrounds)
    with fits.open(other / "truth.fits") as hdus:
        assert "LIGHTCURVES" not in hdus


def test_a_flare_of_the_sun_is_where_the_sun_is():
    geom = _field([[347.6, -5.3]], frame="icrs")
    gti = np.array([[353000000.0, 353000000 + 20 * DAY]])  # in March 2012
    sources, (profile,) = outbursts.draw(
        {"flares": 0, "novae": 0, "sun_flares": 1}, geom, gti, np.random.default_rng(1)
    )
    place = SkyCoord(sources.lon, sources.lat, unit="deg", frame="galactic")
    peak = profile.edges[np.argmax(profile.relative)]
    assert place.separation(body_positions("sun", [peak])).deg.item() < 0.1
    assert np.diff(profile.span).item() < 0.5 * DAY
    with pytest.raises(InputError, match="the Sun is not in the field"):
        outbursts.draw({"flares": 0, "novae": 0, "sun_flares": 1}, _field([[347.6, 40]], "icrs"),
                       gti, np.random.default_rng(1))  # fmt: skip


@pytest.mark.slow
def test_detect_flags_a_flare_of_the_sun(tmp_path, caplog):
    """It stands out in the mean of a year, with a TS of 200, and is no active galaxy."""
    settings = {
        "seed": 7,
        "sky": {"centers": [[229.1, 49.8]], "width": 10},  # where the Sun is in late August
        "energy": {"min": 500, "max": 1e5, "bins_per_decade": 6},
        "observation": {"years": 1, "events": True},
        "population": {"preset": "none", "sun_flares": 1},
        "wrong": {"model": "none"},
    }
    (folder,) = SkySimulator(settings).run(tmp_path / "run")
    found = tmp_path / "ml.fits"
    result = CliRunner().invoke(main, ["detect", str(folder / "events.fits"), "-o", str(found)])
    assert result.exit_code == 0, result.output
    assert "the Sun was within 2 deg" in caplog.text
    table = SourceCatalog.read(found).table
    (row,) = np.flatnonzero(table["ML_Flags"] & MLFlag.SUN_MOON)
    assert table["ML_TS"][row] > 50
    assert table["ML_Class"][row] == "FAKE"


def _field(centers, frame):
    from fermiml.simulate import fields

    lon, lat = centers[0]
    center = SkyCoord(lon, lat, unit="deg", frame=frame).galactic
    settings = sky_settings.check({"sky": {"centers": [[center.l.deg, center.b.deg]], "width": 8}})
    return fields.geometries(settings)[0][1]


def test_training_fields_have_no_times():
    with pytest.raises(InputError, match="training fields have no times"):
        sky_settings.check({"sky": {"split": "train", "fields": 1}, "training": {},
                            "population": {"variability": "nominal"}})  # fmt: skip
