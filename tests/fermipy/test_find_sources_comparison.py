"""What ml_seed and find_sources found, side by side."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from fermiml.fermipy.find_sources_comparison import side_by_side


def places(*pairs):
    return SkyCoord(list(pairs), unit="deg")


def test_comparison_of_two_searches():
    network = {
        "names": ["A", "B", "C"], "position": places((1, 0), (2, 0), (3, 0)),
        "ts": np.array([30.0, 90.0, 40.0]), "flux": np.ones(3), "time": 3.0, "cpu": 2.0,
        "loglike": -10.0, "prob": {"A": 0.9},
    }  # fmt: skip
    traditional = {
        "names": ["X", "Y"], "position": places((2.1, 0), (7, 0)),
        "ts": np.array([88.0, 26.0]), "flux": np.ones(2), "time": 9.0, "cpu": 8.0, "loglike": -12.0,
    }  # fmt: skip
    table = side_by_side(network, traditional)
    assert list(table["found_by"]) == ["both", "ml_seed", "ml_seed", "find_sources"]
    assert list(table["ml_name"]) == ["B", "C", "A", ""]
    assert list(table["fs_name"]) == ["X", "", "", "Y"]
    assert table["separation"][0] == pytest.approx(0.1, rel=1e-3)
    assert np.isnan(table["ml_ts"][3]) and np.isnan(table["separation"][1])
    assert (table.meta["TIME_ML"], table.meta["LOGL_FS"]) == (3.0, -12.0)


def test_comparison_of_nothing():
    empty = {
        "names": [], "position": SkyCoord([], [], unit="deg"), "ts": np.zeros(0),
        "flux": np.zeros(0), "time": 1.0, "cpu": 1.0, "loglike": 0.0, "prob": {},
    }  # fmt: skip
    assert len(side_by_side(empty, empty)) == 0
