"""Figures of a comparison of a network with traditional detection."""

import numpy as np

from fermiml.compare.comparison_result import BOTH, FOUND_BY, ML, TRADITIONAL, false_rate
from fermiml.plot import sky, style

COLOURS = dict(zip(FOUND_BY, (style.GREEN, style.BLUE, style.VERMILION), strict=True))
_MARKERS = {BOTH: "o", ML: "s", TRADITIONAL: "D"}
_CURVES = {ML: style.BLUE, TRADITIONAL: style.VERMILION}
_LOWEST = 4.0  # TS, where the figures begin
_WIDTHS = {ML: 3.0, TRADITIONAL: 1.5}  # so that one shows below the other


def plot_map(comparison, ax=None):
    """Draw the counts, and the sources found by both, only the network, only traditional detection.

    Like the other functions here it takes a `ComparisonResult` and matplotlib Axes (this one with a
    projection of the sky), and returns the Axes.
    """
    ax = sky.plot_counts(comparison.cube, ax=ax)
    ax.set_title("Counts and sources")
    for which, colour in COLOURS.items():
        rows = comparison.found_by(which)
        if rows.any():
            sky.plot_sources(comparison.catalog[rows], ax, color=colour, marker=_MARKERS[which],
                             label=f"{_words(which)} ({rows.sum()})")  # fmt: skip
    if len(comparison.catalog):
        ax.legend(loc="upper right", fontsize="small")
    return ax


def plot_ts(comparison, ax=None):
    """Plot the TS that each detection gave its sources against the TS of the final fit."""
    ax = style.new_axes() if ax is None else ax
    table = comparison.catalog.table
    final = np.asarray(table["TS"], float)
    for own, which in (("ML_TS", ML), ("TS_Traditional", TRADITIONAL)):
        rows = comparison.found_by(BOTH, which)
        ax.scatter(final[rows], np.asarray(table[own], float)[rows], s=16, color=_CURVES[which],
                   marker=_MARKERS[which], alpha=0.7, label=_words(which))  # fmt: skip
    limits = _LOWEST, max(np.nanmax(final, initial=100.0) * 1.5, 100.0)
    ax.plot(limits, limits, color=style.GREY, lw=1)
    ax.set(yscale="log", ylim=limits, ylabel="TS at detection",
           title="TS at detection and in the final fit")  # fmt: skip
    style.plain_powers(ax.yaxis)
    return _over_ts(ax, comparison, "TS of the final fit", limits[1])


def plot_known(comparison, ax=None):
    """Known sources by the TS that they should have: all of them, and those that each found."""
    ax = style.new_axes() if ax is None else ax
    known = comparison.known
    ts = np.asarray(known["TS_Expected"], float)
    _steps(ax, ts, color="k", lw=4.5, label=f"known ({len(known)})")
    for which, colour in _CURVES.items():
        found = np.asarray(known[f"Name_{which}"]) != ""
        _steps(ax, ts[found], color=colour, lw=_WIDTHS[which],
               label=f"{_words(which)} ({found.sum()})")  # fmt: skip
    ax.set(ylabel="known sources above this TS", title="Known sources that each method found")
    style.whole_numbers(ax.yaxis)
    return _over_ts(ax, comparison, "expected TS of the known source")


def plot_cumulative(comparison, ax=None):
    """Plot the number of sources above a TS of the final fit, as each found them, and of false ones
    that noise alone brings."""
    ax = style.new_axes() if ax is None else ax
    ts = np.asarray(comparison.catalog.table["TS"], float)
    for which, colour in _CURVES.items():
        rows = comparison.found_by(BOTH, which)
        _steps(ax, ts[rows], color=colour, lw=_WIDTHS[which],
               label=f"{_words(which)} ({rows.sum()})")  # fmt: skip
    _steps(ax, ts[comparison.found_by(BOTH)], color=COLOURS[BOTH], lw=1.5, ls="--", label="both")
    x = np.geomspace(9, 30, 50)
    ax.plot(x, [comparison.area * false_rate(t) for t in x], ":", color="k", label="noise alone")
    ax.set(ylabel="sources above this TS", title="Sources that each method found")
    style.whole_numbers(ax.yaxis)
    return _over_ts(ax, comparison, "TS of the final fit")


def _over_ts(ax, comparison, label, most=None):
    """Finish Axes whose x is a TS, with a line at the threshold."""
    threshold = comparison.threshold
    ax.axvline(threshold, color=style.GREY, lw=1, ls=":", label=f"TS = {threshold:g}")
    ax.set(xscale="log", xlabel=label, xlim=(_LOWEST, most))
    style.plain_powers(ax.xaxis)
    ax.legend(fontsize="small")
    return ax


def _words(which):
    return {BOTH: "both", ML: "network", TRADITIONAL: "traditional"}[which]


def _steps(ax, values, **options):
    """How many values lie above each of them."""
    values = np.sort(np.maximum(values[np.isfinite(values)], _LOWEST))
    above = np.concatenate([[len(values)], np.arange(len(values), 0, -1)])
    ax.step(np.concatenate([[_LOWEST], values]), above, where="pre", **options)
