"""The Sun and the Moon: where they are, and rows of a catalog that are nothing else."""

from functools import lru_cache

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord, get_body, solar_system_ephemeris
from astropy.utils import iers
from scipy.interpolate import CubicSpline

from fermiml.sky.selection import EPOCH
from fermiml.sky.times import DAY

BODIES = ("sun", "moon")


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
    first, last = int(time.min() // DAY) - 2, int(time.max() // DAY) + 4
    x, y, z = np.moveaxis(_track(name, first, last)(time), -1, 0)
    return SkyCoord(np.arctan2(y, x), np.arctan2(z, np.hypot(x, y)), unit="rad")


@lru_cache(maxsize=8)
def _track(name, first, last):
    """Interpolate directions between days of the mission; wrong by less than 0.001 deg."""
    days = np.arange(first, last + 1)
    # Built-in ephemerides and no tables of the Earth's rotation: nothing is looked up elsewhere.
    with iers.conf.set_temp("auto_download", False), solar_system_ephemeris.set("builtin"):
        body = get_body(name, EPOCH + days * DAY * u.s)
    xyz = body.cartesian.xyz
    return CubicSpline(days * DAY, (xyz / np.linalg.norm(xyz, axis=0)).value.T)
