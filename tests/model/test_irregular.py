"""Irregular extended sources: what their patterns hold, and where their counts are."""

import numpy as np
import pytest
from makers.onesource import observe, one_source, wcs

from fermiml.model import irregular, point_sources
from fermiml.model.sources import IRREGULAR

FORMS = range(IRREGULAR, IRREGULAR + irregular.PATTERNS)


@pytest.mark.parametrize("form", FORMS)
def test_a_pattern_has_unit_flux_its_centre_and_its_radius(form):
    step = np.linspace(-12, 12, 601)
    place = step + 1j * step[:, None]
    image = irregular.blobs(form).brightness(place) * (step[1] - step[0]) ** 2
    assert image.sum() == pytest.approx(1, abs=0.01)
    assert abs(np.sum(image * place)) < 0.05
    assert image[np.abs(place) < 1].sum() == pytest.approx(0.68, abs=0.02)


def test_patterns_are_not_round():
    """Most of the flux within a wedge of half a turn, for some direction."""
    angle = np.exp(1j * np.linspace(0, 2 * np.pi, 72))
    for form in FORMS:
        shape = irregular.blobs(form)
        mean = shape.brightness(0.8 * angle)
        assert mean.max() > 1.5 * mean.min()


def test_the_counts_are_where_the_pattern_is(response):
    """At high energies, where the PSF is narrow: mean position and second moments."""
    geom = wcs(width=12.0, proj="TAN", edges=[3e4, 1e5])
    observation = observe(response, geom)
    form, size = IRREGULAR + 4, 0.8
    source = one_source().extended_to([form], [size])
    counts = point_sources.total(observation, source)[0]
    expected = (observation.photons(source) @ observation.dispersion)[0, 0]
    assert counts.sum() == pytest.approx(expected, rel=0.03)
    image = geom.to_image()
    (column,), (row,) = image.coord_to_pix((source.lon, source.lat))
    y, x = np.indices(counts.shape)
    place = 0.1 * (-(x - column) + 1j * (y - row))
    wanted = irregular.blobs(form).brightness(place / size)
    point = point_sources.total(observation, one_source())[0]
    for moment in (np.real(place), np.imag(place), np.real(place) * np.imag(place)):
        assert np.average(moment, weights=counts) == pytest.approx(
            np.average(moment, weights=wanted), abs=0.02
        )
    width = np.average(np.abs(place) ** 2, weights=counts)
    own = np.average(np.abs(place) ** 2, weights=wanted)
    assert width - own == pytest.approx(np.average(np.abs(place) ** 2, weights=point), abs=0.02)


def test_a_source_outside_the_map_is_left_out(response):
    observation = observe(response, wcs(width=4.0, edges=[1e3, 1e5]))
    far = one_source(80.0, -35.0).extended_to([IRREGULAR], [0.5])
    assert point_sources.total(observation, far).sum() == 0
