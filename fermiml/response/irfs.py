"""LAT instrument responses: effective area, PSF and energy dispersion of one IRF."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from fermiml.errors import InputError
from fermiml.response.interpolate import rows_at
from fermiml.response.psf import PSF

EVENT_CLASSES = {
    16: "TRANSIENT020",
    64: "TRANSIENT010",
    128: "SOURCE",
    256: "CLEAN",
    512: "ULTRACLEAN",
    1024: "ULTRACLEANVETO",
    2048: "SOURCEVETO",
}
EVENT_TYPES = {
    "FRONT": 1,
    "BACK": 2,
    "PSF0": 4,
    "PSF1": 8,
    "PSF2": 16,
    "PSF3": 32,
    "EDISP0": 64,
    "EDISP1": 128,
    "EDISP2": 256,
    "EDISP3": 512,
}
# Each partition holds every event once; a sum of event types stays within one.
PARTITIONS = (
    ("FRONT", "BACK"),
    ("PSF0", "PSF1", "PSF2", "PSF3"),
    ("EDISP0", "EDISP1", "EDISP2", "EDISP3"),
)
ALL_EVENTS = 3
DEFAULT_IRF = "P8R3_SOURCE_V3"
TRUE_PER_DECADE = 8  # bins of true energies, at least
# True energies that still put events into the lowest and highest bins of the counts.
_BELOW, _ABOVE = 0.5, 0.25  # decades
_LATEST = {"P8R3": "V3", "P8R2": "V6"}


def type_names(evtype):
    """Return the event types in a bit mask, e.g. 48 gives ('PSF2', 'PSF3')."""
    for partition in PARTITIONS:
        bits = sum(EVENT_TYPES[name] for name in partition)
        if evtype and evtype & bits == evtype:
            return tuple(name for name in partition if evtype & EVENT_TYPES[name])
    known = ", ".join(f"{name}={bit}" for name, bit in EVENT_TYPES.items())
    raise InputError(
        f"event type {evtype} is not a sum within FRONT/BACK, PSF0-3 or EDISP0-3 ({known})"
    )


def irf_name(release, evclass):
    """Return the IRF of a Pass 8 release and an event class bit, e.g. P8R3 and 128."""
    if evclass not in EVENT_CLASSES or release not in _LATEST:
        return None
    return f"{release}_{EVENT_CLASSES[evclass]}_{_LATEST[release]}"


@dataclass(frozen=True)
class Response:
    """The response of one IRF for a sum of event types.

    `aeff` (cm2) has the axes (energy, costheta); `edisp` is the cumulative distribution
    of E_reco/E_true over `ratio`, with the axes (energy, ratio). PSF and dispersion are
    means over the field of view, weighted with the effective area.
    """

    name: str
    types: tuple
    energy: np.ndarray
    costheta: np.ndarray
    aeff: np.ndarray
    psf: PSF
    ratio: np.ndarray
    edisp: np.ndarray

    @classmethod
    def combine(cls, name, per_type):
        """Add event types: areas add up, PSF and dispersion are weighted with them."""
        areas = np.array([r.aeff.mean(axis=1) for r in per_type])
        weights = areas / np.maximum(areas.sum(axis=0), 1e-300)
        first = per_type[0]
        psf = np.einsum("te,ter->er", weights, [r.psf.values for r in per_type])
        edisp = np.einsum("te,ter->er", weights, [r.edisp for r in per_type])
        return cls(
            name,
            tuple(t for r in per_type for t in r.types),
            first.energy,
            first.costheta,
            np.sum([r.aeff for r in per_type], axis=0),
            PSF(first.energy, first.psf.rad, psf),
            first.ratio,
            edisp,
        )

    def effective_area(self, energy, costheta):
        """cm2 at energies (MeV) x cosines of the inclination; zero outside the field of view."""
        from scipy.interpolate import RegularGridInterpolator

        table = RegularGridInterpolator(
            (np.log(self.energy), self.costheta), self.aeff, bounds_error=False, fill_value=None
        )
        grid = np.meshgrid(np.log(energy), costheta, indexing="ij")
        # The tables end at costheta 0.2, where LAT analyses cut; extrapolation would be < 0.
        return np.where(grid[1] < 0.2, 0.0, np.maximum(table(tuple(grid)), 0.0))

    def edisp_matrix(self, true_edges, reco_edges, steps=5):
        """Probability (true bin, reco bin); the mean over `steps` energies in a true bin."""
        edges = np.log(np.asarray(true_edges, float))
        inner = (np.arange(steps) + 0.5) / steps
        points = edges[:-1, None] + inner * np.diff(edges)[:, None]
        table = rows_at(np.log(self.energy), self.edisp, points.ravel())
        cumulative = [
            np.interp(reco_edges / energy, self.ratio, row, left=0.0, right=1.0)
            for energy, row in zip(np.exp(points.ravel()), table, strict=True)
        ]
        return np.diff(cumulative, axis=1).reshape(*points.shape, -1).mean(axis=1)


def true_energies(edges, beyond=True):
    """Edges of true-energy bins for the bins of counts, all of `edges` among them and none wider
    than an eighth of a decade; `beyond` adds the energies that still put events into the lowest
    and the highest bin."""
    edges = np.asarray(edges, float)
    if beyond:
        edges = np.concatenate([[edges[0] * 10**-_BELOW], edges, [edges[-1] * 10**_ABOVE]])
    parts = [edges[:1]]
    for low, high in pairwise(edges):
        count = max(1, int(np.ceil(np.log10(high / low) * TRUE_PER_DECADE - 1e-6)))
        parts.append(np.geomspace(low, high, count + 1)[1:])
    return np.concatenate(parts)
