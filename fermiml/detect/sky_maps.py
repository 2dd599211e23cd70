"""Input and output of a network as maps of the sky."""

import numpy as np
from gammapy.maps import Maps, WcsNDMap

from fermiml.detect.finder import heatmap_of, views_for
from fermiml.features.patch_features import LABELS, LOW_LABELS
from fermiml.progress import progress_bar
from fermiml.sky.display_geom import canvas
from fermiml.sky.sphere import vectors_of

_CORNER = 0.74  # of the side of a patch, from its centre: its own sky is nearer than that
_FARTHEST = 80.0  # deg, where a tangent plane still has pixels


def heatmap(cube, finder, origin=None):
    """Compute a network's score over a cube, as a gammapy map on the grid of `plot_counts`."""
    views = views_for(finder, cube, origin)
    (image,) = _maps(cube, views, 1, lambda batch: heatmap_of(finder, batch)[:, None])
    return image


def features(cube, finder, origin=None):
    """Compute the features that a finder looks at, by name, as gammapy `Maps` on the grid of
    `plot_counts`."""
    views = views_for(finder, cube, origin)
    labels = [*LABELS, *LOW_LABELS] if views.low else LABELS
    images = _maps(cube, views, len(labels), lambda batch: np.moveaxis(batch, -1, 1))
    return Maps(**dict(zip(labels, images, strict=True)))


def _maps(cube, views, number, planes_of):
    """Make maps of so many planes, (patch, plane, y, x), which come from batches of features."""
    geom = canvas(cube)
    position = geom.get_coord().skycoord
    on_sky = np.isfinite(position.spherical.lon.value)
    position = position[on_sky].transform_to(views.geoms[0].frame)
    vectors, values = vectors_of(position), np.full((number, on_sky.sum()), np.nan)
    with progress_bar(what="patches", total=len(views), unit="patch", delay=2) as bar:
        for numbers, seen, batch in views.batches():
            for view, planes in zip(seen, planes_of(batch), strict=True):
                _put(view.patch, planes, position, vectors, values)
            bar.update(len(numbers))
    images = np.full((number, *geom.data_shape), np.nan)
    images[:, on_sky] = values
    return [WcsNDMap(geom, image) for image in images]


def _put(patch, planes, position, vectors, values):
    """Fill in the values of a patch at those positions that are its own."""
    size = planes.shape[-1]
    side = size * float(patch.geom.pixel_scales[0].to_value("deg"))  # more in coarse data
    reach = np.cos(np.radians(min(_CORNER * side, _FARTHEST)))
    near = np.flatnonzero(vectors @ vectors_of(patch.geom.center_skydir) > reach)
    x, y = patch.geom.coord_to_pix(position[near])
    column, row = np.round(x).astype(int), np.round(y).astype(int)
    inside = (column >= 0) & (column < size) & (row >= 0) & (row < size)
    near, row, column = near[inside], row[inside], column[inside]
    seen = patch.coverage[:, row, column].max(axis=0) > 0
    # What lies on the line between two patches may be owned by neither, after rounding.
    mine = seen & (patch.owned[row, column] | np.isnan(values[0, near]))
    values[:, near[mine]] = planes[:, row[mine], column[mine]]
