"""A data set at a glance: counts, significance, residuals and the network's heatmap."""

from fermiml.detect.finder import has_heatmap
from fermiml.detect.sky_maps import heatmap
from fermiml.plot import sky, style
from fermiml.plot.sky_images import SkyImage, SkyImages


def plot_overview(cube, catalog, finder, figure=None, names=None):
    """Draw counts, significance, residuals and heatmap of a cube, with the sources of a catalog.

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
    images = SkyImages(cube)
    panels = [
        ("Counts and sources", images.counts()),
        ("Significance above the background", images.significance()),
        ("Residuals of the fitted sources", images.residuals(catalog)),
    ]
    if has_heatmap(finder):
        panels.append(("Heatmap of the network", heatmap_image(heatmap(cube, finder))))
    rows, columns, size = _layout(images.geom, len(panels))
    figure = style.new_figure(*size) if figure is None else figure
    names = len(catalog) <= 40 if names is None else names
    for number, (title, image) in enumerate(panels, 1):
        ax = figure.add_subplot(rows, columns, number, projection=images.geom.wcs)
        sky.draw(image, ax).set_title(title)
        look = {"color": style.ORANGE, "marker": "o"} if image.cmap == "viridis" else {}
        sky.plot_sources(catalog, ax, names=names and number == 1, **look)
    return figure


def _layout(geom, number):
    """Rows, columns and size (inches) of a figure with so many maps."""
    if geom.is_allsky or geom.data_shape[1] > 1.6 * geom.data_shape[0]:
        return number, 1, (10, 5 * number)
    columns = 2
    rows = -(-number // columns)
    return rows, columns, (5.7 * columns, 5 * rows)


def heatmap_image(image):
    """Make a `SkyImage` of a network's map of the sky (`SourceDetector.heatmap`)."""
    from matplotlib.colors import Normalize

    return SkyImage(image, "network's score", "viridis", Normalize(0, 1))


def plot_heatmap(image, ax=None):
    """Draw a network's map of the sky, as `SourceDetector.heatmap` makes it."""
    return sky.draw(heatmap_image(image), ax)
