"""The Sun and the Moon: where they are, and rows of a catalog that are nothing else.

A flare of the Sun, or the Moon in a short observation, looks like a source in the sum of all
photons. What gives it away is that the photons came while the Sun or Moon was there.
"""

import logging
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord, get_body, solar_system_ephemeris
from astropy.utils import iers
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree
from scipy.stats import binom

from fermiml.catalog.catalog import SourceCatalog
from fermiml.catalog.flags import MLFlag
from fermiml.detect.classify import FAKE_ABOVE, PROBABILITIES
from fermiml.sky.selection import EPOCH, duration
from fermiml.sky.sphere import separation, unit_vectors, vectors_of
from fermiml.sky.times import DAY, times_at

log = logging.getLogger(__name__)
BODIES = ("sun", "moon")
_NEAR = 2.0  # deg within which a body counts as being there; the Moon's parallax is 1.1
_CHANCE = 1e-6  # probability of so many photons by chance, below which a row is a body
_PART = 0.5  # of the excess photons, which must have come then
_LEAST_LEFT = 0.01  # of ML_Prob
_LEAST_ENERGY = 500.0  # MeV, below which the PSF is too wide to say whose a photon is
_TIMES = 20_000  # at which the bodies are looked up, for what is expected by chance
_PASS = 10 * DAY  # longer apart, two photons came in different passes of the Sun
_RING = (2.0, 3.0)  # r68, where the background is counted


def body_positions(name, time):
    """Compute the position of the Sun or Moon, seen from the centre of the Earth.

    From its orbit the LAT sees the Moon up to 1.1 deg elsewhere, the Sun where it is.

    Parameters
    ----------
    name : {"sun", "moon"}
    time : float or array
        Mission elapsed time in s.

    Returns
    -------
    SkyCoord, in the shape of `time`
    """
    time = np.asarray(time, float)
    if not time.size:
        return SkyCoord([], [], unit="deg")
    x, y, z = np.moveaxis(_track(name, time.min(), time.max())(time), -1, 0)
    return SkyCoord(np.arctan2(y, x), np.arctan2(z, np.hypot(x, y)), unit="rad")


