"""The Sun and the Moon: positions without a network, and rows that are nothing else."""

import numpy as np
import pytest
from astropy import units as u
from astropy.time import Time

from fermiml.sky.selection import mission_time
from fermiml.time.sun_moon import body_positions


def at(date):
    return mission_time(Time(date, scale="utc"))


def test_the_sun_is_where_the_seasons_have_it():
    """At the equinox of 2012, and during the flare of 7 March 2012."""
    equinox = body_positions("sun", at("2012-03-20T05:14"))
    assert abs(equinox.dec.deg) < 0.1
    flare = body_positions("sun", [at("2012-03-07T00:30"), at("2012-03-07T20:00")])
    assert flare.ra.deg == pytest.approx([347.6, 348.4], abs=0.15)


def test_the_moon_covers_the_sun_in_an_eclipse():
    """On 2017-08-21, as seen from the centre of the Earth within a degree."""
    time = at("2017-08-21T18:26")
    sun, moon = (body_positions(name, time) for name in ("sun", "moon"))
    assert sun.separation(moon).deg < 1


def test_interpolated_positions_are_those_between_the_nodes():
    from astropy.coordinates import get_body, solar_system_ephemeris

    dates = Time("2015-05-01T00:00", scale="utc") + np.arange(30) * 0.37 * u.day
    for name in ("sun", "moon"):
        with solar_system_ephemeris.set("builtin"):
            exact = get_body(name, dates)
        found = body_positions(name, mission_time(dates))
        assert found.ra.deg == pytest.approx(exact.ra.deg, abs=2e-3)
        assert found.dec.deg == pytest.approx(exact.dec.deg, abs=2e-3)
