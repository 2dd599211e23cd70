"""What is marked on the counts."""

import numpy as np
from astropy.table import Table

from fermiml.fermipy import plots


def test_seeds_by_status_and_what_find_sources_alone_has():
    peaks = [{"status": s, "ra": ra, "dec": 0.0} for s, ra in
             (("new", 1.0), ("rejected", 2.0), ("known", 3.0), ("rejected", 4.0))]  # fmt: skip
    table = Table({"found_by": ["both", "find_sources"], "fs_ra": [1.0, 9.0], "fs_dec": [0.0, 5.0]})
    groups = {label: places for label, _, places in plots._groups({"peaks": peaks})}
    # New sources are drawn from the catalog, where they were localized to.
    assert list(groups) == ["rejected", "known"]
    assert np.allclose(groups["rejected"].ra.deg, [2.0, 4.0])
    groups = {label: p for label, _, p in plots._groups({"peaks": peaks, "compare": table})}
    assert np.allclose(groups["find_sources alone"].dec.deg, [5.0])