def _track(name, start, stop):
    """Return a function from times (s) to unit vectors (ICRS), for a span of time."""
    return _interpolated(name, int(start // DAY) - 2, int(stop // DAY) + 4)


@lru_cache(maxsize=8)
def _interpolated(name, first, last):
    """Interpolate directions between days of the mission; wrong by less than 0.001 deg."""
    days = np.arange(first, last + 1)
    # Built-in ephemerides and no tables of the Earth's rotation: nothing is looked up elsewhere.
    with iers.conf.set_temp("auto_download", False), solar_system_ephemeris.set("builtin"):
        body = get_body(name, EPOCH + days * DAY * u.s)
    xyz = body.cartesian.xyz
    return CubicSpline(days * DAY, (xyz / np.linalg.norm(xyz, axis=0)).value.T)


@dataclass(frozen=True)
class Visit:
    """A row of a catalog whose photons came while the Sun or Moon was there."""

    row: int
    body: str
    photons: int  # within r68 of the row
    near: int  # of these, while the body was near
    expected: float  # the same by chance
    part: float  # of the excess photons
    start: float  # of the pass with most photons, mission elapsed time in s
    stop: float

    def __str__(self):
        return (
            f"{self.near} of {self.photons} photons came while the {self.body.capitalize()} was "
            f"within {_NEAR:g} deg ({self.expected:.1f} expected), most from {self.start:.0f} to "
            f"{self.stop:.0f} s"
        )


def flagged(catalog, events, psf):
    """Set bit 128 of ML_Flags in rows that are the Sun or the Moon, and lower their ML_Prob.

    Parameters
    ----------
    catalog : SourceCatalog
    events : fermiml.sky.times.TimedEvents
        The photons in which its sources were found.
    psf : fermiml.response.psf.PSF

    Returns
    -------
    SourceCatalog, n rows
        ML_Prob is multiplied by the fraction of the excess that did not come from the body.
    """
    found = visits(catalog, events, psf)
    if not found:
        return catalog
    table = catalog.table.copy()
    left = np.ones(len(table))
    for visit in found:
        left[visit.row] = min(left[visit.row], max(1 - visit.part, _LEAST_LEFT))
        log.warning("%s: %s; bit 128 of ML_Flags", table["Source_Name"][visit.row], visit)
    log.warning("gtmktime leaves such times out, with the filter angsep(RA_SUN,DEC_SUN,RA,DEC)>R "
                "or a cut in TIME")  # fmt: skip
    _mark(table, left)
    return SourceCatalog(table, extended=catalog.extended, gti=catalog.gti)


def _mark(table, left):
    """Set the bit, and multiply the probabilities of rows that do not have it yet, in place."""
    bits = np.ma.filled(table["ML_Flags"], 0).astype(int)
    rows = np.flatnonzero((left < 1) & (bits & MLFlag.SUN_MOON == 0))
    table["ML_Flags"][rows] = bits[rows] | MLFlag.SUN_MOON
    for name in ("ML_Prob", *PROBABILITIES):
        table[name][rows] = table[name][rows] * left[rows]
    fake = 1 - table["ML_Prob"][rows]
    table["ML_Prob_FAKE"][rows] = fake
    table["ML_Class"][rows[np.asarray(fake) > FAKE_ABOVE]] = "FAKE"


def visits(catalog, events, psf):
    """List the rows, as `Visit`, whose excess photons came while the Sun or Moon was there."""
    gti, positions = events.gti, vectors_of(catalog.positions.icrs)
    clock = times_at((np.arange(_TIMES) + 0.5) / _TIMES * duration(gti), gti)
    tracks = {name: _track(name, gti[0, 0], gti[-1, 1]) for name in BODIES}
    bodies = {name: track(clock) for name, track in tracks.items()}
    found = []
    for row, (times, background) in enumerate(_photons_of(catalog.positions, events, psf)):
        for name, directions in bodies.items():
            chance = np.mean(separation(directions, positions[row]) < _NEAR)
            if chance and len(times):
                there = separation(tracks[name](times), positions[row]) < _NEAR
                found.append(_visit(row, name, times, there, background, chance))
    return [visit for visit in found if visit]


def _visit(row, name, times, there, background, chance):
    """Judge one row and one body, that was `there` when some photons came: a `Visit`, or None."""
    near, expected = int(there.sum()), chance * len(times)
    excess = max(len(times) - background, 1.0)
    part = (near - expected) / excess
    if part < _PART or binom.sf(near - 1, len(times), chance) > _CHANCE:
        return None
    moments = np.sort(times[there])
    passes = np.split(moments, np.flatnonzero(np.diff(moments) > _PASS) + 1)
    best = max(passes, key=len)
    return Visit(row, name, len(times), near, expected, min(part, 1.0), best[0], best[-1])


def _photons_of(positions, events, psf):
    """Yield for each position the times of the photons within r68 of it, and how many of them
    the ring around it lets expect without a source."""
    used = events.energy >= min(_LEAST_ENERGY, events.energy.max(initial=0))
    energy, time = events.energy[used].astype(float), events.time[used]
    vectors = unit_vectors(events.lon[used].astype(float), events.lat[used].astype(float))
    nodes = np.geomspace(energy.min(initial=1e3), energy.max(initial=1e5) * 1.001, 20)
    r68 = np.interp(np.log(energy), np.log(nodes), psf.containment_radius(nodes, 0.68))
    tree = cKDTree(vectors, balanced_tree=False, compact_nodes=False)
    inner, outer = _RING
    reach = 2 * np.sin(np.radians(min(outer * r68.max(initial=0), 90.0)) / 2)
    for position in vectors_of(positions.galactic):
        around = np.array(tree.query_ball_point(position, reach), int)
        distance = separation(vectors[around], position) / r68[around]
        ring = np.sum((distance > inner) & (distance < outer))
        yield time[around[distance < 1]], ring / (outer**2 - inner**2)
