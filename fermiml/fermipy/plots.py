"""Figures in fermipy's style."""

import numpy as np
from astropy.coordinates import SkyCoord
from matplotlib.patheffects import withStroke

from fermiml.plot.sky import plot_sources

_MARKS = {"known": ("s", "cyan"), "rejected": ("x", "yellow")}
_TRADITIONAL = ("^", "magenta")
_DPI = 150  # most ellipses are smaller than a pixel of the counts


def seeds_on_counts(gta, result, path):
    """Draw the counts with the sources of the ROI (crosses) and the seeds by status.

    New sources are shown with names and 95 % ellipses; with a comparison, sources that only
    `find_sources` found are shown, too.
    """
    import matplotlib.pyplot as plt
    from fermipy.plotting import ROIPlotter

    options = gta.config["plotting"]
    figure = plt.figure(figsize=options["figsize"])
    plotter = ROIPlotter(gta.counts_map(), roi=gta.roi, cmap=options["cmap"])
    plotter.plot(cb_label="Counts", zscale="sqrt", label_ts_threshold=None)
    axes = plt.gca()
    for label, (shape, colour), places in _groups(result):
        x, y = places.to_pixel(plotter.geom.wcs)
        axes.plot(x, y, shape, mec=colour, mfc="none", ms=10, label=label)
    new = result["catalog"].filter(result["catalog"].table["ROI_Status"] == "new")
    before = len(axes.lines)
    plot_sources(new, axes, names=True, color="lime", marker=".", label="new")
    _stand_out([*axes.lines[before:], *axes.texts])
    if axes.get_legend_handles_labels()[1]:
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.02), ncols=5)  # off the data
    figure.savefig(f"{path}_counts.{options['format']}", bbox_inches="tight", dpi=_DPI)
    plt.close(figure)


def _stand_out(drawn):
    """Give ellipses and names on the dark image a black rim."""
    for artist in drawn:
        artist.set_path_effects([withStroke(linewidth=2.5, foreground="black")])


def _groups(result):
    """Yield label, marker and positions (SkyCoord) of each group except the new sources."""
    for status in dict.fromkeys(peak["status"] for peak in result["peaks"]):
        if status == "new":
            continue
        chosen = [peak for peak in result["peaks"] if peak["status"] == status]
        places = SkyCoord([p["ra"] for p in chosen], [p["dec"] for p in chosen], unit="deg")
        yield status, _MARKS.get(status, ("d", "red")), places
    table = result.get("compare")
    if table is not None and np.any(alone := table["found_by"] == "find_sources"):
        ra, dec = (np.asarray(table[f"fs_{axis}"][alone]) for axis in ("ra", "dec"))
        yield "find_sources alone", _TRADITIONAL, SkyCoord(ra, dec, unit="deg")
