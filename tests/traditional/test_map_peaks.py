"""Peaks of a map, between its pixels."""

import numpy as np
import pytest
from gammapy.maps import WcsGeom, WcsNDMap

from fermiml.traditional import map_peaks


def test_parabola_finds_the_place_between_pixels():
    """A paraboloid of TS: its top and its axes come back exactly."""
    geom = WcsGeom.create(skydir=(80, 10), npix=(21, 21), binsz=0.1, frame="galactic", proj="ZEA")
    x, y = np.meshgrid(np.arange(21), np.arange(21))
    image = WcsNDMap(geom, 10 - 0.5 * ((x - 10.3) / 1.5) ** 2 - 0.5 * ((y - 9.8) / 3) ** 2)
    table = map_peaks.find(image, 5, 0.5)
    assert len(table) == 1
    there = geom.pix_to_coord((10.3, 9.8))
    assert table["lon"][0] == pytest.approx(there[0].to_value("deg"), abs=1e-3)
    assert table["lat"][0] == pytest.approx(there[1].to_value("deg"), abs=1e-3)
    assert table["major"][0] == pytest.approx(2 * table["minor"][0], rel=0.1)
