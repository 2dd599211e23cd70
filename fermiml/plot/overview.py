"""A data set at a glance: counts, significance and the network's heatmap with the sources."""

from fermiml.detect.finder import has_heatmap
from fermiml.detect.sky_maps import heatmap
from fermiml.plot import sky, style
from fermiml.sky.display_geom import canvas


def plot_overview(cube, catalog, finder, figure=None, names=None):
    """Draw counts, significance and heatmap of a cube, each with the sources of a catalog.

    Parameters
    ----------
    cube : fermiml.SkyCube
    catalog : fermiml.SourceCatalog
    finder : fermiml.detect.finder.Finder
        Without a heatmap that panel is left out.
    figure : matplotlib Figure, optional
    names : bool, optional
        Names beside the sources; by default where there are no more than 40.

    Returns
    -------
    matplotlib Figure
    """
    geom = canvas(cube)
    wide = geom.is_allsky or geom.data_shape[1] > 1.6 * geom.data_shape[0]
    number = 3 if has_heatmap(finder) else 2
    if figure is None:
        size = (10, 5 * number) if wide else (17 * number / 3, 5)
        figure = style.new_figure(*size)
    shape = (number, 1) if wide else (1, number)
    axes = [figure.add_subplot(*shape, i + 1, projection=geom.wcs) for i in range(number)]
    names = len(catalog) <= 40 if names is None else names
    sky.plot_counts(cube, catalog, axes[0], names=names)
    sky.plot_counts(cube, catalog, axes[1], kind="significance")
    for ax in axes[2:]:
        plot_heatmap(heatmap(cube, finder), ax)
        sky.plot_sources(catalog, ax, color=style.ORANGE, marker="o")
    return figure


def plot_heatmap(image, ax=None):
    """Draw a network's map of the sky, as `SourceDetector.heatmap` makes it."""
    return sky.plot_image(image, ax, vmin=0, vmax=1, cmap="viridis", label="network's score")
