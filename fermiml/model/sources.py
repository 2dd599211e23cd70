"""Sources as arrays: positions, sizes and spectra."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from fermiml.catalog.extended_sources import HOLE
from fermiml.catalog.spectra import shape
from fermiml.sky.sphere import separation, unit_vectors

FLUX_BAND = (1e3, 1e5)  # MeV, the band of S1 (4FGL's Flux1000)
POINT, DISK, GAUSS, RING = 0, 1, 2, 3  # values of `form`
IRREGULAR = 4  # from here on: patterns, see `fermiml.model.irregular`
MODEL_FORMS = {DISK: "Disk", GAUSS: "2D Gaussian", RING: "Ring"}  # 4FGL's words
MAP = "Map"  # 4FGL's word for what is irregular
GAUSS_68 = np.sqrt(-2 * np.log(1 - 0.68))  # 68 % radius of a Gaussian, in sigma
# 68 % radius of a form over its size.
RADIUS_68 = {DISK: np.sqrt(0.68), GAUSS: 1.0, RING: np.sqrt(HOLE**2 + 0.68 * (1 - HOLE**2))}
_CHUNK = 2_000_000  # flux densities that are computed at once, to bound the memory


@dataclass(frozen=True)
class Shapes:
    """Spectral shapes in the one form that holds all of 4FGL's.

    It is 4FGL's PLSuperExpCutoff4; with `exp_index` zero it is a log-parabola with
    beta = curvature / 2, and with `curvature` zero too a power law.
    """

    pivot: np.ndarray  # MeV
    index: np.ndarray  # photon index at the pivot energy
    curvature: np.ndarray
    exp_index: np.ndarray

    def __len__(self):
        return len(self.pivot)

    def __getitem__(self, rows):
        return type(self)(*(getattr(self, f.name)[rows] for f in dataclasses.fields(self)))

    def density(self, energy):
        """Compute flux density over that at the pivot energy, shape (shape, energy)."""
        columns = (self.pivot, self.index, self.curvature, self.exp_index)
        return shape("PLSuperExpCutoff", energy, *(c[:, None] for c in columns))

    def photons(self, edges):
        """Integrate spectra with density 1 at the pivot between energy edges (MeV).

        Simpson's rule in ln E with as many nodes as keep the error below 1e-3.
        """
        edges = np.asarray(edges, float)
        parts = np.maximum(1, np.ceil(np.log10(edges[1:] / edges[:-1]) * 8)).astype(int)
        out = np.empty((len(self), len(parts)))
        for n in np.unique(parts):
            which = np.flatnonzero(parts == n)
            width = np.log(edges[which + 1] / edges[which])[:, None]
            energy = edges[which, None] * np.exp(width * np.linspace(0, 1, 2 * n + 1))
            weight = np.full(2 * n + 1, 2.0)
            weight[1::2] = 4.0
            weight[[0, -1]] = 1.0
            weight = weight * energy * width / (6 * n)
            step = max(1, _CHUNK // energy.size)
            for start in range(0, len(self), step):
                rows = slice(start, start + step)
                density = self[rows].density(energy.ravel()).reshape(-1, *energy.shape)
                out[rows, which] = np.sum(density * weight, axis=2)
        return out


@dataclass(frozen=True)
class Sources:
    """Any number of sources; every field is an array with one value for each."""

    lon: np.ndarray  # Galactic, deg
    lat: np.ndarray
    amplitude: np.ndarray  # ph cm-2 MeV-1 s-1 at the pivot energy
    shapes: Shapes
    class1: np.ndarray  # 4FGL's words: bll, fsrq, PSR, MSP ...
    form: np.ndarray  # POINT, DISK, GAUSS, RING, or from IRREGULAR on
    size: np.ndarray  # deg: radius of a disk, outer radius of a ring, 68 % radius of all others

    @classmethod
    def points(cls, lon, lat, flux, shapes, class1):
        """Build point sources with fluxes from 1 to 100 GeV (ph cm-2 s-1)."""
        amplitude = flux / shapes.photons(FLUX_BAND)[:, 0] if len(flux) else np.zeros(0)
        names = np.broadcast_to(np.asarray(class1, "U6"), len(flux))
        zero = np.zeros(len(flux))
        return cls(lon, lat, amplitude, shapes, names, zero.astype(int), zero)

    @classmethod
    def empty(cls):
        """Return empty `Sources`."""
        none = np.zeros(0)
        return cls.points(none, none, none, Shapes(none, none, none, none), "")

    def __len__(self):
        return len(self.lon)

    def __getitem__(self, rows):
        """Select the sources of a mask or a list of numbers."""
        return type(self)(*(getattr(self, f.name)[rows] for f in dataclasses.fields(self)))

    def flux(self, edges=FLUX_BAND):
        """Compute photon fluxes (ph cm-2 s-1) between energy edges (MeV), (source, bin)."""
        return self.amplitude[:, None] * self.shapes.photons(edges)

    @property
    def flux1000(self):
        """S1, the photon flux from 1 to 100 GeV."""
        return self.flux()[:, 0]

    def extended_to(self, form, size):
        """Return the same sources with other forms and sizes."""
        return dataclasses.replace(self, form=np.asarray(form, int), size=np.asarray(size, float))

    def within(self, position, radius):
        """Select those closer than `radius` (deg) to a SkyCoord, with their own size added."""
        center = unit_vectors(position.galactic.l.deg, position.galactic.b.deg)
        away = separation(unit_vectors(self.lon, self.lat), center)
        return self[away < radius + self.size]


def concatenate(parts):
    """Join several `Sources` into one."""
    parts = list(parts) or [Sources.empty()]
    columns = {}
    for field in dataclasses.fields(Sources):
        values = [getattr(part, field.name) for part in parts]
        if field.name == "shapes":
            columns["shapes"] = Shapes(
                *(
                    np.concatenate([getattr(v, f.name) for v in values])
                    for f in dataclasses.fields(Shapes)
                )
            )
        else:
            columns[field.name] = np.concatenate(values)
    return Sources(**columns)
