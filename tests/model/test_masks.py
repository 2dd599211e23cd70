"""The pixels that belong to a source."""

import numpy as np
import pytest

from fermiml.model import masks
from fermiml.model.sources import DISK, GAUSS, HOLE, POINT, RING

RAD = np.concatenate([[0.0], np.geomspace(0.001, 30, 300)])
SIGMA = np.array([0.3, 0.1])  # deg, of the PSF in two bands
PSF = np.exp(-0.5 * np.square(RAD / SIGMA[:, None])) / np.square(SIGMA)[:, None]


def radii(form, size=0.0, npred=(0, 50)):
    outer, inner = masks.radii(RAD, PSF, np.array([npred], float), np.array([form]), [size])
    return outer[0], inner[0]


def test_a_point_is_as_wide_as_its_psf():
    """A Gaussian falls to the fraction at sigma sqrt(-2 ln fraction), sigma with that of a pixel;
    of two bands, in between."""
    narrow, wide = np.hypot(SIGMA[::-1], 0.1 / np.sqrt(12)) * np.sqrt(-2 * np.log(masks.FRACTION))
    assert radii(POINT)[0] == pytest.approx(narrow, rel=0.02)
    assert radii(POINT, npred=(50, 0))[0] == pytest.approx(wide, rel=0.02)
    assert narrow < radii(POINT, npred=(50, 50))[0] < wide
    assert radii(POINT, npred=(0, 0)) == (0, 0)


def test_extended_sources_are_as_wide_as_they_are():
    """A disk ends within the PSF of its rim; a Gaussian where it falls to the fraction; a ring
    has a hole."""
    outer, inner = radii(DISK, 2.0)
    assert 2.0 < outer < 2.2 and inner == 0
    sigma = 2.0 / np.sqrt(-2 * np.log(0.32))
    assert radii(GAUSS, 2.0)[0] == pytest.approx(sigma * np.sqrt(-2 * np.log(0.2)), rel=0.06)
    outer, inner = radii(RING, 2.0)
    assert 2.0 < outer < 2.2
    assert 2.0 * HOLE - 0.2 < inner < 2.0 * HOLE


def test_pixels_stand_out_from_the_peak_and_from_the_noise():
    """By hand: 0.2 of the peak of 10 is 2; 0.1 of the root of 900 is 3."""
    counts = np.array([10, 2.5, 2.5, 1.9, 10])
    expected = np.array([10, 100, 900, 4, 1e6])
    assert masks.belongs(counts, expected).tolist() == [True, True, False, False, False]
    assert not masks.belongs(np.zeros(3), np.ones(3)).any()
