"""A spacecraft file as the LAT would have it: a precessing orbit, a rocking survey, the SAA."""

import numpy as np
from astropy.io import fits

START = 239557417.0
DAY = 86400.0
STEP = 30.0  # s of a row
PERIOD = 5740.0  # s of an orbit, at 535 km
PRECESSION = 53.4 * DAY  # of the orbit's node, westwards
INCLINATION = np.radians(25.6)
SIDEREAL = 86164.1  # s, the day of the Earth's rotation
ROCKING = np.radians(50.0)  # to the north of the orbit, then to the south
LIVE = 0.92  # fraction of a row


def pointings(days, start=START, step=STEP):
    """Columns of SC_DATA as a dictionary; rows in the South Atlantic Anomaly are left out."""
    time = start + np.arange(0, days * DAY, step)
    orbit, node = 2 * np.pi * time / PERIOD, -2 * np.pi * time / PRECESSION
    along = np.array([np.cos(orbit), np.sin(orbit) * np.cos(INCLINATION),
                      np.sin(orbit) * np.sin(INCLINATION)])  # fmt: skip
    pole = np.array([np.zeros_like(time), -np.full_like(time, np.sin(INCLINATION)),
                     np.full_like(time, np.cos(INCLINATION))])  # fmt: skip
    zenith, pole = _turned(along, node), _turned(pole, node)
    side = np.where((time / PERIOD).astype(int) % 2, -1.0, 1.0)
    axis = np.cos(ROCKING) * zenith + side * np.sin(ROCKING) * pole
    kept = ~_in_anomaly(zenith, time)
    columns = {"START": time, "STOP": time + step, "LIVETIME": np.full_like(time, LIVE * step)}
    for name, vectors in (("SCZ", axis), ("ZENITH", zenith)):
        columns[f"RA_{name}"] = np.degrees(np.arctan2(vectors[1], vectors[0])) % 360
        columns[f"DEC_{name}"] = np.degrees(np.arcsin(vectors[2]))
    return {name: values[kept] for name, values in columns.items()}


def _turned(vectors, angle):
    x, y, z = vectors
    return np.array(
        [x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle), z]
    )


def _in_anomaly(zenith, time):
    """Whether the satellite is over the South Atlantic, roughly."""
    longitude = np.degrees(np.arctan2(zenith[1], zenith[0]) - 2 * np.pi * time / SIDEREAL)
    longitude = (longitude + 180) % 360 - 180
    latitude = np.degrees(np.arcsin(zenith[2]))
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
