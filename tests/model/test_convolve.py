"""Diffuse emission and faint sources, convolved with the PSF."""

import healpy
import numpy as np
import pytest
from makers.onesource import CENTER, observe, one_source, wcs

from fermiml.model import convolve, point_sources
from fermiml.model.diffuse import Isotropic, Template


def test_a_flat_sky_gives_flat_counts(response):
    """Isotropic intensity: counts are intensity x exposure x solid angle, up to the borders."""
    edges = np.geomspace(1e3, 1e5, 5)
    term = Isotropic("flat", nodes=np.array([1e2, 1e6]), spectrum=np.array([1e-7, 1e-15]))
    observation = observe(response, wcs(width=8, edges=edges), dispersion=False)
    counts = convolve.expect(observation, term.intensity)
    flux = convolve.power_law_bins(
        observation.true_edges, term.intensity(np.zeros(1), np.zeros(1), observation.true_edges)
    )[:, 0]
    pixels = observation.pixels
    direct = flux[:, None] * observation.exposure(pixels.lon, pixels.lat) * pixels.area
    direct = (observation.dispersion.T @ direct).reshape(counts.shape)
    assert counts / direct == pytest.approx(np.ones_like(counts), rel=0.01)


def test_faint_sources_are_convolved_like_bright_ones(response):
    """The same source by Fourier transform and at its exact place."""
    observation = observe(response, wcs())
    source = one_source(40.0, 35.0)
    crowd = convolve.expect(observation, faint=source)
    exact = point_sources.total(observation, source)
    assert crowd.sum(axis=(1, 2)) == pytest.approx(exact.sum(axis=(1, 2)), rel=0.03)
    # sharing photons among pixels blunts the peak a little
    assert crowd[0].max() == pytest.approx(exact[0].max(), rel=0.1)


def test_a_template_is_smeared_by_the_psf(response):
    """One bright HEALPix pixel: all counts are there, and they spread out."""
    pixels = np.zeros(12 * 128**2)
    pixels[healpy.ang2pix(128, 40, 35, lonlat=True)] = 1.0
    term = Template("spot", pixels=pixels, nodes=np.array([1e2, 1e6]),
                    spectrum=np.array([1e-5, 1e-13]))  # fmt: skip
    observation = observe(response, wcs(edges=[1e3, 2e3]), dispersion=False)
    counts = convolve.expect(observation, term.intensity)[0]
    away = observation.geom.to_image().separation(CENTER).deg
    assert counts[away < 4].sum() / counts.sum() > 0.95
    assert 0.4 < counts[away < 0.7].sum() / counts.sum() < 0.75
