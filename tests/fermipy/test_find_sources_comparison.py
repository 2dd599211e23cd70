"""What ml_seed and find_sources found, side by side."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from fermiml.fermipy.find_sources_comparison import report, side_by_side


def places(*pairs):
    return SkyCoord(list(pairs), unit="deg")


@pytest.fixture
def table():
    network = {
        "names": ["A", "B", "C"], "position": places((1, 0), (2, 0), (3, 0)),
        "ts": np.array([30.0, 90.0, 40.0]), "flux": np.full(3, 3e-10),
        "flux_err": np.full(3, 1e-10), "r95": np.full(3, 0.05), "time": 3.0, "cpu": 2.0,
        "loglike": -10.0, "prob": {"A": 0.9},
    }  # fmt: skip
    traditional = {
        "names": ["X", "Y"], "position": places((2.1, 0), (7, 0)),
        "ts": np.array([88.0, 26.0]), "flux": np.full(2, 7e-10), "flux_err": np.full(2, 1e-10),
        "r95": np.full(2, np.nan), "time": 9.0, "cpu": 8.0, "loglike": -12.0,
    }  # fmt: skip
    return side_by_side(network, traditional)


def test_comparison_of_two_searches(table):
    assert list(table["found_by"]) == ["both", "ml_seed", "ml_seed", "find_sources"]
    assert list(table["ml_name"]) == ["B", "C", "A", ""]
    assert list(table["fs_name"]) == ["X", "", "", "Y"]
    assert table["separation"][0] == pytest.approx(0.1, rel=1e-3)
    assert np.isnan(table["ml_ts"][3]) and np.isnan(table["separation"][1])
    assert (table.meta["TIME_ML"], table.meta["LOGL_FS"]) == (3.0, -12.0)


def test_every_quantity_of_the_table_has_its_unit(table):
    assert {c: str(table[c].unit) for c in table.colnames if table[c].unit is not None} == {
        "separation": "deg",
        **{f"{s}_{c}": "deg" for s in ("ml", "fs") for c in ("ra", "dec", "r95")},
        **{f"{s}_{c}": "1 / (s cm2)" for s in ("ml", "fs") for c in ("flux", "flux_err")},
    }


def test_the_table_in_print_has_both_searches_side_by_side(table):
    lines = report(table).split("\n")
    assert len(lines) == 3 + 4 + 1
    both, alone, theirs = lines[3], lines[4], lines[6]
    assert both.split()[:3] == ["B", "both", "90.0"] and "7.0 +-   1.0" in both
    assert both.endswith("0.100") and alone.endswith("-") and theirs.startswith("Y ")
    assert len({len(line) for line in lines[1:7]}) == 1  # columns stay columns
    assert "3 s and 9 s" in lines[-1]


def test_comparison_of_nothing():
    empty = {
        "names": [], "position": SkyCoord([], [], unit="deg"), "ts": np.zeros(0),
        "flux": np.zeros(0), "flux_err": np.zeros(0), "r95": np.zeros(0),
        "time": 1.0, "cpu": 1.0, "loglike": 0.0, "prob": {},
    }  # fmt: skip
    assert len(side_by_side(empty, empty)) == 0
