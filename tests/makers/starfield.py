"""A made-up sky: events of a few bright sources and of a flat background, binned in any way."""

import healpy
import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from makers.latfiles import CENTER, EDGES, celestial_wcs, disc_pixels

SIGMA = 0.2  # deg, of the sources
PHOTONS = 150  # of each source
LEVEL = 300.0  # background events per deg2


def sources(width=16.0, spacing=2.6, seed=4, center=CENTER):
    """Positions on a jittered grid."""
    steps = np.arange(-width / 2 + 1, width / 2, spacing)
    x, y = (a.ravel() for a in np.meshgrid(steps, steps))
    x, y = np.array([x, y]) + np.random.default_rng(seed).uniform(-0.6, 0.6, (2, len(x)))
    return SkyCoord(x * u.deg, y * u.deg, frame=center.skyoffset_frame()).transform_to(center)


def events(position, radius=13.0, seed=5, center=CENTER, level=LEVEL):
    """Events of all sources and of the background within `radius` of the centre."""
    rng = np.random.default_rng(seed)
    number = rng.poisson(PHOTONS, len(position))
    spread = position[np.repeat(np.arange(len(position)), number)]
    angle, distance = rng.uniform(0, 360, len(spread)), rng.rayleigh(SIGMA, len(spread))
    signal = spread.directional_offset_by(angle * u.deg, distance * u.deg)
    count = rng.poisson(level * 2 * np.pi * np.degrees(1) ** 2 * (1 - np.cos(np.radians(radius))))
    away = np.degrees(np.arccos(rng.uniform(np.cos(np.radians(radius)), 1, count)))
    flat = center.directional_offset_by(rng.uniform(0, 360, count) * u.deg, away * u.deg)
    lon = np.concatenate([signal.l.deg, flat.l.deg])
    lat = np.concatenate([signal.b.deg, flat.b.deg])
    soft = np.random.default_rng(seed + 1).geometric(0.25, len(lon)) - 1  # bin of energy
    return SkyCoord(lon, lat, unit="deg", frame="galactic"), np.minimum(soft, len(EDGES) - 2)


def binned(at, energy_bin, shape=(180, 180), **grid):
    """Counts (bin, y, x) of a WCS cube."""
    x, y = celestial_wcs(shape=shape, **grid).world_to_pixel(at)
    edges = [np.arange(n + 1) - 0.5 for n in (len(EDGES) - 1, *shape)]
    return np.histogramdd([energy_bin, y, x], edges)[0].astype(np.int32)


def binned_healpix(at, energy_bin, nside=512, radius=10.0):
    """Pixels around the centre, and counts (bin, pixel) in them."""
    pixels = disc_pixels(nside, radius)
    counts = np.zeros((len(EDGES) - 1, healpy.nside2npix(nside)), np.int32)
    np.add.at(counts, (energy_bin, healpy.ang2pix(nside, at.l.deg, at.b.deg, lonlat=True)), 1)
    return pixels, counts[:, pixels]
