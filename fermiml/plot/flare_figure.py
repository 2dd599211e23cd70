"""Transients: where they are in the field, and when they shine."""

import numpy as np

from fermiml.plot import sky, style
from fermiml.plot.sky_images import SkyImages
from fermiml.sky.selection import utc
from fermiml.sky.times import DAY
from fermiml.time.flares import curve

_MOST = 6  # flares that are drawn


def plot_flares(found, figure=None):
    """Draw the field with all flares, and the photons with time of the most significant ones.

    Parameters
    ----------
    found : fermiml.time.transients.Transients
    figure : matplotlib Figure, optional

    Returns
    -------
    matplotlib Figure
    """
    rows = max(min(len(found), _MOST), 1)
    figure = style.new_figure(11, max(4.6, 1.5 * rows)) if figure is None else figure
    grid = figure.add_gridspec(rows, 2, width_ratios=(1, 1.3))
    images = SkyImages(found.cube)
    ax = figure.add_subplot(grid[:, 0], projection=images.geom.wcs)
    sky.draw(images.counts(), ax, colorbar=False).set_title("Counts and transients")
    sky.plot_sources(found.catalog, ax, names=True, color=style.ORANGE, marker="o")
    for number, flare in enumerate(found.flares[:_MOST]):
        axes = figure.add_subplot(grid[number, 1])
        others = [other for other in found.flares if other is not flare]
        draw_curve(found.sky, flare, axes, others)
        axes.set_title(_title(found.table[number]), fontsize=9)
        if number == rows - 1:
            axes.set_xlabel("year")
    return figure


def draw_curve(searched, flare, ax, others=()):
    """Draw the photons with time at the position of a flare, whose time is marked, less those of
    other flares."""
    edges, photons, error = curve(searched, flare, others)
    years = _years(edges)
    middle = (years[1:] + years[:-1]) / 2
    ax.axvspan(*_years([flare.start, flare.stop]), color=style.ORANGE, alpha=0.4, lw=0)
    ax.errorbar(middle, photons, yerr=np.where(photons > 0, error, 0.0), color=style.BLUE,
                ls="", marker=".", ms=4, lw=0.8)  # fmt: skip
    length = (edges[1] - edges[0]) / DAY
    ax.set(xlim=(years[0], years[-1]), ylim=(0, None), ylabel=f"photons in {length:.3g} d")
    return ax


def _title(row):
    return (f"{row['Source_Name']}: TS {row['ML_TS']:.0f} in {row['ML_Duration'] / DAY:.3g} d "
            f"from {_date(row['ML_Start'])}")  # fmt: skip


def _date(met):
    return utc(met).iso[:10]


def _years(met):
    return utc(met).decimalyear
