"""Expected counts of sources of any shape in the bins of a region, and how they change with it."""

import numpy as np

from fermiml.catalog.spectra import shape
from fermiml.model.fold import SIMPSON, fold, nodes


class ShapeFolding:
    """Expected counts of sources in all bins of all components, one after the other."""

    def __init__(self, observations):
        self.observations = observations
        self._grids = [nodes(o.true_edges, SIMPSON) for o in observations]
        self.bins = sum(len(o.edges) - 1 for o in observations)  # of all components together

    def exposures(self, sources):
        """Exposure at the sources, by component: (source, true bin)."""
        return [o.exposure(sources.lon, sources.lat).T for o in self.observations]

    def photons(self, sources, exposures):
        """Compute the expected photons of sources, by component: (source, true bin)."""
        return [
            sources.flux(o.true_edges) * exposure
            for o, exposure in zip(self.observations, exposures, strict=True)
        ]

    def counted(self, photons):
        """Fold photons to expected counts (source, bin)."""
        parts = zip(photons, self.observations, strict=True)
        return np.concatenate([p @ o.dispersion for p, o in parts], axis=1)

    def counts(self, amplitude, shapes, exposures):
        """Compute counts (source, bin); derivatives with respect to index and curvature; second
        derivatives for (index, index), (index, curvature) and (curvature, curvature)."""
        parts = [
            _fold(amplitude, shapes, grid, exposure, o.dispersion)
            for grid, exposure, o in zip(self._grids, exposures, self.observations, strict=True)
        ]
        return tuple(np.concatenate(columns, axis=1) for columns in zip(*parts, strict=True))


def _fold(amplitude, shapes, grid, exposure, dispersion):
    energy, weight = grid
    columns = (shapes.pivot, shapes.index, shapes.curvature, shapes.exp_index)
    pivot, index, curvature, exp_index = (c[:, None, None] for c in columns)
    x = np.log(energy / pivot)
    # ln(density) is linear in the curvature, so a curvature of 1 gives its derivative.
    bent = np.log(shape("PLSuperExpCutoff", energy, pivot, 0.0, 1.0, exp_index))
    with np.errstate(over="ignore", under="ignore"):
        density = np.exp(np.clip(-index * x + curvature * bent, -600, 200)) * weight
    factors = (1.0, -x, bent, x**2, -x * bent, bent**2)
    return fold(density, factors, amplitude[:, None] * exposure, dispersion)
