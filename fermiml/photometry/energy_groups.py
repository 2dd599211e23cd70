"""Groups of native energy bins of one component, with their response and PSF."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from fermiml.catalog.columns import BAND_EDGES
from fermiml.errors import InputError
from fermiml.response import exposure as exposures
from fermiml.sky.bands import assign_bins, photons

# MeV; native bins are merged towards these edges: those of 4FGL's and the networks' bands
# among them, and no wider than the PSF's change with energy allows.
_EDGES = np.array([30, 50, 75, 100, 170, 300, 500, 700, 1e3, 1.4e3, 2e3, 3e3, 4.5e3, 7e3,
                   1e4, 2e4, 3e4, 1e5, 3.3e6])  # fmt: skip
INDICES = np.array([1.4, 1.8, 2.2, 2.6, 3.0, 3.6])  # spectra for which PSF profiles are made
DISKS = (0.2, 0.4, 0.8)  # deg, radii with which extension is tested
_NODES = 1500  # of a profile
_CORE = 2.0  # of r68
_HELD = 0.95  # fraction of the PSF within a template
_FADING = 0.9, 1.1  # of the radius that holds it: where a template fades to nothing
_LONGEST = 8.0  # deg, that a template reaches at most
_MERGED = 0.3  # of r68: the size up to which pixels may be merged
_SAMPLED = 0.85  # of r68: the size from which a pixel is sampled at several points


@dataclass(frozen=True, eq=False)
class EnergyGroup:
    """Bins of one component that are fitted together. A group equals nothing but itself, so that
    what is computed for it can be remembered."""

    component: int
    bins: slice
    edges: tuple  # MeV
    reach: float  # deg, where the templates end
    r68: float  # deg
    fraction: np.ndarray  # (true bin,): probability to find a photon of a true bin here
    profiles: object  # RadialTable with a row for each of INDICES, sr^-1
    shapes: object  # RadialTable of a point and of DISKS, for the index 2.2
    samples: int  # points along a pixel's side at which the PSF is sampled

    @property
    def core(self):
        """deg, within which most of what the PSF has in common with residuals and disks lies."""
        return min(self.reach, _CORE * self.r68)

    @property
    def catalog_band(self):
        """Number of the 4FGL band that most photons come from."""
        low, high = np.clip(BAND_EDGES[:-1], *self.edges), np.clip(BAND_EDGES[1:], *self.edges)
        return int(np.argmax(photons(low, high)))

    @property
    def network_band(self):
        """Number of the networks' band, the low one after the others; -1 below that."""
        return int(assign_bins(np.array(self.edges), low=True)[0])


@dataclass(frozen=True)
class GroupResponse:
    """What turns a spectrum into photons of a component: true bins and exposure."""

    true_edges: np.ndarray
    exposure_map: object

    @property
    def energy(self):
        """Middle of the true bins (MeV)."""
        return np.sqrt(self.true_edges[:-1] * self.true_edges[1:])

    def exposure(self, position):
        """cm2 s at true energies and positions, (position, true bin); held beyond the table."""
        values = exposures.sample(self.exposure_map, position, self.energy)
        return _held(values).T

    def at(self, position):
        """Return the response of sources at some positions."""
        return SourceResponse(self.true_edges, self.exposure(position))


@dataclass(frozen=True)
class SourceResponse:
    """What turns the spectra of sources into photons, without the map of the sky."""

    true_edges: np.ndarray
    exposure: np.ndarray  # cm2 s, (source, true bin)


def make_groups(cube):
    """Build (groups, responses) of a cube; one response for each component."""
    groups, responses = [], []
    for number, component in enumerate(cube.components):
        _check(component)
        response, dispersion = _response(component)
        responses.append(response)
        weight = np.median(response.exposure(component.center[None]), axis=0)
        for bins in merged_bins(component.energy_edges):
            fraction = dispersion[:, bins].sum(axis=1)
            groups.append(_group(number, component, bins, response, fraction, weight))
    return groups, responses


def merged_bins(edges):
    """Slices of native bins that are fitted as one."""
    low, high = edges[0] * 1.001, edges[-1] * 0.999
    inside = _EDGES[(low < _EDGES) & (high > _EDGES)]
    cuts = {int(np.argmin(np.abs(np.log(edges / e)))) for e in inside}
    cuts = np.array(sorted(cuts | {0, len(edges) - 1}))
    return [slice(int(a), int(b)) for a, b in pairwise(cuts)]


def _check(component):
    for part in ("psf", "exposure", "mask"):
        if getattr(component, part) is None:
            raise InputError(
                f"component {component.name!r} has no {part}, which photometry needs: "
                "read the data with SkyCube.read, which completes them"
            )


def _response(component):
    """Build the response, in true bins no wider than an eighth of a decade, and the dispersion
    (true bin, native bin)."""
    edges = component.energy_edges
    if component.edisp is None:
        true_edges, matrix = edges, np.eye(len(edges) - 1)
    else:
        true_edges, matrix = np.asarray(component.edisp.true_edges, float), component.edisp.matrix
    parts = np.ceil(np.diff(np.log10(true_edges)) * 8 - 1e-6).astype(int)
    fine = [np.geomspace(a, b, n + 1)[:-1]
            for a, b, n in zip(true_edges[:-1], true_edges[1:], parts, strict=True)]  # fmt: skip
    fine = np.append(np.concatenate(fine), true_edges[-1])
    return GroupResponse(fine, component.exposure), np.repeat(np.asarray(matrix), parts, axis=0)


