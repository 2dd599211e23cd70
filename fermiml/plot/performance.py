"""How good a catalog is, from the numbers of `fermiml evaluate`: one figure a function.

Arguments named `by_name` are dictionaries: a name for the legend -> what that curve shows.
"""

import numpy as np

from fermiml import moved
from fermiml.plot import style

__getattr__ = moved.renamed(__name__, plot_shares="plot_fractions")


def plot_completeness_purity(by_name, ax=None, *, purity=0.95):
    """Completeness against purity, as the threshold falls.

    Parameters
    ----------
    by_name : dict
        Name -> dictionary with lists `purity` and `completeness`.
    ax : matplotlib Axes, optional
    purity : float
        Where a line is drawn.

    Returns
    -------
    matplotlib Axes
    """
    ax = style.new_axes() if ax is None else ax
    for color, (name, curve) in _coloured(by_name):
        ax.plot(curve["purity"], curve["completeness"], color=color, lw=1.4, label=name)
    ax.axvline(purity, color=style.GREY, lw=0.8)
    return _finish(ax, xlim=(0.5, 1.0), ylim=(0, 1.02), xlabel="purity", ylabel="completeness")


def plot_fractions(
    by_name, ax=None, *, key="TS", value="found", xlabel="Asimov TS", ylabel="completeness",
    joined=True,
):  # fmt: skip
    """Fractions with their intervals in bins: completeness against Asimov TS or flux, and the like.

    Parameters
    ----------
    by_name : dict
        Name -> list of dictionaries with the bin's edges (under `key`) and, under `value`, the
        fraction, its low and its high end.
    joined : bool
        Whether a line joins the bins.
    """
    ax = style.new_axes() if ax is None else ax
    for number, (color, (name, rows)) in enumerate(_coloured(by_name)):
        if not rows:
            continue
        low, high = np.array([row[key] for row in rows], float).T
        high = np.where(np.isfinite(high), high, 2 * low)  # the last bin may be open
        height, bars = _bars([row[value] for row in rows])
        middle = np.sqrt(low * high) * 1.02**number  # so that bars of several lie side by side
        ax.errorbar(middle, height, yerr=bars, color=color, marker="o",
                    ms=4, lw=1.2, ls="-" if joined else "", label=name)  # fmt: skip
    ax.set_xscale("log")
    ax.xaxis.set_minor_formatter("")  # on less than a decade these would overlap
    return _finish(ax, ylim=(0, 1.04), xlabel=xlabel, ylabel=ylabel)


def plot_curve(rows, ax=None, *, key="TS", value="completeness"):
    """Plot a curve with the band of its errors; unknown values are not drawn.

    Parameters
    ----------
    rows : list of dict
        The position (under `key`) and, under `value`, the fraction, its low and its high end.
    """
    ax = style.new_axes() if ax is None else ax
    x = [row[key] for row in rows]
    fraction, low, high = np.array([row[value] for row in rows], float).reshape(-1, 3).T
    ax.plot(x, fraction, color=style.GREY, lw=1.4)
    ax.fill_between(x, low, high, color=style.GREY, alpha=0.35, lw=0)
    return ax


def plot_reliability(by_name, ax=None):
    """How many of the detections of a probability are real; honest ones lie on the diagonal.

    Parameters
    ----------
    by_name : dict
        Name -> list of dictionaries with ``mean`` (probability) and ``real``: fraction, low, high.
    """
    ax = style.new_axes() if ax is None else ax
    ax.plot([0, 1], [0, 1], color=style.GREY, lw=0.8)
    for color, (name, rows) in _coloured(by_name):
        if rows:
            value, bars = _bars([row["real"] for row in rows])
            ax.errorbar([row["mean"] for row in rows], value, yerr=bars,
                        color=color, marker="o", ms=4, lw=1.2, label=name)  # fmt: skip
    return _finish(
        ax, xlim=(0, 1), ylim=(0, 1.02), xlabel="probability", ylabel="fraction that is real"
    )


def plot_confusion(matrix, names, ax=None):
    """Numbers by true class (rows) and found class (columns); colours are fractions of a row."""
    ax = style.new_axes() if ax is None else ax
    matrix = np.asarray(matrix)
    fraction = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    ax.imshow(fraction, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(*matrix.shape):
        ink = "white" if fraction[row, column] > 0.5 else "black"
        ax.text(column, row, f"{matrix[row, column]}", ha="center", va="center", color=ink)
    ax.set_xticks(range(len(names)), names)
    ax.set_yticks(range(len(names)), names)
    ax.set(xlabel="found", ylabel="true")
    return ax


def plot_localisation(by_name, ax=None):
    """Plot the fraction of true positions within each contour of the error ellipses, against their
    nominal probability; correct ellipses lie on the diagonal.

    Parameters
    ----------
    by_name : dict
        Name -> offsets of the true positions in sigma of the ellipses.
    """
    ax = style.new_axes() if ax is None else ax
    ax.plot([0, 1], [0, 1], color=style.GREY, lw=0.8)
    for color, (name, sigma) in _coloured(by_name):
        sigma = np.sort(np.asarray(sigma, float))
        sigma = sigma[np.isfinite(sigma)]
        promised = 1 - np.exp(-0.5 * sigma**2)
        ax.plot(promised, np.arange(1, len(sigma) + 1) / max(len(sigma), 1), color=color, lw=1.4,
                label=name)  # fmt: skip
    return _finish(ax, xlim=(0, 1), ylim=(0, 1.02), xlabel="content of the contour",
                   ylabel="true positions within it")  # fmt: skip


def plot_numbers(by_name, ax=None):
    """Predicted against true numbers of sources, cell by cell.

    Parameters
    ----------
    by_name : dict
        Name -> dictionary with lists ``true`` and ``predicted``.
    """
    ax = style.new_axes() if ax is None else ax
    top = 1.0
    for color, (name, numbers) in _coloured(by_name):
        ax.plot(
            numbers["true"], numbers["predicted"], "o", color=color, ms=4, alpha=0.6, label=name
        )
        top = max(top, *numbers["true"], *numbers["predicted"])
    ax.plot([0, top], [0, top], color=style.GREY, lw=0.8)
    style.whole_numbers(ax.xaxis)
    style.whole_numbers(ax.yaxis)
    return _finish(ax, xlabel="true sources", ylabel="predicted sources")


def _bars(fractions):
    """Values and lengths of error bars of (fraction, low, high); at 0 and 1 rounding may make the
    interval miss the fraction."""
    value, low, high = np.array(fractions, float).T
    return value, np.maximum((value - low, high - value), 0)


def _coloured(by_name):
    return zip((style.CYCLE * (1 + len(by_name)))[: len(by_name)], by_name.items(), strict=True)


def _finish(ax, **look):
    ax.set(**look)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(fontsize=8)
    return ax
