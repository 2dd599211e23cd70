"""Any binning is grouped onto the five bands; bands + remainder = total."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import latfiles as lat
from numpy.testing import assert_allclose

from fermiml import SkyCube
from fermiml.sky.bands import assign_bins, define_bands


def grouped(edges):
    return [band.edges for band in define_bands(np.array(edges, float))]


def test_aligned_edges_are_kept():
    bands = define_bands(np.array([500, 1000, 2000, 7000, 20000, 500000.0]))
    assert [b.edges for b in bands] == [
        (500, 1000), (1000, 2000), (2000, 7000), (7000, 20000), (20000, 500000),
    ]  # fmt: skip
    assert_allclose([b.covered for b in bands[:4]], 1)
    # the open band misses what an E^-2.2 spectrum has above 500 GeV
    assert_allclose(bands[4].covered, 1 - 25**-1.2)


def test_native_edges_nearest_to_the_nominal_ones():
    edges = 10 ** np.arange(2, 6.01, 0.125)
    for (low, high), nominal in zip(grouped(edges), (500, 1000, 2000, 7000, 20000), strict=True):
        nearest = edges[np.argmin(np.abs(np.log(edges / nominal)))]
        assert_allclose(low, nearest)
        assert high > low


def test_a_cube_may_start_inside_a_band():
    bands = define_bands(np.array([4000, 7000, 20000, 50000.0]))
    assert [b.edges for b in bands[:2]] == [None, None]
    assert [b.covered for b in bands[:2]] == [0, 0]
    assert bands[2].edges == (4000, 7000)
    expected = (4**-1.2 - 7**-1.2) / (2**-1.2 - 7**-1.2)
    assert_allclose(bands[2].covered, expected)


def test_a_bin_over_several_bands_goes_where_its_photons_are():
    assert grouped([1000, 300000])[1] == (1000, 300000)
    assert grouped([100, 300000]) == [None] * 5
    # with one band edge inside, the nearest native edge decides, as for narrow bins
    assert grouped([10000, 2000000])[3:] == [None, (10000, 2000000)]


def test_bins_below_the_bands_stay_out():
    numbers = assign_bins(np.array([30, 100, 300, 500, 1000.0]))
    assert numbers.tolist() == [-1, -1, -1, 0]


@given(st.lists(st.floats(30, 3e6), min_size=2, max_size=40, unique=True))
def test_every_bin_is_in_one_band_or_outside(edges):
    edges = np.sort(edges)
    numbers = assign_bins(edges)
    assert np.all(np.diff(numbers) >= 0)
    bands = define_bands(edges)
    inside = sum(band.bins.stop - band.bins.start for band in bands)
    assert inside == np.sum(numbers >= 0)
    assert all(0 <= band.covered <= 1 + 1e-12 for band in bands)


def test_counts_and_psf_of_the_bands(tmp_path):
    edges = np.geomspace(100, 300000, 29)
    counts = lat.write_ccube(tmp_path / "cube.fits", lat.poisson((28, 60, 80), 0.5), edges=edges)
    cube = SkyCube.read(tmp_path / "cube.fits")
    (banded,) = cube.bands()
    assert banded.counts.sum(dtype=float) + banded.remainder == counts.sum()
    assert banded.remainder == counts[assign_bins(edges) < 0].sum() > 0
    psf = cube.components[0].psf
    for band, mean in zip(banded.bands, banded.psf, strict=True):
        r68 = mean.containment_radius(mean.energy, 0.68)[0]
        low, high = psf.containment_radius(band.edges, 0.68)
        assert high < r68 < low
    # a steep spectrum: the mean PSF is nearer to that of the band's lower edge
    first = banded.psf[0].containment_radius(1.0, 0.68)[0]
    assert first > psf.containment_radius(np.mean(banded.bands[0].edges), 0.68)[0]


@pytest.mark.parametrize("edges", [[5e4, 2e5, 3e6], [500, 700]])
def test_absent_bands_have_no_psf(tmp_path, edges):
    counts = lat.poisson((len(edges) - 1, 60, 80))
    lat.write_ccube(tmp_path / "cube.fits", counts, edges=np.array(edges))
    (banded,) = SkyCube.read(tmp_path / "cube.fits").bands()
    assert [psf is None for psf in banded.psf] == [b.edges is None for b in banded.bands]
    assert sum(psf is not None for psf in banded.psf) == 1


@pytest.mark.parametrize("lowest", [50, 60, 100, 150, 300])
def test_a_low_band_comes_after_the_five_and_does_not_change_them(lowest):
    edges = np.geomspace(lowest, 1e6, 30)
    five, six = define_bands(edges), define_bands(edges, low=True)
    assert six[:5] == five
    assert six[5].edges[1] == five[0].edges[0]
    assert abs(np.log(six[5].edges[0] / max(100, lowest))) < 0.6 * np.log(edges[1] / edges[0])
    assert (six[5].covered > 0.7) == (lowest <= 100)
    assert define_bands(edges[edges > 450], low=True)[5].edges is None
