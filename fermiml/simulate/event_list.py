"""Single photons of a simulated field: their counts are those of the cube."""

from dataclasses import dataclass

import numpy as np
from astropy.coordinates import SkyCoord

from fermiml.errors import InputError
from fermiml.fitsmaps import pixel_numbers
from fermiml.model import point_sources
from fermiml.simulate.time_profiles import even_times
from fermiml.sky.bands import INDEX

_ROUNDS = 200  # in which a place within its pixel must be found
_EDGE = 1e-6  # of an energy: single precision moves no event into the next bin
_FINE = 2**10  # parts of a HEALPix pixel's side


@dataclass(frozen=True)
class Drawn:
    """Counts of one component."""

    counts: np.ndarray  # (bin, pixels...)
    own: dict  # number of a variable source -> (bin, pixel) of each of its photons, as one index


@dataclass(frozen=True)
class Photons:
    """One entry for each photon, in the order of their times."""

    ra: np.ndarray  # deg, single precision as FT1 files have it
    dec: np.ndarray
    energy: np.ndarray  # MeV, likewise
    time: np.ndarray  # mission elapsed time in s
    zenith_angle: np.ndarray | None = None  # deg, where it is known


def draw_counts(field, sources, profiles, rng, watch=None):
    """Draw the counts of a component; those of sources with a time profile one by one.

    A `fermiml.simulate.spacecraft.Watch` says how much of a profile was seen.
    """
    if not profiles:
        return Drawn(rng.poisson(field.expected), {})
    shape = field.expected.shape
    steady = field.expected.reshape(len(field.expected), -1).copy()
    variable, own = np.array(sorted(profiles)), {}
    counts = np.zeros(steady.shape, int)
    for i, pixels, expected in point_sources.windows(field.observation, sources[variable]):
        steady[:, pixels] -= expected
        if watch is not None:
            source, profile = sources[variable[[i]]], profiles[variable[i]]
            mean = watch.mean_flux(source.lon[0], source.lat[0], profile)
            expected = expected * mean[:, None]
        number = rng.poisson(expected)
        counts[:, pixels] += number
        bins, columns = np.nonzero(number)
        cells = bins * steady.shape[1] + pixels[columns]
        own[variable[i]] = np.repeat(cells, number[bins, columns])
    counts += rng.poisson(np.maximum(steady, 0))
    return Drawn(counts.reshape(shape), own)


def photons(drawn, observation, gti, profiles, rng, watch=None):
    """Give every count of a component a place in its pixel, an energy in its bin, and a time.

    With a `fermiml.simulate.spacecraft.Watch`, at which the LAT can have seen it.
    """
    left = drawn.counts.ravel().copy()
    for own in drawn.own.values():
        np.subtract.at(left, own, 1)
    laws = [*(profiles[source].draw for source in drawn.own), even_times]
    cells = [*drawn.own.values(), np.repeat(np.arange(left.size), left)]
    law = np.repeat(np.arange(len(cells)), [len(own) for own in cells])
    times = _draw_times(laws, law, gti, rng)
    order = np.argsort(times, kind="stable")
    law, cells = law[order], np.concatenate(cells)[order]
    bins, pixels = np.divmod(cells, observation.pixels.area.size)
    ra, dec = _places(observation.pixels.geom, pixels, rng)
    drawn = Photons(ra, dec, _energies(observation.edges, bins, rng), times[order])
    if watch is None:
        return drawn
    return watch.seen(drawn, bins, lambda some: _draw_times(laws, law[some], gti, rng), rng)


def _draw_times(laws, law, gti, rng):
    """Draw a time for each photon from the law of its source, which is given by number."""
    times = np.empty(len(law))
    for number, draw in enumerate(laws):
        some = np.flatnonzero(law == number)
        times[some] = draw(rng, len(some), gti)
    return times


def _energies(edges, bins, rng):
    """Draw energies (MeV) within bins, from the power law that the bands assume."""
    power = 1 - INDEX
    low, high = edges[:-1][bins], edges[1:][bins]
    energy = (low**power + rng.random(len(bins)) * (high**power - low**power)) ** (1 / power)
    return np.clip(energy, low * (1 + _EDGE), high * (1 - _EDGE)).astype(np.float32)


def _places(geom, pixels, rng):
    """Draw right ascensions and declinations within pixels, which they are in as rounded, too."""
    ra, dec = np.zeros((2, len(pixels)), np.float32)
    waiting = np.arange(len(pixels))
    for _ in range(_ROUNDS):
        if not len(waiting):
            return ra, dec
        icrs = within_pixels(geom, pixels[waiting], rng).icrs
        ra[waiting], dec[waiting] = icrs.ra.deg, icrs.dec.deg
        rounded = SkyCoord(ra[waiting].astype(float), dec[waiting].astype(float), unit="deg")
        waiting = waiting[pixel_numbers(geom, rounded) != pixels[waiting]]
    raise InputError("sky.pixel: too small for events, whose positions have single precision")


def within_pixels(geom, pixels, rng):
    """Draw a position in each of some pixels, given by their numbers."""
    if geom.is_hpx:
        import healpy

        nside = int(geom.nside[0])
        parents = geom.local_to_global((pixels,))[0]
        if not geom.nest:
            parents = healpy.ring2nest(nside, parents)
        children = parents * _FINE**2 + rng.integers(_FINE**2, size=len(pixels))
        lon, lat = healpy.pix2ang(nside * _FINE, children, nest=True, lonlat=True)
        return SkyCoord(lon, lat, unit="deg", frame=geom.frame)
    y, x = np.unravel_index(pixels, geom.data_shape)
    shift = rng.uniform(-0.5, 0.5, (2, len(pixels)))
    return SkyCoord(*geom.pix_to_coord((x + shift[0], y + shift[1])), frame=geom.frame)
