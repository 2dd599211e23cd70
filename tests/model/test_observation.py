"""Energy dispersion moves events."""

import numpy as np
import pytest
from makers.onesource import observe, one_source, wcs

from fermiml.model import observation
from fermiml.model.observation import Pixels
from fermiml.sky.sphere import unit_vectors


def test_energy_dispersion_moves_events_down_a_steep_spectrum(response):
    """Below 300 MeV: true energies outside the counts bins contribute, and none is lost inside."""
    edges = np.geomspace(100, 1e3, 5)
    geom = wcs(width=4.0, edges=edges)
    source = one_source(index=2.5)
    with_, without = (observe(response, geom, dispersion=d) for d in (True, False))
    spread = (with_.photons(source) @ with_.dispersion)[0]
    sharp = (without.photons(source) @ without.dispersion)[0]
    assert with_.true_edges[0] < 40
    assert with_.true_edges[-1] > 1500
    assert 1.0 < spread[0] / sharp[0] < 1.5
    assert spread[-1] == pytest.approx(sharp[-1], rel=0.1)


def test_pixels_of_small_grids_are_found_as_those_of_large_ones(monkeypatch):
    """All are looked at, or a tree is; sampled points are kept, or not."""
    geom = wcs(width=4.0, edges=np.array([1e3, 1e4])).to_image()
    center = geom.center_skydir.galactic
    vector = unit_vectors(center.l.deg + 0.3, center.b.deg - 0.2)
    small = Pixels(geom)
    few, near = small.near(vector, 1.0)
    points = [small.sample_distances(few[:9], vector, 0.02) for _ in range(2)]
    monkeypatch.setattr(observation, "_FEW", 0)
    large = Pixels(geom)
    same, far = large.near(vector, 1.0)
    assert sorted(few) == sorted(same)
    assert near == pytest.approx(far, abs=1e-6)
    assert np.array_equal(*points)
    assert points[0] == pytest.approx(large.sample_distances(few[:9], vector, 0.02), abs=1e-9)
