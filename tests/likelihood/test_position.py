"""Positions: the peak of the likelihood surface, and what is done where there is none."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from makers import smallskies as sky
from makers.smallskies import fit

from fermiml import SourceCatalog
from fermiml.catalog.flags import MLFlag
from fermiml.likelihood.position import _POINTS, Place, _lon_lat, _moved, _peak
from fermiml.sky.sphere import unit_vectors


def test_the_peak_of_a_paraboloid_is_found_with_its_ellipse():
    """Half of chi2: offsets from (0.02, -0.01) with a covariance that is turned by 30 deg."""
    turn = np.radians(30.0)
    axes = np.array([[np.sin(turn), np.cos(turn)], [np.cos(turn), -np.sin(turn)]])
    covariance = axes.T @ np.diag([0.05**2, 0.02**2]) @ axes
    ring = 0.08 * _POINTS
    away = ring - (0.02, -0.01)
    losses = 7.0 + 0.5 * np.sum(away @ np.linalg.inv(covariance) * away, axis=1)
    step, found = _peak(ring, losses)
    assert step == pytest.approx([0.02, -0.01])
    assert found == pytest.approx(covariance)
    major, minor, angle = Place(0, 0, found, True).ellipse()
    assert (major, minor, angle) == pytest.approx((0.05, 0.02, 30.0))


def test_offsets_point_east_and_north_in_equatorial_coordinates():
    center = SkyCoord(83.6, 62.0, unit="deg", frame="fk5")
    east, north = np.array([[0.3, 0.0], [0.0, 0.2], [-0.1, 0.4]]).T
    expected = center.spherical_offsets_by(east * u.deg, north * u.deg)
    galactic = center.galactic
    start = unit_vectors(galactic.l.deg, galactic.b.deg)
    lon, lat = _lon_lat(_moved(start, np.column_stack([east, north])))
    found = SkyCoord(lon, lat, unit="deg", frame="galactic")
    assert found.separation(expected).arcsec == pytest.approx(0, abs=1e-3)
    lon, lat = _lon_lat(_moved(start, np.array([0.3, 0.0])))
    assert (lon, lat) == pytest.approx((found[0].l.deg, found[0].b.deg))


@pytest.mark.parametrize("bend", [(1.0, -1.0), (1.0, 0.0), (-1.0, -2.0)])
def test_a_saddle_or_a_valley_has_no_peak(bend):
    """The best of the points is gone to, and looked at again from there."""
    ring = 0.1 * _POINTS
    losses = np.square(ring) @ bend + 0.3 * ring[:, 0]
    step, covariance = _peak(ring, losses)
    assert covariance is None
    assert losses.min() == losses[np.all(ring == step, axis=1)]


def test_a_seed_in_an_empty_place_stays_where_it_was():
    """A flat surface has no peak: no ellipse is written, and a flag says so."""
    data = sky.cube(sky.power_laws([], [], []), width=4.0)
    seed = SourceCatalog.from_table({"GLON": [100.0], "GLAT": [45.0]})
    found = fit(seed, data, spectra=False, bands=False)
    row = found.table[0]
    assert row["TS"] < 1
    assert found.positions.separation(seed.positions).deg[0] < 1e-4
    assert not np.isfinite(row["Conf_95_SemiMajor"])


def test_a_position_is_the_truth_within_its_ellipse():
    source = sky.power_laws([100.0], [45.0], [2e-9])
    data = sky.cube(source, seed=4, width=5.0)
    seed = SourceCatalog.from_table({"GLON": [100.1], "GLAT": [45.05]})
    found = fit(seed, data, spectra=False, bands=False)
    row = found.table[0]
    truth = sky.seeds(source).positions
    assert found.positions.separation(truth).deg[0] < row["Conf_95_SemiMajor"] < 0.05
    assert not row["ML_Flags"] & MLFlag.NOT_CONVERGED
