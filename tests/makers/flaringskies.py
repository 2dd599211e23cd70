"""Small fields whose events have times, with and without a flare."""

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from gammapy.maps import WcsNDMap

from fermiml import SkyCube
from fermiml.model import point_sources
from fermiml.simulate import lat_files
from fermiml.simulate.event_list import Drawn, photons
from fermiml.simulate.lat_files import START, survey_gti
from fermiml.simulate.time_profiles import TimeProfile
from fermiml.sky.cube import Component, EnergyDispersion
from fermiml.sky.selection import Selection
from fermiml.sky.times import DAY, TimedEvents, good_time
from makers import smallskies

EDGES = tuple(np.geomspace(300.0, 1e5, 11))  # MeV
YEARS = 1.0
WIDTH = 5.0
GTI = survey_gti(YEARS * smallskies.YEAR)


def sky(seed, flare=None, days=(100, 107), constant=None):
    """(SkyCube, TimedEvents) of a field; `flare` and `constant` are sources, with the fluxes that
    they have while they shine."""
    return _data(*_drawn(np.random.default_rng(seed), flare, days, constant))


def write(path, seed, flare=None, days=(100, 107)):
    """The same events as an FT1 file."""
    rng = np.random.default_rng(seed)
    seen, _, drawn = _drawn(rng, flare, days)
    lat_files.events(path, drawn, seen.edges, _selection(seen), rng)


def _drawn(rng, flare=None, days=None, constant=None):
    """Observation, counts, and photons."""
    seen, expected = smallskies.observation(WIDTH, 3, EDGES, YEARS)
    if constant is not None:
        expected = expected + point_sources.total(seen, constant)
    counts, own, profiles = rng.poisson(expected), {}, {}
    if flare is not None:
        profiles[0] = TimeProfile(START + np.array(days) * DAY, np.ones(1), "flare")
        fraction = good_time(profiles[0].edges, GTI)[0] / np.sum(np.diff(GTI))
        added = rng.poisson(point_sources.total(seen, flare) * fraction)
        own[0] = np.repeat(np.arange(added.size), added.ravel())
        counts += added
    return seen, counts, photons(Drawn(counts, own), seen, GTI, profiles, rng)


def _selection(seen):
    center = SkyCoord(smallskies.LON, smallskies.LAT, unit="deg", frame="galactic")
    return Selection(evclass=128, evtype=3, release="P8R3", irf="P8R3_SOURCE_V3", zenith=(0, 90),
                     energy=(EDGES[0], EDGES[-1]), gti=GTI, circles=((center, WIDTH / 2),),
                     simulated=True)  # fmt: skip


def _data(seen, counts, drawn):
    selection = _selection(seen)
    position = SkyCoord(drawn.ra * u.deg, drawn.dec * u.deg).galactic
    events = TimedEvents(position.l.deg, position.b.deg, drawn.energy, drawn.time, selection)
    given = smallskies.GIVEN
    component = Component(
        "all", WcsNDMap(seen.geom, counts), selection, mask=np.ones(seen.pixels.shape, bool),
        psf=seen.psf, exposure=seen.exposure_map,
        edisp=EnergyDispersion(seen.true_edges, seen.dispersion),
        origins={"psf": given, "exposure": given, "edisp": given},
    )  # fmt: skip
    return SkyCube([component], "simulated", "test"), events


def both(cube, *lists):
    """(SkyCube, TimedEvents) of several lists of events."""
    columns = [np.concatenate([getattr(events, name) for events in lists])
               for name in ("lon", "lat", "energy", "time")]  # fmt: skip
    return cube, TimedEvents(*columns, lists[0].selection)
