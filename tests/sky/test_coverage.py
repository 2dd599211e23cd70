"""The coverage map holds the sky that was observed, and nothing else."""

import sys

import pytest
from astropy import units as u
from makers import latfiles, smallskies

from fermiml import SkyCube
from fermiml.sky import coverage

pytest.importorskip("mocpy")


def test_area_and_place_of_a_field():
    cube = smallskies.cube(smallskies.four())
    moc = coverage.to_moc(cube)
    area = cube.components[0].pixel_areas().sum()
    assert moc.sky_fraction * 41252.96 == pytest.approx(area, rel=0.01)
    away = cube.center.directional_offset_by(90 * u.deg, 20 * u.deg)
    assert moc.contains_skycoords(cube.center) and not moc.contains_skycoords(away)


def test_circle_of_the_header_counts(tmp_path):
    circle = (latfiles.CENTER.icrs.ra.deg, latfiles.CENTER.icrs.dec.deg, 2.0)
    latfiles.write_ccube(tmp_path / "ccube.fits", listed=latfiles.cuts(circle=circle))
    moc = coverage.to_moc(SkyCube.read(tmp_path / "ccube.fits"))
    assert moc.sky_fraction * 41252.96 == pytest.approx(12.57, rel=0.03)


def test_depth_is_a_choice(tmp_path):
    cube = smallskies.cube(smallskies.four())
    assert coverage.to_moc(cube, depth=6).max_order == 6


def test_without_mocpy_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "mocpy", None)
    with pytest.raises(coverage.InputError, match="fermiml\\[aladin\\]"):
        coverage.to_moc(smallskies.cube(smallskies.four()))
