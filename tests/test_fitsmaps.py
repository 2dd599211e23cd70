"""Geometries of maps, as keys of finished work need them."""

import numpy as np
import pytest
from gammapy.maps import HpxGeom, WcsGeom

from fermiml.checkpoint import content_key
from fermiml.fitsmaps import geom_content


def chosen(first, **options):
    """A HEALPix geometry of some pixels, as the LAT's counts of a part of the sky have it."""
    return HpxGeom(64, region=(np.arange(first, first + 20),), **options)


GEOMS = {
    "WCS": WcsGeom.create(npix=10, binsz=0.1),
    "other WCS": WcsGeom.create(npix=10, binsz=0.2),
    "all pixels": HpxGeom(64, frame="galactic", nest=False),
    "nested": HpxGeom(64, frame="galactic", nest=True),
    "a disk": HpxGeom(64, frame="galactic", region="DISK(110,75,2)"),
    "pixels": chosen(10, frame="galactic"),
    "other pixels": chosen(11, frame="galactic"),
    "other frame": chosen(10, frame="icrs"),
}


@pytest.mark.parametrize("name", GEOMS)
def test_every_geometry_has_a_key_of_its_own(name):
    others = [content_key(geom_content(geom)) for other, geom in GEOMS.items() if other != name]
    assert content_key(geom_content(GEOMS[name])) not in others
