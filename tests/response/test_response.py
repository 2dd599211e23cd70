"""The installed response tables against published numbers and against real gtpsf files."""

from importlib import resources

import numpy as np
import pytest
from astropy.io import fits
from makers import latfiles as lat
from numpy.testing import assert_allclose

from fermiml import InputError, SkyCube
from fermiml.response import exposure as exposures
from fermiml.response import installed, irfs
from fermiml.response.installed import installed_irfs, load_response
from fermiml.response.psf import PSF, RAD
from fermiml.sky.read.complete import read_psf
from fermiml.sky.selection import Selection

P8R3 = ("SOURCE", "CLEAN", "ULTRACLEANVETO", "SOURCEVETO")


def test_installed_tables():
    assert installed_irfs() == ["P8R2_SOURCE_V6", *sorted(f"P8R3_{name}_V3" for name in P8R3)]
    folder = resources.files("fermiml.data.irfs")
    size = sum(p.stat().st_size for p in folder.iterdir() if p.name.endswith(".fits"))
    assert size < 4e6


def test_published_containment_of_p8r3_source():
    psf = load_response("P8R3_SOURCE_V3").psf
    assert_allclose(psf.containment_radius([1e3, 1e4], 0.68), [0.80, 0.155], rtol=0.05)


@pytest.mark.parametrize("name", [f"P8R3_{name}_V3" for name in P8R3])
def test_event_types_are_ordered_by_quality(name):
    r68 = [
        load_response(name, irfs.EVENT_TYPES[t]).psf.containment_radius(1e3, 0.68)[0]
        for t in ("PSF0", "PSF1", "PSF2", "PSF3")
    ]
    assert np.all(np.diff(r68) < 0)
    widths = []
    for event_type in ("EDISP0", "EDISP1", "EDISP2", "EDISP3"):
        response = load_response(name, irfs.EVENT_TYPES[event_type])
        row = response.edisp[np.argmin(np.abs(response.energy - 1e4))]
        low, high = np.interp([0.16, 0.84], row, response.ratio)
        widths.append(high - low)
    assert np.all(np.diff(widths) < 0)


@pytest.mark.parametrize("name", [f"P8R3_{name}_V3" for name in P8R3])
def test_every_partition_holds_all_events(name):
    energy, costheta = np.array([300.0, 1e3, 1e4, 1e5]), np.array([0.4, 0.7, 1.0])
    areas = [
        load_response(name, evtype).effective_area(energy, costheta) for evtype in (3, 60, 960)
    ]
    assert_allclose(areas[1], areas[0], rtol=0.05)
    assert_allclose(areas[2], areas[0], rtol=0.05)


def test_effective_area_of_source_class():
    response = load_response("P8R3_SOURCE_V3")
    # about 0.9 m2 on axis above 1 GeV, nothing beyond the edge of the field of view
    assert_allclose(response.effective_area([1e4], [1.0]), 9200, rtol=0.05)
    assert response.effective_area([1e4], [0.1])[0, 0] == 0


def test_psf_is_normalized_and_summed_with_the_area():
    both = load_response("P8R3_SOURCE_V3", 3)
    front, back = (load_response("P8R3_SOURCE_V3", n) for n in (1, 2))
    for response in (both, front, back):
        assert_allclose(response.psf.normalized().values, response.psf.values, rtol=1e-6)
    weight = front.aeff.mean(axis=1) / both.aeff.mean(axis=1)
    expected = weight[:, None] * front.psf.values + (1 - weight[:, None]) * back.psf.values
    assert_allclose(both.psf.values, expected, rtol=1e-5)


def test_dispersion_conserves_events_and_is_narrow():
    response = load_response("P8R3_SOURCE_V3")
    true, reco = np.geomspace(1e3, 1e5, 17), np.geomspace(100, 1e6, 33)
    matrix = response.edisp_matrix(true, reco)
    assert_allclose(matrix.sum(axis=1), 1, atol=1e-3)
    mean = matrix @ np.sqrt(reco[:-1] * reco[1:]) / np.sqrt(true[:-1] * true[1:])
    assert_allclose(mean, 1, atol=0.1)


def test_event_type_sums():
    assert irfs.type_names(48) == ("PSF2", "PSF3")
    assert irfs.type_names(3) == ("FRONT", "BACK")
    for wrong in (0, 5, 1024):
        with pytest.raises(InputError, match="is not a sum within"):
            irfs.type_names(wrong)
    with pytest.raises(InputError, match="P8R2_SOURCE_V6 has no table for PSF3"):
        load_response("P8R2_SOURCE_V6", 32)


def test_gaussian_containment():
    sigma = np.radians(0.5)
    values = np.exp(-0.5 * (np.radians(RAD) / sigma) ** 2) / (2 * np.pi * sigma**2)
    psf = PSF(np.array([1e3]), RAD, values[None])
    for fraction in (0.39, 0.68, 0.95):
        radius = psf.containment_radius(1e3, fraction)[0]
        assert_allclose(radius, 0.5 * np.sqrt(-2 * np.log(1 - fraction)), rtol=5e-3)


