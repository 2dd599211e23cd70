"""The spacecraft file (FT2): where the LAT pointed, every 30 s, and what a direction saw of it."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from fermiml.errors import InputError
from fermiml.fitsfile import open_fits, reading
from fermiml.response.exposure import mean_area
from fermiml.sky.sphere import unit_vectors, vectors_of
from fermiml.sky.times import elapsed

_COLUMNS = ("START", "STOP", "LIVETIME", "RA_SCZ", "DEC_SCZ", "RA_ZENITH", "DEC_ZENITH")
# Edges of the cosine of the inclination, where the LAT sees.
INCLINATIONS = np.linspace(0.2, 1.0, 81)
_CHUNK = 1_000_000  # rows for which a direction is looked at in one go
_LATE = 60.0  # s that the good time may reach beyond the file


@dataclass(frozen=True)
class Pointings:
    """Rows of a spacecraft file, 36 bytes each; directions are ICRS unit vectors."""

    start: np.ndarray  # mission elapsed time in s
    stop: np.ndarray
    livetime: np.ndarray  # s
    axis: np.ndarray  # (row, 3), that of the LAT
    zenith: np.ndarray  # (row, 3)
    name: str = "the spacecraft file"

    def __len__(self):
        return len(self.start)

    def within(self, gti):
        """Keep the livetime in good time intervals (n, 2), which the file must cover."""
        first, last = self.start[0], self.stop[-1]
        if gti[0, 0] < first - _LATE or gti[-1, 1] > last + _LATE:
            raise InputError(
                f"{self.name}: goes from {first:.0f} to {last:.0f} s, the good time of the data "
                f"from {gti[0, 0]:.0f} to {gti[-1, 1]:.0f} s (mission elapsed time)"
            )
        good = elapsed(self.stop, gti) - elapsed(self.start, gti)
        good /= self.stop - self.start
        seen = good > 0
        livetime = (self.livetime * good)[seen]
        return Pointings(self.start[seen], self.stop[seen], livetime, self.axis[seen],
                         self.zenith[seen], self.name)  # fmt: skip

    def livetimes(self, direction, edges, zmax):
        """Sum the livetime of a direction by interval and inclination, (interval, cosine).

        `direction` is an ICRS unit vector, `edges` those of the intervals; where the direction was
        more than `zmax` (deg) from the zenith, its events were cut away.
        """
        bins = len(INCLINATIONS) - 1
        out = np.zeros((len(edges) - 1) * bins)
        direction, least = direction.astype(self.axis.dtype), np.cos(np.radians(zmax))
        for begin in range(0, len(self), _CHUNK):
            some = slice(begin, begin + _CHUNK)
            cosine = self.axis[some] @ direction
            middle = (self.start[some] + self.stop[some]) / 2
            interval = np.searchsorted(edges, middle, side="right") - 1
            used = (cosine > INCLINATIONS[0]) & (self.zenith[some] @ direction >= least)
            used &= (interval >= 0) & (interval < len(edges) - 1)
            number = interval[used] * bins + inclination_bin(cosine[used])
            out += np.bincount(number, self.livetime[some][used], minlength=len(out))
        return out.reshape(-1, bins)


def inclination_bin(cosine):
    """Return the bin of `INCLINATIONS` of each cosine; beyond the ends, the first or last one."""
    bins = len(INCLINATIONS) - 1
    number = (cosine - INCLINATIONS[0]) * (bins / (1 - INCLINATIONS[0]))
    return np.clip(number.astype(int), 0, bins - 1)


def read_pointings(path):
    """Read a spacecraft file, FT2."""
    with open_fits(path) as hdus:
        if "SC_DATA" not in hdus:
            raise InputError("is not a spacecraft file (no HDU SC_DATA)")
        table = hdus["SC_DATA"].data
        missing = sorted(set(_COLUMNS) - set(table.names))
        if missing or not len(table):
            raise InputError(f"the table SC_DATA has no {', '.join(missing) or 'rows'}")
        columns = {name: np.array(table[name], float) for name in _COLUMNS}
    if not all(np.all(np.isfinite(values)) for values in columns.values()):
        raise InputError(f"{path}: the table SC_DATA contains values that are not numbers")
    start, stop = columns["START"], columns["STOP"]
    if np.any(stop <= start) or np.any(np.diff(start) < 0):
        raise InputError(f"{path}: the rows of SC_DATA are not in order of time")
    axis, zenith = (
        unit_vectors(columns[f"RA_{of}"], columns[f"DEC_{of}"]).astype(np.float32)
        for of in ("SCZ", "ZENITH")
    )
    return Pointings(start, stop, columns["LIVETIME"], axis, zenith, str(path))


@dataclass(frozen=True)
class PointedExposure:
    """Exposure in intervals from where the LAT pointed; what inclinations do to the PSF is left
    out."""

    pointings: Pointings  # in good time
    edges: np.ndarray  # of the intervals, mission elapsed time in s
    zmax: float  # deg

    def exposure(self, position, energy, response):
        """Compute cm2 s, (interval, energy, position); before, within and after all intervals."""
        edges = np.concatenate([[-np.inf], self.edges, [np.inf]])
        vectors = vectors_of(position.icrs)
        livetime = np.array([self.pointings.livetimes(v, edges, self.zmax) for v in vectors])
        area = mean_area(response, INCLINATIONS, energy)
        return np.einsum("pic,ec->iep", livetime, area)

    def fractions(self, position, energy, response):
        """Compute the fraction of the exposure of each interval, (interval, energy, position)."""
        whole = self.exposure(position, energy, response)
        return whole[1:-1] / np.maximum(whole.sum(axis=0), 1e-30)


def pointed_exposure(scfile, gti, zenith):
    """Read a spacecraft file; return a function from edges of intervals to their `PointedExposure`.

    `gti` are the good time intervals, `zenith` the (lowest, highest) angle in deg, or None.
    """
    with reading(scfile, "a spacecraft file"):
        pointings = read_pointings(scfile).within(gti)
    return partial(PointedExposure, pointings, zmax=zenith[1] if zenith else 180.0)
