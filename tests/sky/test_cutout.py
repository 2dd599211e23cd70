"""Parts of a cube are what the cube is there."""

import pickle

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from gammapy.maps import HpxGeom, HpxNDMap, MapAxis, WcsGeom, WcsNDMap
from makers import latfiles as lat

from fermiml import SkyCube
from fermiml.response import exposure as exposures
from fermiml.sky.cutout import Cutter
from fermiml.sky.sphere import vectors_of

ENERGY = MapAxis.from_nodes([100, 1000, 1e5], unit="MeV", name="energy_true", interp="log")


def whole_sky(kind):
    """A map of the exposure, another value in each pixel."""
    if kind == "hpx":
        geom = HpxGeom(32, nest=False, frame="galactic", axes=[ENERGY])
        made = HpxNDMap(geom, unit="cm2 s")
    else:
        geom = WcsGeom.create(
            skydir=(0, 0), binsz=2, width=(360, 180), proj=kind, frame="icrs", axes=[ENERGY]
        )
        made = WcsNDMap(geom, unit="cm2 s")
    made.data = np.random.default_rng(1).uniform(1e10, 1e11, made.data.shape)
    return made


@pytest.fixture(scope="module")
def component(tmp_path_factory):
    path = tmp_path_factory.mktemp("cut") / "ccube.fits"
    lat.write_ccube(path)
    return SkyCube.read(path).components[0]


@pytest.mark.parametrize("kind", ["CAR", "AIT", "hpx"])
@pytest.mark.parametrize("middle", [(80, 40), (0.2, -3), (122, 85)])
def test_a_cut_exposure_is_the_same_within_reach(component, kind, middle):
    """Also at the poles and where longitudes begin anew."""
    component.exposure = whole_sky(kind)
    center = SkyCoord(*middle, unit="deg", frame="galactic")
    cut = Cutter(component).exposure(vectors_of(center), 10)
    random = np.random.default_rng(2)
    angle, radius = random.uniform(0, 360, 500), random.uniform(0, 10, 500)
    there = center.directional_offset_by(angle * u.deg, radius * u.deg)
    ours, theirs = (exposures.sample(e, there, [300.0, 2e4]) for e in (cut, component.exposure))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    assert cut.unit == component.exposure.unit


def test_what_travels_with_a_part_is_small(component):
    component.exposure = whole_sky("CAR")
    center = vectors_of(component.center.galactic)
    part = Cutter(component).cut(center, 1.0, reach=5.0)
    assert len(pickle.dumps(part)) < 0.2 * len(pickle.dumps(component.exposure))
    assert part.mask.sum() < component.mask.sum()
    there = part.positions_of(np.flatnonzero(part.mask))
    pixels = component.geom.coord_to_idx(there)[::-1]
    np.testing.assert_array_equal(part.counts.data[:, part.mask], component.counts.data[:, *pixels])


def test_the_map_of_a_part_of_the_sky_stays_whole(component):
    """Its nearest pixel stands for what is beyond its border."""
    component.exposure = whole_sky("CAR").cutout(component.center, width=20 * u.deg)
    cut = Cutter(component).exposure(vectors_of(component.center.galactic), 1)
    assert cut is component.exposure
