"""Energy dispersion moves events."""

import numpy as np
import pytest
from makers.onesource import observe, one_source, wcs


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
