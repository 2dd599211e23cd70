"""From spectra to expected counts: integrals over true energies, exposure, energy dispersion."""

import numpy as np

from fermiml.catalog.spectra import shape

# Simpson's rule in ln E with one middle node; true bins are at most an eighth of a decade wide.
_NODES = 3


class Folding:
    """Expected counts of sources in all bins of all components, one after the other."""

    def __init__(self, observations):
        self.observations = observations
        self._grids = [_grid(o.true_edges) for o in observations]

    @property
    def bins(self):
        """Number of bins, of all components together."""
        return sum(len(o.edges) - 1 for o in self.observations)

    def exposures(self, sources):
        """Exposure at the sources, by component: (source, true bin)."""
        return [o.exposure(sources.lon, sources.lat).T for o in self.observations]

    def counts(self, amplitude, shapes, exposures):
        """Counts (source, bin); derivatives with respect to index and curvature; second ones
        with respect to (index, index), (index, curvature) and (curvature, curvature)."""
        parts = [
            _fold(amplitude, shapes, grid, exposure, o.dispersion)
            for grid, exposure, o in zip(self._grids, exposures, self.observations, strict=True)
        ]
        return tuple(np.concatenate(columns, axis=1) for columns in zip(*parts, strict=True))


def _grid(edges):
    """Energies (true bin, node) and the weights of their integrals."""
    step = np.log(edges[1:] / edges[:-1])
    energy = edges[:-1, None] * np.exp(step[:, None] * np.linspace(0, 1, _NODES))
    return energy, energy * step[:, None] * np.array([1, 4, 1]) / 6


def _fold(amplitude, shapes, grid, exposure, dispersion):
    energy, weight = grid
    columns = (shapes.pivot, shapes.index, shapes.curvature, shapes.exp_index)
    pivot, index, curvature, exp_index = (c[:, None, None] for c in columns)
    x = np.log(energy / pivot)
    # ln(density) is linear in the curvature, so a curvature of 1 gives its derivative.
    bent = np.log(shape("PLSuperExpCutoff", energy, pivot, 0.0, 1.0, exp_index))
    with np.errstate(over="ignore", under="ignore"):
        density = np.exp(np.clip(-index * x + curvature * bent, -600, 200)) * weight
    scale = amplitude[:, None] * exposure
    factors = (1.0, -x, bent, x**2, -x * bent, bent**2)
    return tuple((np.sum(density * f, axis=2) * scale) @ dispersion for f in factors)
