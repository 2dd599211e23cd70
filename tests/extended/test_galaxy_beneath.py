"""What the Galaxy itself emits within an outline, and what of it stands out."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from makers import smallskies

from fermiml.extended import galaxy_beneath
from fermiml.extended.galaxy_beneath import GalaxyBeneath
from fermiml.extended.object_probability import ObjectCalibration
from fermiml.model import diffuse
from fermiml.sky.sphere import sky_coord, vectors_of

CUBE = smallskies.cube(smallskies.four())
BARE = replace(CUBE, components=[replace(c, background=None) for c in CUBE.components])


def directions(lon, lat):
    return vectors_of(SkyCoord(lon, lat, unit="deg", frame="galactic").icrs)


def test_the_inner_plane_stands_out_and_high_latitudes_do_not():
    places = directions([0.3, 0.3, 100.0], [0, 2.5, 60])
    within, out = GalaxyBeneath.of(BARE).expected(places, [0.8, 0.8, 0.8])
    ridge, off, high = out / within
    assert ridge > 0.35
    assert off < 0.15 and high < 0.1
    assert np.all(GalaxyBeneath.of(CUBE).expected(places, [0.8] * 3)[1] == 0)  # it is in the model


def test_counts_are_those_of_the_field():
    """The mean of its map of expected counts, which is of the Galaxy and isotropic."""
    component = CUBE.components[0]
    radius = 2.0
    near = component.geom.to_image().separation(component.center).deg < radius
    total = component.background.data[:, near].sum()
    within, _ = GalaxyBeneath.of(CUBE).expected(vectors_of(component.center.icrs)[None], [radius])
    assert 0.3 * total < within[0] < total


def test_what_stands_out_is_the_disk_less_the_ring(monkeypatch):
    """Also at the poles, where east and north are not defined."""

    class Cap(diffuse.Isotropic):
        def base(self, lon, lat, energy):
            place = SkyCoord(lon, lat, unit="deg", frame="galactic")
            near = sky_coord(center[None]).galactic.separation(place).deg < 0.5
            return np.tile(np.where(near, 3.0, 1.0), (len(energy), 1))

    monkeypatch.setattr(galaxy_beneath, "_galaxy", lambda: Cap("cap"))
    for vector in ([0, 0, 1.0], [0, 0, -1.0], [0.6, 0.0, -0.8]):
        center = np.array(vector)
        within, out = GalaxyBeneath.of(BARE).expected(np.array([center, center]), [0.5, 1.0])
        assert out / within == pytest.approx([2 / 3, 1 / 3], abs=0.01)
        assert within[1] == pytest.approx(2 * within[0], rel=0.02)


def test_a_piece_of_the_ridge_is_no_source():
    """Unless a model of the background had explained the gas."""
    place = SkyCoord(0.3, 0, unit="deg", frame="galactic").fk5
    out = GalaxyBeneath.of(BARE).expected(vectors_of(place.icrs)[None], [0.9])[1]
    row = {"RAJ2000": [place.ra.deg], "DEJ2000": [place.dec.deg], "ML_Ext_Size": [0.9],
           "Npred": out, "ML_TS_Ext": [150.0], "PL_Index": [2.5]}  # fmt: skip
    calibration = ObjectCalibration.load()
    gas = calibration.probability(row, GalaxyBeneath.of(BARE))
    assert gas < 0.02 and calibration.probability(row, GalaxyBeneath.of(CUBE)) > 10 * gas