def _group(number, component, bins, response, fraction, exposure):
    edges = component.energy_edges
    psf = component.psf.normalized()
    energy, widths = response.energy, np.diff(np.log(response.true_edges))
    tables = psf.at(energy)
    spectra = energy[:, None] ** (1 - INDICES) * (widths * fraction * exposure)[:, None]
    spectra /= spectra.sum(axis=0)
    means = type(psf)(INDICES, psf.rad, spectra.T @ tables)
    typical = means.mean(INDICES[2:3], [1.0])
    r68, reach = (float(typical.containment_radius(typical.energy, f)[0]) for f in (0.68, _HELD))
    size = component.pixel_size
    samples = 1
    while size / samples > _SAMPLED * r68 and samples < 8:
        samples *= 2
    reach = float(np.clip(reach, 2 * size, max(_LONGEST, 2 * size)))
    side = size / samples if samples > 1 else merge_factor(size, r68) * size
    means, point = means.smeared(_window(side)), typical.smeared(_window(side))
    disks = [point.smeared(radius * np.sqrt((np.arange(8) + 0.5) / 8)) for radius in DISKS]
    values = np.concatenate([p.values for p in (point, *disks)])
    rows = np.arange(len(values))
    return EnergyGroup(
        component=number,
        bins=bins,
        edges=(float(edges[bins.start]), float(edges[bins.stop])),
        reach=_FADING[1] * reach,
        r68=r68,
        fraction=fraction,
        profiles=RadialTable.of(means, _FADING[1] * reach),
        shapes=RadialTable.of(type(psf)(rows, psf.rad, values), 2 * (reach + DISKS[-1])),
        samples=samples,
    )


def merge_factor(size, r68):
    """How many pixels of a side (deg) are merged along each side, a power of two."""
    return 2 ** max(0, int(np.floor(np.log2(max(_MERGED * r68 / size, 1)))))


def _window(side):
    """Distances (deg) of evenly spread points in a square pixel from its centre."""
    steps = (np.arange(4) + 0.5) / 8 * side
    return np.sort(np.hypot(*np.meshgrid(steps, steps)).ravel())[::2]


class RadialTable:
    """Rows of a radial function at nodes uniform in sqrt(separation), zero beyond the last; in
    single precision, for quick look-up."""

    def __init__(self, values, reach):
        self._values, self._last = values.astype(np.float32), np.float32(values.shape[1] - 2)
        self._reach, self._per_root = reach, np.float32(self._last / np.sqrt(reach))

    @classmethod
    def of(cls, psf, reach):
        """Profiles of a PSF, which fade to nothing towards `reach` (deg)."""
        rad = np.linspace(0, np.sqrt(reach), _NODES) ** 2
        logs = np.log(np.maximum(psf.values, 1e-30))
        values = np.exp([np.interp(rad, psf.rad, row) for row in logs]) * _fading(rad / reach)
        return cls(np.hstack([values, np.zeros((len(values), 1))]), reach)  # a node above the last

    def mixed(self, weights):
        """Rows that are sums of these: `weights` are (new row, row)."""
        return RadialTable(weights.astype(np.float32) @ self._values, self._reach)

    def __len__(self):
        return len(self._values)

    def content(self):
        """Return all that results depend on, for `fermiml.checkpoint.content_key`."""
        return self._values, self._per_root

    def at(self, row, square):
        """Values of rows at squares of separations (deg2)."""
        place = self._place(square)
        node = place.astype(np.int32)
        value, step = self._look_up(row, node)
        return value + (place - node) * step

    def with_slope(self, row, square):
        """Return values and their derivatives with respect to the square (deg^-2)."""
        place = self._place(square)
        node = place.astype(np.int32)
        value, step = self._look_up(row, node)
        return value + (place - node) * step, step * place / (4 * square)

    def _place(self, square):
        return np.minimum(np.sqrt(np.sqrt(square)) * self._per_root, self._last)

    def _look_up(self, row, node):
        """Values at nodes, and by how much those of the next are more."""
        flat, start = self._values.ravel(), row * self._values.shape[1] + node
        return flat[start], flat[start + 1] - flat[start]


def _fading(fraction):
    """Let a template fade to nothing near its end: a step would be one of the likelihood."""
    start = _FADING[0] / _FADING[1]
    x = np.clip((1 - fraction) / (1 - start), 0, 1)
    return x**2 * (3 - 2 * x)


def index_weights(index):
    """Weights (source, INDICES) that interpolate between the spectra of `INDICES`."""
    return np.stack([np.interp(index, INDICES, hat) for hat in np.eye(len(INDICES))], axis=1)


def _held(values):
    """Rows (energies) that the exposure map does not reach get those of the nearest that it
    does."""
    known = np.flatnonzero(np.isfinite(values).any(axis=1))
    if not len(known):
        return np.zeros_like(values)
    nearest = known[np.argmin(np.abs(np.arange(len(values))[:, None] - known), axis=1)]
    return np.nan_to_num(values[nearest])
