"""Areas of pixels."""

import numpy as np
import pytest
from gammapy.maps import WcsGeom

from fermiml.sky import pixel_area


@pytest.mark.parametrize("proj", ["CAR", "ZEA", "AIT", "TAN"])
def test_areas_are_those_of_gammapy(proj, monkeypatch):
    """Also if the rows are computed in several parts."""
    monkeypatch.setattr(pixel_area, "_CHUNK", 1000)
    geom = WcsGeom.create(skydir=(30, 50), binsz=0.2, width=8, proj=proj)
    ours, theirs = pixel_area.pixel_areas(geom), geom.solid_angle().to_value("deg2")
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)


@pytest.mark.parametrize("proj", ["CAR", "ZEA", "AIT"])
def test_areas_of_the_whole_sky(proj):
    """They add up, and where a projection ends they are unknown, as in gammapy."""
    geom = WcsGeom.create(skydir=(0, 0), binsz=3, width=(360, 180), proj=proj)
    ours, theirs = pixel_area.pixel_areas(geom), geom.solid_angle().to_value("deg2")
    assert np.array_equal(np.isfinite(ours), np.isfinite(theirs))
    if proj == "CAR":
        assert ours.sum() == pytest.approx(4 * np.pi * np.degrees(1) ** 2, rel=1e-9)
