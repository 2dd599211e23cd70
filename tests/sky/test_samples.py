"""Where the points of a patch fall in other grids."""

import numpy as np
import pytest
from gammapy.maps import WcsGeom

from fermiml.sky.samples import Samples
from fermiml.sky.tiling import pixel_side, tangent_geom


def exact(samples, geom):
    """Pixel coordinates without interpolation."""
    position = np.moveaxis(samples.vectors(geom.frame), -1, 0)
    lon = np.degrees(np.arctan2(position[1], position[0]))
    return geom.wcs.wcs_world2pix(lon, np.degrees(np.arcsin(position[2])), 0)


@pytest.mark.parametrize("frame", ["galactic", "icrs"])
@pytest.mark.parametrize("proj", ["CAR", "ZEA", "AIT"])
@pytest.mark.parametrize("middle", [(0, 0), (50, 60), (20, 85), (180, 0), (120, -89.9)])
def test_pixels_of_other_projections(proj, middle, frame):
    """At the rim of the projections and at the poles, too."""
    geom = WcsGeom.create(skydir=(0, 0), frame=frame, binsz=0.1, width=(360, 180), proj=proj)
    samples = Samples(tangent_geom(*middle, 0.3, "galactic", 64, 0.1), 3)
    for ours, theirs in zip(samples.pixels(geom), exact(samples, geom), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_areas_are_those_on_the_sphere():
    """The patch of 64 deg is cut out of a sphere of 4 pi."""
    geom = tangent_geom(10, 20, 0.1, "icrs", 64, 1.0)
    tangent = np.radians(pixel_side(geom)) * 32
    whole = 4 * np.arcsin(tangent**2 / (1 + tangent**2))
    assert Samples(geom, 3).area().sum() == pytest.approx(np.degrees(np.degrees(whole)), rel=1e-5)
    values = np.arange(192.0**2).reshape(192, 192)
    blocks = values.reshape(64, 3, 64, 3).sum(axis=(1, 3))
    np.testing.assert_array_equal(Samples(geom, 3).sum(values), blocks)
