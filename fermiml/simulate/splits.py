"""Which sky and which diffuse models are for training, for selection and for the test.

The three differ in longitude and in diffuse model. Longitudes, because all gas maps share
the real gas; models, because a network must live with a diffuse emission that is not the
one it was trained on.
"""

from dataclasses import dataclass

import numpy as np
from astropy.coordinates import SkyCoord

from fermiml.errors import InputError


@dataclass(frozen=True)
class Split:
    """Longitude ranges (deg; the second may be below the first) and diffuse models."""

    longitudes: tuple
    diffuse: tuple  # settings of the section `diffuse` of a configuration

    def holds(self, lon):
        """Return which longitudes belong to the split."""
        lon = np.mod(lon, 360)
        return np.any([(lon - a) % 360 < (b - a) % 360 for a, b in self.longitudes], axis=0)


_NEAR_PLANE = 0.4  # fraction of the fields that are put within 12 deg of the plane
_GAS = 30.0  # deg
_VARIED = {"norms": 0.15, "tilts": 0.04, "structure": 0.2}

SPLITS = {
    "train": Split(
        ((12, 80), (112, 192), (222, 262), (310, 338)),
        (
            {"model": "gas", "hi": "HI4PI", "dust": "SFD", "vary": _VARIED},
            {
                "model": "gas",
                "hi": "LAB",
                "dust": "SFD",
                "gradient": 0.2,
                "clumps": 3000,
                "vary": _VARIED,
            },
            {
                "model": "gas",
                "hi": "HI4PI",
                "dust": "Planck",
                "gradient": 1.0,
                "bubbles": True,
                "limb": True,
                "vary": _VARIED,
            },
        ),
    ),
    "selection": Split(
        ((80, 112), (192, 222)),
        ({"model": "gas", "hi": "DL", "dust": "Planck", "bubbles": True, "vary": _VARIED},),
    ),
    "test": Split(
        ((262, 310), (338, 12)),
        ({"model": "embedded"},),
    ),
}


def split(name):
    """Look up a split by name."""
    if name not in SPLITS:
        raise InputError(f"unknown split {name!r}: known are {', '.join(SPLITS)}")
    return SPLITS[name]


def centers(name, number, rng, margin=0.0):
    """Draw field centres within a split, evenly over the sphere but more near the plane.

    `margin` (deg) keeps whole fields within the split's longitudes at |b| < 30, where the gas
    is; above, only their centres are.
    """
    lat = np.degrees(np.arcsin(rng.uniform(-1, 1, number)))
    near = rng.random(number) < _NEAR_PLANE
    lat = np.where(near, rng.uniform(-12, 12, number), lat)
    lon = [_longitude(name, rng, margin if abs(b) < _GAS else 0.0) for b in lat]
    return SkyCoord(lon, lat, unit="deg", frame="galactic")


def _longitude(name, rng, reach):
    """Draw a random longitude of a split, at least `reach` deg from its limits."""
    chosen = split(name)
    for _ in range(10_000):
        lon = rng.uniform(0, 360)
        if np.all(chosen.holds(np.array([lon - reach, lon, lon + reach]))):
            return lon
    raise InputError(f"fields of {2 * reach:g} deg are too wide for the split {name!r}")
