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
        """Which longitudes belong to the split."""
        lon = np.mod(lon, 360)
        return np.any([(lon - a) % 360 < (b - a) % 360 for a, b in self.longitudes], axis=0)


_VARIED = {"norms": 0.15, "tilts": 0.04, "structure": 0.2}

SPLITS = {
    "train": Split(
        ((5, 85), (110, 195), (215, 260), (315, 345)),
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
        ((85, 110), (195, 215)),
        ({"model": "gas", "hi": "DL", "dust": "Planck", "bubbles": True, "vary": _VARIED},),
    ),
    "test": Split(
        ((260, 315), (345, 5)),
        ({"model": "embedded"},),
    ),
}


def split(name):
    """A split by name."""
    if name not in SPLITS:
        raise InputError(f"unknown split {name!r}: known are {', '.join(SPLITS)}")
    return SPLITS[name]


def centers(name, number, rng, margin=0.0):
    """Random field centres within a split, evenly over the sphere but half near the plane.

    `margin` (deg) keeps the whole field within the split's longitudes where |b| < 60.
    """
    chosen = split(name)
    found = []
    while len(found) < number:
        lon = rng.uniform(0, 360)
        lat = np.degrees(np.arcsin(rng.uniform(-1, 1)))
        if rng.random() < 0.4:
            lat = rng.uniform(-12, 12)
        reach = margin / max(np.cos(np.radians(lat)), 0.5)
        if np.all(chosen.holds(np.array([lon - reach, lon, lon + reach]))):
            found.append((lon, lat))
    lon, lat = np.array(found).T
    return SkyCoord(lon, lat, unit="deg", frame="galactic")
