"""Light curves of catalog rows: one, or small multiples of all."""

import numpy as np

from fermiml.catalog.fitsio import HIST_START
from fermiml.plot import style
from fermiml.sky.selection import modified_julian
from fermiml.time.curve_table import one_curve

_ACROSS = 4  # panels of small multiples side by side
_MOST = 200  # panels, the most variable sources first


def plot_light_curve(catalog, row, ax=None):
    """Draw the fluxes of a row in its intervals; arrows are 95 % upper limits.

    Parameters
    ----------
    catalog : SourceCatalog with light curves
    row : int
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    ax = style.new_axes() if ax is None else ax
    draw(catalog, row, ax)
    energies = (catalog.table.meta.get(name) for name in ("HISTEMIN", "HISTEMAX"))
    low, high = (f"{e / 1e3:g}" if e else "?" for e in energies)
    ax.set(xlabel="MJD", ylabel=f"flux {low}-{high} GeV\n(cm$^{{-2}}$ s$^{{-1}}$)",
           title=str(catalog.table["Source_Name"][row]))  # fmt: skip
    return ax


def draw(catalog, row, ax):
    """Draw fluxes, errors, limits and the mean of a row."""
    edges = modified_julian(catalog.table.meta[HIST_START])
    curve = one_curve(catalog, row)
    flux, top = np.asarray(curve["Flux"]), np.asarray(curve["Flux_UL95"])
    errors = np.array([curve["Unc_Flux_Low"], curve["Unc_Flux_High"]])
    limited = np.isfinite(top)
    good = np.isfinite(flux) & ~limited
    middle, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
    ax.errorbar(middle[good], flux[good], xerr=half[good], yerr=errors[:, good],
                color=style.BLUE, marker="o", ms=3, ls="", lw=1.1)  # fmt: skip
    ax.errorbar(middle[limited], top[limited], xerr=half[limited], yerr=0.3 * top[limited],
                uplims=True, color=style.GREY, marker="", ls="", lw=1.0)  # fmt: skip
    if good.any():
        ax.axhline(np.nanmean(flux), color=style.GREY, lw=0.8, zorder=0)
    ax.set_ylim(0, None)
    ax.set_xlim(edges[0], edges[-1])


def plot_all(catalog, rows=None):
    """Draw small multiples of the light curves of all rows that have one.

    The most variable come first, and no more than 200 are drawn.

    Returns
    -------
    matplotlib Figure
    """
    table = catalog.table
    rows = np.flatnonzero(np.isfinite(table["Flux_History"]).any(axis=1)) if rows is None else rows
    order = np.argsort(-np.nan_to_num(np.asarray(table["Variability_Index"][rows], float)))
    rows = np.asarray(rows)[order][:_MOST]
    across = min(_ACROSS, max(len(rows), 1))
    down = -(-max(len(rows), 1) // across)
    figure = style.new_figure(3.2 * across, 1.9 * down + 0.3)
    axes = figure.subplots(down, across, squeeze=False).ravel()
    for ax, row in zip(axes, rows, strict=False):
        draw(catalog, row, ax)
        index = table["Variability_Index"][row]
        ax.set_title(f"{table['Source_Name'][row]}, index {index:.3g}", fontsize=8)
        ax.tick_params(labelsize=7)
    for ax in axes[len(rows) :]:
        ax.set_axis_off()
    figure.supxlabel("MJD", fontsize=9)
    figure.supylabel("photon flux (cm$^{-2}$ s$^{-1}$)", fontsize=9)
    return figure
