"""Values that no LAT observation can have are told with their number; real files pass."""

import numpy as np
import pytest
from astropy.io import fits
from gammapy.maps import Map
from makers import latfiles as lat

from fermiml import InputError, SkyCube


def read(folder, counts=None, exposure=None, **options):
    path = folder / "cube.fits"
    lat.write_ccube(path, counts, listed=lat.cuts(), **options)
    if exposure is not None:
        lat.write_bexpmap(folder / "bexpmap.fits", exposure)
    return SkyCube.read(path, exposure=None if exposure is None else folder / "bexpmap.fits")


def few():
    return lat.poisson((12, 60, 80))


def one_pixel(value):
    counts = few().astype(np.float64)
    counts[3, 20, 30] = value
    return counts


@pytest.mark.parametrize(("value", "text"), [(1e3, "1e.03"), (1e20, "1e.20"), (1e30, "1e.30")])
def test_exposures_that_no_observation_has_are_errors(tmp_path, value, text):
    with pytest.raises(InputError, match=rf"bexpmap.fits\) is {text} cm2 s: no LAT observation"):
        read(tmp_path, exposure=value)


@pytest.mark.parametrize(("value", "area"), [(1e7, "0.1 cm2"), (2e12, "2e+04 cm2")])
def test_exposures_that_the_good_time_does_not_give_warn(tmp_path, caplog, value, area):
    read(tmp_path, exposure=value)
    assert f"in 1e+08 s of good time is {area} on average" in caplog.text


def test_ordinary_exposures_pass(tmp_path, caplog):
    read(tmp_path, exposure=1e11)
    assert not caplog.records


def test_more_counts_in_a_pixel_than_there_were_photons(tmp_path):
    with pytest.raises(InputError, match=r"2e\+09 counts in one pixel"):
        read(tmp_path, one_pixel(2e9))


def test_a_pixel_that_the_psf_does_not_allow_warns(tmp_path, caplog):
    component = read(tmp_path, one_pixel(1e7)).components[0]
    assert "one pixel contains 1e+07 counts from" in caplog.text
    assert any("one pixel contains" in note for note in component.notes)


def test_fractional_counts_warn(tmp_path, caplog):
    read(tmp_path, one_pixel(3.25))
    assert "counts that are not whole numbers (3.25)" in caplog.text


@pytest.mark.parametrize("factor", [0.01, 1e3])
def test_a_background_far_from_the_counts_warns(tmp_path, caplog, factor):
    counts = read(tmp_path).components[0].counts.data
    lat.write_ccube(tmp_path / "model.fits", np.full(counts.shape, counts.mean() * factor, "f4"))
    SkyCube.read(tmp_path / "cube.fits", background=tmp_path / "model.fits")
    assert f"the background contains {counts.sum() * factor:.4g} counts, the data" in caplog.text


def test_energies_that_the_header_says_were_cut_away_warn(tmp_path, caplog):
    read(tmp_path, edges=lat.EDGES / 4)
    assert "the bins run from 125 to 1.25e+05 MeV, although" in caplog.text


@pytest.mark.parametrize(
    ("keyword", "value", "message"),
    [
        ("CRPIX1", "x", "CRPIX1 is 'x', a number was expected"),
        ("CDELT1", 1e-12, "pixels of 1e-12 deg"),
        ("CDELT2", 1e5, "pixels of 1e.05 deg"),
    ],
)
def test_sky_coordinates_that_are_none(tmp_path, keyword, value, message):
    lat.write_ccube(tmp_path / "cube.fits")
    with fits.open(tmp_path / "cube.fits", mode="update", memmap=False) as hdus:
        hdus[0].header[keyword] = value
    with pytest.raises(InputError, match=message):
        SkyCube.read(tmp_path / "cube.fits")


def test_maps_of_other_instruments_are_not_judged(tmp_path, caplog):
    read(tmp_path)
    sky = SkyCube.read(tmp_path / "cube.fits").components[0].counts
    values = one_pixel(1e7) + 0.5
    nodes = sky.geom.axes[0].copy(name="energy_true")
    exposure = Map.from_geom(sky.geom.to_image().to_cube([nodes]), unit="cm2 s")
    exposure.data += 1e16
    SkyCube.read(type(sky)(sky.geom, values), exposure=exposure)
    assert not caplog.records


@pytest.mark.latdata
@pytest.mark.parametrize(
    ("counts", "options"),
    [
        ("3fhl_allsky/fermi_3fhl_counts_cube_hpx.fits.gz",
         {"exposure": "3fhl_allsky/fermi_3fhl_exposure_cube_hpx.fits.gz"}),
        ("3fhl_gc/fermi-3fhl-gc-counts-cube.fits.gz",
         {"exposure": "3fhl_gc/fermi-3fhl-gc-exposure-cube.fits.gz",
          "background": "3fhl_gc/fermi-3fhl-gc-background-cube.fits.gz"}),
        ("crab_fermipy", {}),
        ("gc_clean_psf23", {}),
        ("j2024_ft1/ft1.fits.gz", {}),
        ("pg1553_100mev/ccube_00.fits.gz", {"exposure": "pg1553_100mev/bexpmap_roi_00.fits.gz"}),
        ("pg1553_100mev/ft1_00.fits.gz", {}),
    ],
)  # fmt: skip
def test_real_files_raise_no_doubt(latdata, caplog, counts, options):
    folder = latdata / "real"
    SkyCube.read(folder / counts, **{name: folder / file for name, file in options.items()})
    assert not caplog.records
