"""Native energy bins are merged."""

import numpy as np

from fermiml.photometry.energy_groups import merged_bins


def test_fine_bins_are_merged_towards_the_edges_of_the_bands():
    edges = np.geomspace(500, 1e6, 67)
    bins = merged_bins(edges)
    cuts = edges[[b.start for b in bins]]
    assert len(bins) < 16
    assert bins[0].start == 0
    assert bins[-1].stop == 66
    for wanted in (1e3, 2e3, 7e3, 2e4, 1e5):
        assert np.min(np.abs(np.log(cuts / wanted))) < np.log(edges[1] / edges[0]) / 2 + 1e-6
