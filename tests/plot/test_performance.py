"""Figures of performance show the numbers that they are given."""

import numpy as np
import pytest

from fermiml.plot import performance, style


@pytest.fixture
def ax():
    return style.new_figure(4, 4).add_subplot()


def test_completeness_against_purity(ax):
    curve = {"purity": [0.8, 0.9, 1.0], "completeness": [0.9, 0.8, 0.5]}
    assert performance.plot_completeness_purity({"a": curve, "b": curve}, ax) is ax
    assert ax.lines[0].get_ydata() == pytest.approx(curve["completeness"])
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["a", "b"]
    assert ax.lines[0].get_color() != ax.lines[1].get_color()


def test_a_curve_has_a_band_where_it_is_known(ax):
    rows = [{"TS": ts, "completeness": [share, share - 0.1, share + 0.1]}
            for ts, share in ((5, 0.2), (20, 0.5), (80, np.nan))]  # fmt: skip
    performance.plot_curve(rows, ax)
    (band,) = ax.collections
    assert band.get_datalim(ax.transData).y0 == pytest.approx(0.1)
    (line,) = ax.lines
    assert line.get_xdata()[-1] == 80 and np.isnan(line.get_ydata()[-1])


def test_shares_in_bins_also_in_an_open_one(ax):
    rows = [{"TS": [9, 16], "found": [0.5, 0.4, 0.6]}, {"TS": [16, np.inf], "found": [1, 0.9, 1]}]
    performance.plot_fractions({"a": rows, "none": []}, ax)
    x, y = ax.containers[0][0].get_data()
    assert x == pytest.approx([12, np.sqrt(16 * 32)])
    assert y == pytest.approx([0.5, 1.0])


def test_reliability(ax):
    rows = [{"mean": 0.3, "real": [0.2, 0.1, 0.3]}, {"mean": 0.8, "real": [0.9, 0.8, 1.0]}]
    performance.plot_reliability({"a": rows}, ax)
    assert ax.containers[0][0].get_ydata() == pytest.approx([0.2, 0.9])


def test_confusion_writes_the_numbers(ax):
    performance.plot_confusion([[5, 1], [0, 7]], ("AGN", "PSR"), ax)
    assert [t.get_text() for t in ax.texts] == ["5", "1", "0", "7"]


def test_honest_ellipses_lie_on_the_diagonal(ax):
    sigma = np.random.default_rng(1).rayleigh(1.0, 2000)
    performance.plot_localisation({"a": sigma}, ax)
    x, y = ax.lines[1].get_data()
    assert np.abs(x - y).max() < 0.05


def test_numbers_of_sources(ax):
    performance.plot_numbers({"a": {"true": [1, 5], "predicted": [2.0, 4.5]}}, ax)
    assert ax.lines[-1].get_xdata()[-1] == 5
