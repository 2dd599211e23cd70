"""An engine: counts in a circle around each source, against those that the background expects."""

import numpy as np

from fermiml import SkyCube, SourceCatalog
from fermiml.errors import InputError
from fermiml.schema import number


class Aperture:
    """Takes all that exceeds the background within a radius (deg) for the source."""

    name = "aperture"
    summary = "counts in a circle against the expected background"
    reads_cubes = True

    def __init__(self, *, radius=0.5):
        self._radius = number(0.05, 10, unit="deg")("radius", radius)

    def fit(self, catalog, data):
        """All rows; those in the data with TS and the counts of the source."""
        cube = data if isinstance(data, SkyCube) else SkyCube.read(data)
        if any(component.background is None for component in cube.components):
            raise InputError(f"{cube.source}: no background; give expected counts (--background)")
        table = catalog.table.copy()
        for row in np.flatnonzero(cube.observed(catalog.positions)):
            counts, expected = self._sums(cube, catalog.positions[row])
            table["TS"][row], table["Npred"][row] = _ts(counts, expected), counts - expected
            table["TS_Engine"][row] = self.name
        return SourceCatalog.from_table(table, extended=catalog.extended, gti=catalog.gti)

    def _sums(self, cube, position):
        sums = np.zeros(2)
        for component in cube.components:
            near = component.pixel_positions().separation(position).deg < self._radius
            near &= component.mask
            sums += [m.data[:, near].sum() for m in (component.counts, component.background)]
        return sums


def _ts(counts, expected):
    """Of a source of any brightness >= 0, from the Poisson likelihood of the sum."""
    if counts <= expected:
        return 0.0
    return 2 * (counts * np.log(counts / expected) - (counts - expected))
