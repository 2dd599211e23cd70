"""Numbers of sources by cell."""

from types import SimpleNamespace

import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from fermiml.evaluate import counts_in_cells


def test_numbers_by_cell_are_those_of_true_and_found_sources():
    rng = np.random.default_rng(1)
    true = SkyCoord(rng.uniform(0, 40, 400), rng.uniform(20, 40, 400), unit="deg", frame="galactic")
    one = SimpleNamespace(
        true=true, ts=np.full(400, 30.0), true_counts=np.ones(400, bool),
        detected=true[:200], detected_counts=np.ones(200, bool), score=np.linspace(0, 1, 200),
    )  # fmt: skip
    result = counts_in_cells.by_cell([one, one], -1.0)
    assert sum(result["true"]) == 800
    assert sum(result["predicted"]) == 400
    assert result["bias"] == pytest.approx(-400 / len(result["true"]))
    assert result["correlation"] > 0.5
    assert sum(counts_in_cells.by_cell([one], 0.5)["predicted"]) == 100
