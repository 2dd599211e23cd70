"""How much brighter the Galaxy is within an outline than around it."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from makers import smallskies

from fermiml.extended import gas_contrast as module
from fermiml.extended.gas_contrast import gas_contrast
from fermiml.extended.object_probability import ObjectCalibration
from fermiml.model import diffuse
from fermiml.sky.sphere import sky_coord, vectors_of


def directions(lon, lat):
    return vectors_of(SkyCoord(lon, lat, unit="deg", frame="galactic").icrs)


def test_the_inner_plane_stands_out_and_high_latitudes_do_not():
    ridge, off, high = gas_contrast(directions([0.3, 0.3, 100.0], [0, 2.5, 60]), [0.8, 0.8, 0.8])
    assert ridge > 0.5
    assert off < 0.2 and high < 0.1


def test_contrast_is_that_of_the_disk_over_the_ring(monkeypatch):
    """Also at the poles, where east and north are not defined."""

    class Cap(diffuse.Isotropic):
        def base(self, lon, lat, energy):
            near = sky_coord(center[None]).galactic.separation(
                SkyCoord(lon, lat, unit="deg", frame="galactic")
            )
            return np.where(near.deg < 0.5, 3.0, 1.0)[None]

    monkeypatch.setattr(module, "_galaxy", lambda: Cap("cap"))
    for vector in ([0, 0, 1.0], [0, 0, -1.0], [0.6, 0.0, -0.8]):
        center = np.array(vector)
        assert gas_contrast(center[None], [0.5])[0] == pytest.approx(2.0)
        assert gas_contrast(center[None], [1.0])[0] == pytest.approx(0.5, abs=0.02)


def test_gas_counts_only_where_the_background_is_unknown():
    """Of the same row, a ridge's is improbable; a model of the background has explained the gas."""
    cube = smallskies.cube(smallskies.four())
    place = SkyCoord(0.3, 0, unit="deg", frame="galactic").fk5
    row = {"RAJ2000": [place.ra.deg], "DEJ2000": [place.dec.deg], "ML_Ext_Size": [0.9],
           "ML_TS": [300.0], "Npred": [900.0], "ML_TS_Ext": [150.0], "PL_Index": [2.5]}  # fmt: skip
    bare = replace(cube, components=[replace(c, background=None) for c in cube.components])
    calibration = ObjectCalibration.load()
    assert calibration.probability(row, bare) < 0.5 < calibration.probability(row, cube)
