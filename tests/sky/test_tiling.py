"""Tangent planes, and windows that cover a map."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.testing import assert_allclose

from fermiml.sky.patches import OVERLAP, PIXEL
from fermiml.sky.tiling import _starts, pixel_vectors, tangent_geom


@pytest.mark.parametrize(
    ("lon", "lat_"), [(0.02, 0.0), (359.97, 12.0), (123.4, 89.97), (50.0, -90.0), (200.0, -63.0)]
)
@pytest.mark.parametrize("frame", ["galactic", "icrs"])
def test_pixels_map_back_to_the_sky(lon, lat_, frame):
    """The vectors that place counts and the WCS that places sources agree, poles included."""
    for angle in (0.0, 1.1):
        geom = tangent_geom(lon, lat_, angle, frame, 128, PIXEL)
        sky = geom.get_coord().skycoord
        ours = SkyCoord(
            *np.moveaxis(pixel_vectors(geom), -1, 0), representation_type="cartesian", frame=frame
        )
        assert ours.separation(sky).to_value(u.arcsec).max() < 0.01
        x, y = geom.coord_to_pix(sky)
        yy, xx = np.mgrid[:128, :128]
        assert_allclose([x, y], [xx, yy], atol=1e-6)


def test_overlap_reaches_what_is_promised():
    """A row of patches: neighbours overlap by at least the promised margin."""
    for npix in (100, 128, 129, 200, 1000, 3600):
        starts = _starts(npix, 128, OVERLAP)
        covered = np.zeros(max(npix, 128), int)
        for start in starts:
            assert npix <= 128 or 0 <= start <= npix - 128
            covered[max(start, 0) : start + 128] += 1
        assert covered[:npix].min() >= 1
        if npix > 128:
            assert np.diff(starts).max() <= 128 - 2 * 16