def test_pixel_window_widens_the_psf_as_random_shifts_do():
    """Events of a Gaussian PSF, moved to a random place in their pixel."""
    random = np.random.default_rng(5)
    sigma, size, count = 0.15, 0.46, 400000
    source = random.uniform(0, size, (count, 2))
    event = source + random.normal(0, sigma, (count, 2))
    pairs = random.uniform(0, size, (2, 2000, 2))
    shifts = np.quantile(np.hypot(*(pairs[0] - pairs[1]).T), (np.arange(64) + 0.5) / 64)
    moved = (np.floor(event / size) + random.uniform(size=(count, 2))) * size
    radii = np.hypot(*(moved - source).T)
    values = np.exp(-0.5 * (RAD / sigma) ** 2) / (2 * np.pi * np.radians(sigma) ** 2)
    psf = PSF(np.array([1e4]), RAD, values[None]).smeared(shifts)
    for fraction in (0.2, 0.5, 0.68, 0.95):
        expected = np.quantile(radii, fraction)
        assert_allclose(psf.containment_radius(1e4, fraction)[0], expected, rtol=0.02)


@pytest.mark.latdata
@pytest.mark.parametrize(
    ("file", "name", "evtype"),
    [
        ("3fhl_gc/fermi-3fhl-gc-psf-cube.fits.gz", "P8R2_SOURCE_V6", 3),
        ("gc_clean_psf23/psf_00.fits", "P8R3_CLEAN_V3", 16),
        ("gc_clean_psf23/psf_01.fits", "P8R3_CLEAN_V3", 32),
        ("crab_fermipy/psf_00.fits", "P8R3_SOURCEVETO_V3", 4),
    ],
)
@pytest.mark.parametrize("fraction", [0.68, 0.95])
def test_containment_against_gtpsf(latdata, file, name, evtype, fraction):
    gtpsf = read_psf(latdata / "real" / file, None)
    energy = gtpsf.energy[gtpsf.energy >= 4e3 * 0.99]
    ours = load_response(name, evtype).psf.containment_radius(energy, fraction)
    assert_allclose(ours, gtpsf.containment_radius(energy, fraction), rtol=0.05)


@pytest.mark.latdata
def test_tables_follow_from_caldb(latdata, monkeypatch):
    """The installed tables are what the command derives; $CALDB gives any other IRF."""
    from fermiml.response.caldb import read_caldb

    ours = load_response("P8R3_CLEAN_V3", 32)
    (derived,) = read_caldb(latdata / "caldb", "P8R3_CLEAN_V3", ("PSF3",))
    for key in ("aeff", "edisp"):
        assert_allclose(getattr(ours, key), getattr(derived, key), rtol=1e-5, atol=1e-6)
    assert_allclose(ours.psf.values, derived.psf.values, rtol=1e-5, atol=1e-12)
    monkeypatch.setattr(installed, "installed_irfs", list)
    monkeypatch.setenv("CALDB", str(latdata / "caldb"))
    from_caldb = load_response("P8R3_CLEAN_V3", 32)
    assert_allclose(from_caldb.aeff, derived.aeff)
    with pytest.raises(InputError, match="holds no aeff_P8R3_NOTHING_V1_PSF"):
        load_response("P8R3_NOTHING_V1", 32)


@pytest.mark.latdata
def test_estimated_exposure_against_3fhl(latdata):
    """Within 10 % over the sky (rms), and in every band of declination."""
    folder = latdata / "real" / "3fhl_allsky"
    counts = folder / "fermi_3fhl_counts_cube_hpx.fits.gz"
    estimated = SkyCube.read(counts).components[0]
    given = SkyCube.read(counts, exposure=folder / "fermi_3fhl_exposure_cube_hpx.fits.gz")
    position = estimated.pixel_positions()[::7]
    ratio = exposures.sample(estimated.exposure, position, 2e4)[0]
    ratio /= exposures.sample(given.components[0].exposure, position, 2e4)[0]
    assert np.sqrt(np.mean((ratio - 1) ** 2)) < 0.1
    declination = position.icrs.dec.deg
    for low in range(-90, 90, 30):
        inside = (declination >= low) & (declination < low + 30)
        assert abs(ratio[inside].mean() - 1) < 0.1


@pytest.mark.latdata
def test_livetime_cube_times_area_against_3fhl(latdata):
    folder = latdata / "real" / "3fhl_allsky"
    counts = folder / "fermi_3fhl_counts_cube_hpx.fits.gz"
    livetime = latdata / "exposure" / "ltcube_4yr.fits"
    ours = SkyCube.read(counts, exposure=livetime).components[0]
    real = SkyCube.read(counts, exposure=folder / "fermi_3fhl_exposure_cube_hpx.fits.gz")
    position = ours.pixel_positions()[::7]
    ratio = exposures.sample(ours.exposure, position, [2e4, 2e5])
    ratio /= exposures.sample(real.components[0].exposure, position, [2e4, 2e5])
    with fits.open(livetime) as hdus:  # it holds 4 of the 7 years
        good_time = Selection.from_hdus(hdus).good_time
    scaled = ratio * ours.selection.good_time / good_time
    assert_allclose(scaled.mean(axis=1), 1.04, atol=0.05)
    assert np.all(scaled.std(axis=1) < 0.08)


def test_livetime_cube_is_told_from_an_exposure_cube(tmp_path):
    lat.write_bexpmap(tmp_path / "bexpmap.fits")
    assert not exposures.is_livetime_cube(tmp_path / "bexpmap.fits")
    with pytest.raises(InputError, match="is no livetime cube"):
        exposures.from_livetime_cube(tmp_path / "bexpmap.fits", load_response())
