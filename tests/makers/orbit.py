"""A spacecraft file as the LAT would have it: the survey of `fermiml simulate`, but for the SAA."""

import numpy as np
from astropy.io import fits

from fermiml.simulate import spacecraft
from fermiml.sky.sphere import angles

START = 239557417.0
DAY = 86400.0
STEP = 30.0  # s of a row
SIDEREAL = 86164.1  # s, the day of the Earth's rotation
LIVE = spacecraft.LIVE


def pointings(days, start=START, step=STEP):
    """Columns of SC_DATA as a dictionary; rows in the South Atlantic Anomaly are left out."""
    time = start + np.arange(0, days * DAY, step)
    axis, zenith = spacecraft.directions(time)
    kept = ~_in_anomaly(zenith, time)
    columns = {"START": time, "STOP": time + step, "LIVETIME": np.full_like(time, LIVE * step)}
    for name, vectors in (("SCZ", axis), ("ZENITH", zenith)):
        columns[f"RA_{name}"], columns[f"DEC_{name}"] = angles(vectors)
    return {name: values[kept] for name, values in columns.items()}


def _in_anomaly(zenith, time):
    """Whether the satellite is over the South Atlantic, roughly."""
    right_ascension, latitude = angles(zenith)
    longitude = right_ascension - np.degrees(2 * np.pi * time / SIDEREAL)
    longitude = (longitude + 180) % 360 - 180
    return (latitude < -2) & (longitude > -85) & (longitude < 20)


def gti(columns):
    """Good time intervals: stretches of rows without a gap."""
    breaks = np.flatnonzero(columns["START"][1:] - columns["STOP"][:-1] > 1)
    starts = np.append(columns["START"][0], columns["START"][breaks + 1])
    stops = np.append(columns["STOP"][breaks], columns["STOP"][-1])
    return np.column_stack([starts, stops])


def write_ft2(path, columns):
    table = fits.BinTableHDU.from_columns(
        [fits.Column(name, "D", array=values) for name, values in columns.items()], name="SC_DATA"
    )
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)
