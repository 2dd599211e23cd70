"""Small fields whose events have times, with and without a flare."""

from functools import cache

import numpy as np
from astropy import units as u
from gammapy.maps import WcsNDMap

from fermiml import SkyCube
from fermiml.model import point_sources
from fermiml.simulate.lat_files import START, survey_gti
from fermiml.sky.cube import Component, EnergyDispersion
from fermiml.sky.selection import Selection
from fermiml.sky.times import DAY, TimedEvents
from makers import smallskies

EDGES = tuple(np.geomspace(300.0, 1e5, 11))  # MeV
YEARS = 1.0
WIDTH = 6.0


@cache
def gti():
    return survey_gti(YEARS * smallskies.YEAR)


@cache
def _observation():
    return smallskies.observation(WIDTH, 3, EDGES, YEARS)


def draw(expected, between, rng):
    """Events of expected counts (bin, row, column): Galactic lon, lat, energy and time.

    They come at any time of a survey that has no gaps but those between weeks.
    """
    seen, _ = _observation()
    counts = rng.poisson(expected).ravel()
    energy_bin, row, column = np.repeat(np.indices(expected.shape).reshape(3, -1), counts, axis=1)
    number = len(row)
    x, y = column + rng.uniform(-0.5, 0.5, number), row + rng.uniform(-0.5, 0.5, number)
    lon, lat = seen.pixels.geom.pix_to_coord((x, y))
    low, high = (np.log(seen.edges)[energy_bin + k] for k in (0, 1))
    energy = np.exp(rng.uniform(low, high))
    return lon.value, lat.value, energy, _times(between, number, rng)


def _times(between, number, rng):
    """Times within good time."""
    starts, stops = gti().clip(*between).T
    ends = np.cumsum(stops - starts)
    at = rng.uniform(0, ends[-1], number)
    interval = np.searchsorted(ends, at)
    return stops[interval] - (ends[interval] - at)


def sky(seed, flare=None, days=(100, 107), constant=None):
    """(SkyCube, TimedEvents) of a field; `flare` and `constant` are sources, whose fluxes are those
    while they shine."""
    rng = np.random.default_rng(seed)
    seen, background = _observation()
    whole = (gti()[0, 0], gti()[-1, 1])
    if constant is not None:
        background = background + point_sources.total(seen, constant)
    parts = [draw(background, whole, rng)]
    if flare is not None:
        between = START + np.array(days) * DAY
        starts, stops = gti().clip(*between).T
        fraction = np.sum(stops - starts) / np.sum(np.diff(gti()))
        parts.append(draw(point_sources.total(seen, flare) * fraction, between, rng))
    lon, lat, energy, time = np.concatenate(parts, axis=1)
    selection = Selection(evclass=128, evtype=3, release="P8R3", irf="P8R3_SOURCE_V3",
                          energy=(EDGES[0], EDGES[-1]), gti=gti())  # fmt: skip
    events = TimedEvents(lon, lat, energy, time, selection)
    return SkyCube([_component(seen, events)], "simulated", "test"), events


def _component(seen, events):
    counts = WcsNDMap(seen.geom)
    counts.fill_by_coord({"lon": events.lon * u.deg, "lat": events.lat * u.deg,
                          "energy": events.energy * u.MeV})  # fmt: skip
    given = smallskies.GIVEN
    return Component(
        "all", counts, events.selection, mask=np.ones(seen.pixels.shape, bool), psf=seen.psf,
        exposure=seen.exposure_map, edisp=EnergyDispersion(seen.true_edges, seen.dispersion),
        origins={"psf": given, "exposure": given, "edisp": given},
    )  # fmt: skip
