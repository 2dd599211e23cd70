"""Expected counts of sources, and what an analysis could see of them."""

import dataclasses

import numpy as np
import pytest
from gammapy.maps import HpxGeom, MapAxis
from makers.onesource import CENTER, EDGES, observe, one_source, wcs

from fermiml.model import point_sources
from fermiml.model.sources import DISK, GAUSS
from fermiml.response import exposure


@pytest.mark.parametrize("dispersion", [True, False])
@pytest.mark.parametrize("pixel", [0.1, 0.3])
def test_a_source_keeps_its_counts_wherever_it_sits_in_a_pixel(response, dispersion, pixel):
    """Pixel centre, edge and corner; the sum is flux x exposure."""
    observation = observe(response, wcs(pixel=pixel), dispersion=dispersion)
    for shift in (0.0, 0.25, 0.5):
        source = one_source(40 + shift * pixel, 35 + shift * pixel)
        expected = (observation.photons(source) @ observation.dispersion)[0]
        counts = point_sources.total(observation, source).sum(axis=(1, 2))
        assert counts[2:] == pytest.approx(expected[2:], rel=0.015)


def test_the_centroid_is_the_position(response):
    """Sub-pixel positions: the mean of the expected counts, in the highest bins."""
    geom = wcs(width=6.0, proj="TAN")
    observation = observe(response, geom)
    source = one_source(40.037, 35.021)
    counts = point_sources.total(observation, source)[4:].sum(axis=0)
    y, x = np.indices(counts.shape)
    (column,), (row,) = geom.to_image().coord_to_pix((source.lon, source.lat))
    assert np.sum(x * counts) / counts.sum() == pytest.approx(column, abs=0.03)
    assert np.sum(y * counts) / counts.sum() == pytest.approx(row, abs=0.03)


def test_the_image_of_a_source_is_the_psf(response):
    """Counts within the PSF's 68 % radius at the energy of the bin."""
    observation = observe(response, wcs(pixel=0.05), dispersion=False)
    counts = point_sources.total(observation, one_source())
    away = observation.geom.to_image().separation(CENTER).deg
    energy = np.sqrt(EDGES[:-1] * EDGES[1:])
    r68 = response.psf.containment_radius(energy, 0.68)
    share = [np.sum(c[away < r]) / c.sum() for c, r in zip(counts, r68, strict=True)]
    assert share[1:5] == pytest.approx([0.68] * 4, abs=0.03)


def test_healpix_and_wcs_see_the_same_source(response):
    """Total counts and counts within a degree, nside 256 against 0.1 deg pixels."""
    axis = MapAxis.from_energy_edges(EDGES[3:], unit="MeV", name="energy")
    hpx = HpxGeom(256, frame="galactic", region="DISK(40,35,6)", axes=[axis])
    found = []
    for geom in (hpx, wcs(edges=EDGES[3:])):
        observation = observe(response, geom)
        counts = point_sources.total(observation, one_source(40.1, 35.07)).sum(axis=0)
        position = geom.to_image().get_coord().skycoord
        near = position.separation(CENTER).deg < 1.0
        found.append((counts.sum(), counts[near].sum()))
    assert found[0] == pytest.approx(found[1], rel=0.02)


@pytest.mark.parametrize("form", [DISK, GAUSS])
def test_extended_sources_have_their_size(response, form):
    """Counts of a disk within its radius, of a Gaussian within its 68 % radius, > 30 GeV."""
    geom = wcs(edges=[3e4, 1e5])
    observation = observe(response, geom)
    source = one_source(flux=1e-7).extended_to([form], [1.0])
    counts = point_sources.total(observation, source)[0]
    away = geom.to_image().separation(CENTER).deg
    assert counts.sum() == pytest.approx(
        (observation.photons(source) @ observation.dispersion)[0, 0], rel=0.02
    )
    expected = 0.95 if form == DISK else 0.68
    assert counts[away < 1.0].sum() / counts.sum() == pytest.approx(expected, abs=0.06)


def test_asimov_ts_of_a_lonely_source_is_what_the_formula_says(response):
    """A flat background, computed by hand; twice the exposure is twice the TS."""
    observation = observe(response, wcs())
    source = one_source(flux=3e-10)
    s = point_sources.total(observation, source)
    b = np.full_like(s, 0.5)
    ts, counts = point_sources.asimov_ts(observation, source, s + b)
    by_hand = 2 * np.sum((s + b) * np.log1p(s / b) - s)
    assert ts.sum() == pytest.approx(by_hand, rel=0.01)
    assert counts.sum() == pytest.approx(s.sum(), rel=0.01)
    double_map = exposure.estimate(6e8, response)
    longer = dataclasses.replace(observation, exposure_map=double_map)
    double, _ = point_sources.asimov_ts(longer, source, 2 * (s + b))
    assert double.sum() == pytest.approx(2 * ts.sum(), rel=0.01)
    guess = point_sources.estimate_ts(observation, source, b)
    assert 0.5 < guess[0] / ts.sum() < 1.5


def test_masked_pixels_say_nothing(response):
    """Asimov TS of a source in the unobserved half is nearly zero."""
    geom = wcs()
    mask = geom.to_image().get_coord().skycoord.l.deg < 39.5
    observation = observe(response, geom, mask=mask)
    source = one_source(43.0)
    background = np.full(geom.data_shape, 1.0)
    ts, _ = point_sources.asimov_ts(
        observation, source, background + point_sources.total(observation, source)
    )
    other = one_source(37.0)
    seen, _ = point_sources.asimov_ts(
        observation, other, background + point_sources.total(observation, other)
    )
    assert ts.sum() < 1e-3 * seen.sum()
