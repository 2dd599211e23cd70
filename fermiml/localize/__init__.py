"""From a map of probability to positions: one file per way, exchangeable by name.

What a localizer is, and how another package adds one: `Localizer`.
"""

from typing import Protocol

from fermiml.registry import Registry

DISC = 2.5  # pixels, radius of the discs that segmentation networks are trained on
HEATMAP = 1.3  # pixels, half width at half maximum of the blobs of a centre heatmap

LOCALIZERS = Registry(
    "fermiml.localizers",
    "localizer",
    {
        "kmeans": "fermiml.localize.kmeans:locate",
        "log": "fermiml.localize.laplacian:locate",
        "dbscan": "fermiml.localize.dbscan:locate",
        "centroid": "fermiml.localize.centroid:locate",
        "peaks": "fermiml.localize.peaks:locate",
        "convergence": "fermiml.localize.convergence:locate",
    },
    needs=["__call__"],
)


class Localizer(Protocol):
    """A function that finds sources in the maps of one patch.

    Another package offers one as an entry point of the group ``fermiml.localizers``.
    """

    def __call__(self, maps, threshold, radius=DISC):
        """Positions of sources.

        Parameters
        ----------
        maps : dict of numpy.ndarray
            ``probability`` (y, x): from 0 to 1, high around sources; where a network has them,
            ``offset`` (2, y, x): (dx, dy) in pixels from a pixel to the source in it, and
            ``vector`` (2, y, x): (dx, dy) from a pixel to the nearest source, or ``direction``,
            the same as unit vectors.
        threshold : float
            Least score that is wanted.
        radius : float
            Radius (pixels) at which the network's blobs fall to half of their height.

        Returns
        -------
        x, y, score : numpy.ndarray
            Sub-pixel positions, with the centre of pixel (0, 0) at 0, 0 and x along the last
            axis; scores in (0, 1]: the highest probability within a pixel of the position.
        """


def get_localizer(name):
    """Load a localizer by name."""
    return LOCALIZERS.load(name)
