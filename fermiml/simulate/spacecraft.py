"""Where the LAT points in a simulated survey, and so which photons come when.

The orbit precesses, and the axis rocks to the north and to the south of it by turns. A direction is
seen only now and then, and photons of a steady source do not come evenly in good time.
"""

from dataclasses import dataclass, replace

import numpy as np
from astropy.coordinates import SkyCoord

from fermiml.errors import InputError
from fermiml.response.exposure import mean_area
from fermiml.response.irfs import Response
from fermiml.sky.pointings import INCLINATIONS, PointedExposure, Pointings, inclination_bin
from fermiml.sky.sphere import unit_vectors
from fermiml.sky.times import DAY

STEP = 60.0  # s of a row, at most
PERIOD = 5740.0  # s of an orbit, at 535 km
PRECESSION = 53.4 * DAY  # of the orbit's node, westwards
INCLINATION = np.radians(25.6)
ROCKING = np.radians(50.0)
LIVE = 0.92  # fraction of a row
_CHUNK = 500_000  # rows that are computed in one go
_ROUNDS = 10_000  # in which every photon must have a time at which it can be seen


def directions(time):
    """Compute unit vectors (ICRS) of the LAT's axis and of the zenith, (time, 3) each."""
    orbit, node = 2 * np.pi * time / PERIOD, -2 * np.pi * time / PRECESSION
    zenith = _turned(np.cos(orbit), np.sin(orbit) * np.cos(INCLINATION),
                     np.sin(orbit) * np.sin(INCLINATION), node)  # fmt: skip
    pole = _turned(0.0, -np.sin(INCLINATION), np.cos(INCLINATION), node)
    side = np.where((time / PERIOD).astype(int) % 2, -1.0, 1.0)[:, None]
    return np.cos(ROCKING) * zenith + side * np.sin(ROCKING) * pole, zenith


def _turned(x, y, z, angle):
    """Turn vectors around the Earth's axis."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([x * cos - y * sin, x * sin + y * cos, np.broadcast_to(z, cos.shape)], axis=-1)


def survey(gti):
    """Build the pointings of a survey in good time intervals (n, 2)."""
    rows = np.ceil(np.diff(gti, axis=1)[:, 0] / STEP).astype(int)
    edges = [np.linspace(*interval, count + 1) for interval, count in zip(gti, rows, strict=True)]
    start, stop = (np.concatenate([e[some] for e in edges]) for some in (slice(-1), slice(1, None)))
    parts = [directions(start[i : i + _CHUNK]) for i in range(0, len(start), _CHUNK)]
    axis, zenith = (np.concatenate(v).astype(np.float32) for v in zip(*parts, strict=True))
    return Pointings(start, stop, LIVE * (stop - start), axis, zenith, "the simulated survey")


@dataclass(frozen=True)
class Watch:
    """What a component of the data can have seen when."""

    pointings: Pointings
    response: Response
    energy: np.ndarray  # MeV, of the bins
    zmax: float  # deg

    @classmethod
    def of(cls, pointings, field):
        """Watch a field."""
        edges = field.observation.edges
        return cls(pointings, field.observation.response, np.sqrt(edges[:-1] * edges[1:]),
                   field.selection.zenith[1])  # fmt: skip

    def mean_flux(self, lon, lat, profile):
        """Compute a source's mean flux while it was seen, over that in good time: (bin,)."""
        position = SkyCoord([lon], [lat], unit="deg", frame="galactic")
        exposure = PointedExposure(self.pointings, profile.edges, self.zmax)
        fractions = exposure.fractions(position, self.energy, self.response)[..., 0]
        return profile.relative @ fractions

    def seen(self, photons, bins, draw, rng):
        """Draw the times anew of photons that cannot have been seen at theirs.

        Parameters
        ----------
        photons : fermiml.simulate.event_list.Photons
        bins : array
            Bin of energy of each photon.
        draw : callable
            Draws times for photons that are given by their numbers.
        rng : numpy Generator

        Returns
        -------
        Photons
            In the order of their times, with zenith angles.
        """
        area = mean_area(self.response, INCLINATIONS, self.energy)
        area /= area.max(axis=1, keepdims=True)
        vectors = unit_vectors(photons.ra.astype(float), photons.dec.astype(float))
        time, height = photons.time.copy(), np.empty(len(vectors))
        waiting = np.arange(len(vectors))
        for _ in range(_ROUNDS):
            if not len(waiting):
                return _in_order(replace(photons, time=time, zenith_angle=_angle(height)))
            row = np.searchsorted(self.pointings.start, time[waiting], side="right") - 1
            cosine = np.sum(self.pointings.axis[row] * vectors[waiting], axis=1)
            height[waiting] = np.sum(self.pointings.zenith[row] * vectors[waiting], axis=1)
            chance = area[bins[waiting], inclination_bin(cosine)] * (cosine > INCLINATIONS[0])
            chance *= height[waiting] >= np.cos(np.radians(self.zmax))
            waiting = waiting[rng.random(len(waiting)) >= chance]
            time[waiting] = draw(waiting)
        raise InputError("observation.spacecraft: the LAT does not see all of the field in so "
                         "short a time")  # fmt: skip


def _angle(cosine):
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def _in_order(photons):
    """Sort photons by time."""
    order = np.argsort(photons.time, kind="stable")
    return type(photons)(*(getattr(photons, name)[order] for name in photons.__dataclass_fields__))
