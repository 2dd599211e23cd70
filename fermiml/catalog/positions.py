"""Positions and names of sources: arrays in, arrays out, angles in degrees."""

from collections import Counter

import astropy.units as u
import numpy as np
from astropy.coordinates import FK5, Galactic, SkyCoord

PREFIX = "FNN"
_EXACT = 22  # the highest power of ten that is exact in double precision
_MANY = 1000  # numbers, from which arithmetic is quicker than text


def single(angle, period=None):
    """Round angles to single precision, as in the file; with a period, within [0, period).

    Rounding to single precision can carry 359.999999 up to 360, hence the second remainder.
    """
    angle = np.asarray(angle, dtype=float)
    if period is None:
        return angle.astype("f4")
    return np.remainder(np.remainder(angle, period).astype("f4"), np.float32(period))


def decimal(values):
    """Turn single precision into the decimals that it represents: 83.633, not 83.63300323..."""
    values = np.asarray(values, "f4")
    if values.size < _MANY:
        return _through_text(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        numbers = values.astype(float)
        place = np.floor(np.log10(np.abs(numbers)))  # of the first digit
        out = np.where(np.isfinite(place), np.nan, numbers)
        left = np.isfinite(place)  # to be found by arithmetic
        for digits in (6, 7, 8, 9):
            # A whole number times or by a power of ten that is exact: rounded once, as text is.
            power = digits - 1 - place
            left &= np.abs(power) <= _EXACT
            scale = 10.0 ** np.minimum(np.abs(power), _EXACT)
            shifted = np.where(power < 0, numbers / scale, numbers * scale)
            left &= np.abs(np.abs(shifted - np.floor(shifted)) - 0.5) > 1e-6  # but for ties
            found = np.where(power < 0, np.rint(shifted) * scale, np.rint(shifted) / scale)
            done = left & (found.astype("f4") == values)
            out[done], left = found[done], left & ~done
    rest = np.isnan(out) & ~np.isnan(values)
    out[rest] = _through_text(values[rest])
    return out


def _through_text(values):
    return values.astype("U").astype(float)


def galactic(ra, dec):
    """Convert FK5 J2000 positions to Galactic longitude and latitude."""
    coord = SkyCoord(ra, dec, unit="deg", frame=FK5).transform_to(Galactic())
    return coord.l.deg, coord.b.deg


def equatorial(lon, lat):
    """Convert Galactic positions to FK5 J2000 right ascension and declination."""
    coord = SkyCoord(lon, lat, unit="deg", frame=Galactic).transform_to(FK5())
    return coord.ra.deg, coord.dec.deg


def source_names(ra, dec, prefix=PREFIX):
    """Make names 'FNN JHHMM.m+DDMM', truncated (not rounded) as the IAU requires.

    What is truncated are the coordinates as the catalog prints them, with four decimals, in
    integers: so a name can be checked from the table, and 0.7 deg (2.8 minutes) does not
    become J0002.7. Sources that would share a name get A, B, ... behind it.
    """
    ra = np.rint(np.remainder(np.asarray(ra, float), 360.0) * 1e4).astype(int) % 3_600_000
    dec = np.rint(np.asarray(dec, float) * 1e4).astype(int)
    tenths, arcmin = ra // 250, np.abs(dec) * 6 // 1000
    names = [
        f"{prefix} J{t // 600:02d}{t // 10 % 60:02d}.{t % 10}{'-' if d < 0 else '+'}"
        f"{a // 60:02d}{a % 60:02d}"
        for t, d, a in zip(tenths, dec, arcmin, strict=True)
    ]
    return _told_apart(names)


def _told_apart(names):
    total, seen = Counter(names), Counter()
    result = []
    for name in names:
        seen[name] += 1
        result.append(name if total[name] == 1 else name + _letters(seen[name]))
    return result


def _letters(n):
    """Convert 1, 2, ... 26, 27 to A, B, ... Z, AA."""
    text = ""
    while n:
        n, digit = divmod(n - 1, 26)
        text = chr(ord("A") + digit) + text
    return text


def shifted(coord, degrees):
    """Return FK5 positions moved in Galactic longitude."""
    gal = coord.galactic
    return SkyCoord(gal.l + degrees * u.deg, gal.b, frame=Galactic).transform_to(FK5())
