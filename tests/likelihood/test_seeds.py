"""What a fit starts from."""

import numpy as np

from fermiml import SourceCatalog
from fermiml.likelihood import seeds


def test_seeds_start_from_what_is_known():
    catalog = SourceCatalog.from_table(
        {"GLON": [1.0, 2.0, 3.0], "GLAT": [4.0, 5.0, 6.0], "Flux1000": [2e-9, np.nan, np.nan],
         "ML_Flux_Band": [[np.nan] * 5, [1e-8, 1e-9, 5e-10, 1e-10, np.nan], [np.nan] * 5]}
    )  # fmt: skip
    start = seeds.seeds_of(catalog)
    np.testing.assert_allclose(start.flux1000, [2e-9, 1.6e-9, 1e-10], rtol=1e-3)
