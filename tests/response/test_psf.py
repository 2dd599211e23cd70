"""Tables of the PSF: containment, and what pixels do to it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from fermiml.response.installed import load_response
from fermiml.response.psf import PSF, RAD
from fermiml.sky.read.complete import read_psf


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
