"""Figures of a comparison show how many sources each detection found, above which TS."""

from types import SimpleNamespace

import numpy as np
import pytest
from astropy.table import Table

from fermiml.compare.comparison_result import BOTH, ML, TRADITIONAL, false_rate
from fermiml.plot import comparison_figures as figures
from fermiml.plot import style


@pytest.fixture
def comparison():
    """Two sources of both, one of the network alone, two that only traditional detection found."""
    found = np.array([BOTH, BOTH, ML, TRADITIONAL, TRADITIONAL])
    table = Table({
        "TS": [400.0, 100.0, 30.0, 50.0, np.nan],
        "ML_TS": [390.0, 90.0, 28.0, np.nan, np.nan],
        "TS_Traditional": [410.0, 95.0, np.nan, 45.0, 12.0],
    })  # fmt: skip
    known = Table({"TS_Expected": [380.0, 60.0, 20.0], f"Name_{ML}": ["a", "", ""],
                   f"Name_{TRADITIONAL}": ["b", "c", ""]})  # fmt: skip
    return SimpleNamespace(
        catalog=SimpleNamespace(table=table), known=known, area=100.0, threshold=25.0,
        found_by=lambda *which: np.isin(found, which),
    )  # fmt: skip


@pytest.fixture
def ax():
    return style.new_figure(4, 4).add_subplot()


def curves(ax):
    """Numbers at the left end of each named curve."""
    return {
        line.get_label(): line.get_ydata()[0]
        for line in ax.lines
        if line.get_label()[0] != "_" and not line.get_label().startswith("TS =")
    }


def test_each_detections_own_ts_against_that_of_the_fit(comparison, ax):
    assert figures.plot_ts(comparison, ax) is ax
    network, traditional = (c.get_offsets().data for c in ax.collections)
    assert network.tolist() == [[400, 390], [100, 90], [30, 28]]
    assert traditional[:3].tolist() == [[400, 410], [100, 95], [50, 45]]
    assert ax.get_xlim() == ax.get_ylim()  # the diagonal is agreement


def test_known_sources_and_those_that_each_found(comparison, ax):
    figures.plot_known(comparison, ax)
    assert curves(ax) == {"known (3)": 3, "network (1)": 1, "traditional (2)": 2}


def test_numbers_above_a_ts_beside_those_of_noise(comparison, ax):
    """A source without a fit is in no curve."""
    figures.plot_cumulative(comparison, ax)
    found = curves(ax)
    noise = found.pop("noise alone")
    assert found == {"network (3)": 3, "traditional (4)": 3, "both": 2}
    assert noise == pytest.approx(100 * false_rate(9.0))


def test_nothing_found_can_be_drawn(comparison, ax):
    comparison.found_by = lambda *which: np.zeros(5, bool)
    figures.plot_cumulative(comparison, ax)
    assert "network (0)" in [t.get_text() for t in ax.get_legend().get_texts()]
