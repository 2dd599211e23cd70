"""A data set at a glance: counts, significance and the network's heatmap with the sources."""

import numpy as np
from gammapy.maps import WcsNDMap
from tqdm import tqdm

from fermiml.detect.finder import has_heatmap, heatmap_of
from fermiml.features.views import Views
from fermiml.plot import sky, style
from fermiml.sky.display_geom import canvas
from fermiml.sky.sphere import vectors_of

_HALF = 9.5  # deg from its centre, within which a patch has its own sky


def plot_overview(cube, catalog, finder, figure=None, names=None):
    """Counts, significance and heatmap of a cube, each with the sources of a catalog.

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
    """Draw a network's map of the sky, as `heatmap` makes it."""
    return sky.plot_image(image, ax, vmin=0, vmax=1, cmap="viridis", label="network's score")


def heatmap(cube, finder):
    """A network's probability map of a cube, as a gammapy map on the canvas of `plot_counts`."""
    views, geom = Views(cube), canvas(cube)
    position = geom.get_coord().skycoord
    on_sky = np.isfinite(position.spherical.lon.value)
    position = position[on_sky].transform_to(views.geoms[0].frame)
    vectors, values = vectors_of(position), np.full(on_sky.sum(), np.nan)
    with tqdm(total=len(views), desc="heatmap", unit="patch", disable=None, delay=2) as bar:
        for numbers, seen, features in views.batches():
            for view, probability in zip(seen, heatmap_of(finder, features), strict=False):
                _put(view.patch, probability, position, vectors, values)
            bar.update(len(numbers))
    image = np.full(geom.data_shape, np.nan)
    image[on_sky] = values
    return WcsNDMap(geom, image)


def _put(patch, probability, position, vectors, values):
    """The values of a patch at those positions that are its own."""
    near = np.flatnonzero(
        vectors @ vectors_of(patch.geom.center_skydir) > np.cos(np.radians(_HALF))
    )
    x, y = patch.geom.coord_to_pix(position[near])
    column, row = np.round(x).astype(int), np.round(y).astype(int)
    size = len(probability)
    inside = (column >= 0) & (column < size) & (row >= 0) & (row < size)
    near, row, column = near[inside], row[inside], column[inside]
    seen = patch.coverage[:, row, column].max(axis=0) > 0
    # What lies on the line between two patches may be owned by neither, after rounding.
    mine = seen & (patch.owned[row, column] | np.isnan(values[near]))
    values[near[mine]] = probability[row[mine], column[mine]]
