"""Exposures, estimated and from livetime cubes, against real ones."""

import numpy as np
import pytest
from astropy.io import fits
from makers import latfiles as lat
from numpy.testing import assert_allclose

from fermiml import InputError, SkyCube
from fermiml.response import exposure as exposures
from fermiml.response.installed import load_response
from fermiml.sky.selection import Selection


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
    with pytest.raises(InputError, match="is not a livetime cube"):
        exposures.from_livetime_cube(tmp_path / "bexpmap.fits", load_response())
