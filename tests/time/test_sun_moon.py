"""The Sun and the Moon: positions without a network, and rows that are nothing else."""

import logging

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.time import Time

from fermiml.catalog.catalog import SourceCatalog
from fermiml.catalog.flags import MLFlag
from fermiml.response.installed import load_response
from fermiml.sky.selection import Selection, mission_time
from fermiml.sky.times import DAY, TimedEvents
from fermiml.time.sun_moon import body_positions, flagged, visits

PSF = load_response("P8R3_SOURCE_V3", 3).psf


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


class Sky:
    """Photons of ten months about the flare of 7 March 2012."""

    def __init__(self, seed=1):
        self.rng = np.random.default_rng(seed)
        self.flare = at("2012-03-07T04:00")
        self.gti = np.array([[self.flare - 150 * DAY, self.flare + 150 * DAY]])
        self.parts = []
        center = body_positions("sun", self.flare)
        place = center.directional_offset_by(
            self.rng.uniform(0, 360, 5_000) * u.deg,
            np.sqrt(self.rng.uniform(0, 64, 5_000)) * u.deg,
        )
        self._add(place, self.rng.uniform(*self.gti[0], 5_000))

    def _add(self, place, time):
        energy = 500 * self.rng.pareto(1.4, len(time)) + 500
        self.parts.append((place.galactic.l.deg, place.galactic.b.deg, energy, time))

    def add_source(self, place, time):
        """Photons from a position, at some times."""
        energy = 500 * self.rng.pareto(1.4, len(time)) + 500
        spread = PSF.containment_radius(np.minimum(energy, 1e5), 0.68) / 1.5
        moved = place.directional_offset_by(
            self.rng.uniform(0, 360, len(time)) * u.deg,
            spread * np.abs(self.rng.normal(size=len(time))) * u.deg,
        )
        self.parts.append((moved.galactic.l.deg, moved.galactic.b.deg, energy, time))

    def events(self):
        lon, lat, energy, time = (
            np.concatenate(column) for column in zip(*self.parts, strict=True)
        )
        return TimedEvents(lon, lat, energy, time, Selection(gti=self.gti))


def catalog_of(*places):
    position = SkyCoord(places)
    return SourceCatalog.from_table({
        "RAJ2000": position.icrs.ra.deg, "DEJ2000": position.icrs.dec.deg,
        "ML_Prob": np.full(len(places), 0.99), "ML_Prob_AGN": np.full(len(places), 0.9),
        "ML_Prob_PSR": np.full(len(places), 0.09), "ML_Class": ["AGN"] * len(places),
        "ML_Flags": np.full(len(places), 2),
    })  # fmt: skip


def test_a_flare_of_the_sun_is_no_active_galaxy(caplog):
    """Bit 128, a small ML_Prob and a message; the steady source beside it on the ecliptic, and a
    blazar that flares elsewhere, stay as they are."""
    sky = Sky()
    sun = body_positions("sun", sky.flare)
    steady = body_positions("sun", sky.flare + 4 * DAY)
    blazar = SkyCoord(sun.ra + 3 * u.deg, sun.dec - 5 * u.deg)
    sky.add_source(sun, sky.rng.uniform(sky.flare, sky.flare + DAY / 4, 90))
    sky.add_source(steady, sky.rng.uniform(*sky.gti[0], 300))
    sky.add_source(blazar, sky.rng.uniform(sky.flare, sky.flare + DAY / 4, 90))
    with caplog.at_level(logging.WARNING, "fermiml"):
        result = flagged(catalog_of(sun, steady, blazar), sky.events(), PSF)
    table = result.table
    assert list(table["ML_Flags"]) == [2 | MLFlag.SUN_MOON, 2, 2]
    assert table["ML_Prob"][0] < 0.3
    assert list(table["ML_Class"]) == ["FAKE", "AGN", "AGN"]
    assert table["ML_Prob"][1] == pytest.approx(0.99)
    total = table["ML_Prob_AGN"] + table["ML_Prob_PSR"] + table["ML_Prob_FAKE"]
    assert np.asarray(total)[0] == pytest.approx(1, abs=1e-3)
    assert "while the Sun was within 2 deg" in caplog.text
    assert "gtmktime" in caplog.text
    again = flagged(result, sky.events(), PSF).table
    assert again["ML_Prob"][0] == table["ML_Prob"][0]


def test_the_moon_is_recognised_by_its_own_times():
    sky = Sky(2)
    moment = sky.flare + 14.6 * DAY  # near new moon: it passes the field
    moon = body_positions("moon", moment)
    sky.add_source(moon, moment + sky.rng.uniform(-3600, 3600, 60))
    (visit,) = visits(catalog_of(moon), sky.events(), PSF)
    assert visit.body == "moon"
    assert visit.start == pytest.approx(moment, abs=3 * 3600)


def test_a_catalog_is_returned_as_it_is_where_nothing_moves():
    sky = Sky(3)
    north = catalog_of(SkyCoord(180 * u.deg, 80 * u.deg))
    assert flagged(north, sky.events(), PSF) is north
    assert flagged(north[:0], sky.events(), PSF) is not None
