"""The network input around a source, as one figure."""

import numpy as np
from scipy.ndimage import gaussian_filter

from fermiml.catalog.flags import FLAG_MEANING, MLFlag
from fermiml.plot import style
from fermiml.plot.spectrum import plot_spectrum
from fermiml.sky.bands import NAMES

_SIGMA = {"vmin": -8, "vmax": 8, "cmap": "RdBu_r"}


def plot_explanation(explanation, catalog, number, figure=None):
    """Draw the network input for one source, to judge doubtful detections by eye.

    Parameters
    ----------
    explanation : fermiml.detect.explain.Explanation
    catalog : fermiml.SourceCatalog
    number : int
        The source's row in the catalog.
    figure : matplotlib Figure, optional

    Returns
    -------
    matplotlib Figure
        First row: counts in the five bands. Second row: matched filter in the five bands, in
        sigma. Third row: all bands together, the network's heatmap, the saliency, the spectrum.
    """
    figure = style.new_figure(14, 9) if figure is None else figure
    grid = figure.add_gridspec(3, 5)
    position = catalog.positions
    others = explanation.offset(position)
    for band, name in enumerate(NAMES):
        ax = plot_map(_smooth(explanation.counts[band]), explanation.extent,
                      figure.add_subplot(grid[0, band]), cmap="gray_r")  # fmt: skip
        ax.set_title(f"{name}: counts", fontsize=9)
        mark(ax, others, number)
        ax = plot_map(explanation.significance[band], explanation.extent,
                      figure.add_subplot(grid[1, band]), **_SIGMA)  # fmt: skip
        ax.set_title(f"{name}: {_filtered(explanation, band)}", fontsize=9)
        mark(ax, others, number)
    _third_row(explanation, catalog, number, figure, grid)
    figure.suptitle(_headline(catalog.table[number], explanation), fontsize=11)
    return figure


def plot_map(image, extent, ax=None, *, label=None, **look):
    """Draw a map with offsets (deg) from the source as coordinates."""
    from matplotlib.ticker import MultipleLocator

    ax = style.new_axes() if ax is None else ax
    drawn = ax.imshow(image, origin="lower", extent=extent, interpolation="nearest", **look)
    step = 2 if extent[1] - extent[0] > 3 else 0.5
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MultipleLocator(step))
    ax.tick_params(labelsize=7)
    if label:
        bar = ax.figure.colorbar(drawn, ax=ax, location="bottom", shrink=0.8, pad=0.02)
        bar.set_label(label, fontsize=8)
        bar.ax.tick_params(labelsize=7)
    return ax


def mark(ax, offsets, number):
    """Mark the source with a circle, all other sources with small crosses."""
    limits = ax.get_xlim(), ax.get_ylim()
    x, y = (np.asarray(v) for v in offsets)
    rest = np.arange(len(x)) != number
    ax.plot(x[rest], y[rest], "x", color=style.ORANGE, ms=5, mew=1.2)
    ax.plot(x[number], y[number], "o", mfc="none", color=style.BLUE, ms=13, mew=1.3)
    ax.set(xlim=limits[0], ylim=limits[1])
    return ax


def _third_row(explanation, catalog, number, figure, grid):
    others = explanation.offset(catalog.positions)
    most = max(0.1, float(explanation.saliency.max()))
    soft, hard = explanation.joint[1], explanation.joint[0]
    here, coarse = explanation.extent, explanation.saliency_extent
    panels = (
        (hard, here, "all bands, hard spectrum (index 1.8)", "significance (sigma)", _SIGMA),
        (soft, here, "all bands, soft spectrum (index 2.5)", "significance (sigma)", _SIGMA),
        (explanation.heatmap, here, "heatmap of the network", "score",
         {"vmin": 0, "vmax": 1, "cmap": "viridis"}),
        (explanation.saliency, coarse, "photons on which the score depends",
         "loss of score without the photons there",
         {"vmin": 0, "vmax": most, "cmap": "magma"}),
    )  # fmt: skip
    for column, (image, extent, title, label, look) in enumerate(panels):
        ax = figure.add_subplot(grid[2, column])
        plot_map(image, extent, ax, label=label, **look).set_title(title, fontsize=9)
        mark(ax, others, number)
    ax = plot_spectrum(catalog.table[number], figure.add_subplot(grid[2, 4]))
    ax.tick_params(which="both", labelsize=7)


def _smooth(counts):
    return gaussian_filter(counts, 1.0)


def _filtered(explanation, band):
    """Describe the matched filter of a band, and what the score would be without it."""
    value = explanation.without[band]
    return "no data" if np.isnan(value) else f"significance\nscore {value:.2f} without this band"


def _plain(value):
    """Format a number with three digits, more where it has more before the point."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _headline(row, explanation):
    flags = [FLAG_MEANING[flag] for flag in MLFlag if int(row["ML_Flags"] or 0) & flag]
    parts = [str(row["Source_Name"]), f"score {explanation.score:.2f}"]
    for text, name in (("ML_Prob", "ML_Prob"), ("counts-only TS", "ML_TS"), ("TS", "TS")):
        if np.isfinite(float(row[name])):
            parts.append(f"{text} {_plain(float(row[name]))}")
    parts += [str(row["ML_Class"])] if row["ML_Class"] else []
    return ",  ".join(parts) + ("\n" + "; ".join(flags) if flags else "")
