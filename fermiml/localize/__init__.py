"""From a segmentation map to positions: one file per way, exchangeable by name.

Every localizer is a function ``locate(maps, threshold, radius=...)`` of the maps of one patch:

- ``maps["probability"]`` (y, x): from 0 to 1, high around sources;
- ``maps["offset"]`` (2, y, x), optional: (dx, dy) in pixels from a pixel to the source at it;
- ``maps["vector"]`` (2, y, x), optional: (dx, dy) from a pixel to the nearest source.

`threshold` is the least score that is wanted, `radius` the radius (pixels) at which the network's
blobs fall to half of their height. The result is (x, y, score): sub-pixel positions, with the
centre of pixel (0, 0) at 0, 0 and x along the last axis, and scores in (0, 1]: the highest
probability within a pixel of the position.
"""

from importlib import import_module

from fermiml.errors import InputError

DISC = 2.5  # pixels, radius of the discs that segmentation networks are trained on
HEATMAP = 1.3  # pixels, half width at half maximum of the blobs of a centre heatmap
NAMES = ("kmeans", "log", "dbscan", "centroid", "peaks")


def get_localizer(name):
    """The localizer of a name."""
    if name not in NAMES:
        raise InputError(f"unknown localizer {name!r}: known are {', '.join(NAMES)}")
    module = {"log": "laplacian"}.get(name, name)
    return import_module(f"{__name__}.{module}").locate
