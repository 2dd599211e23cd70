"""Finders: what turns the features of patches into detections, and how one is had by name.

A finder is anything with the attributes and the method of `Finder`. Networks that answer with maps
become one together with a localizer (`HeatmapFinder`); a network that answers with instances or
with a list implements `find` itself.
"""

from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np

from fermiml.errors import InputError
from fermiml.localize import DISC, get_localizer
from fermiml.networks import pretrained
from fermiml.registry import Registry

DEFAULT = pretrained.DEFAULT
_LOWEST = 0.15  # score below which nothing is looked at

FINDERS = Registry("fermiml.finders", "network", {})  # beside the networks in folders


@dataclass(frozen=True)
class Detections:
    """What was found in one patch: arrays with one row for each detection.

    Positions count from the centre of pixel (0, 0), x along the last axis. What a finder does not
    know is None.
    """

    x: np.ndarray
    y: np.ndarray
    score: np.ndarray  # in (0, 1]: the higher, the more probable
    covariance: np.ndarray | None = None  # (n, 2, 2) of (x, y), pixels squared
    pulsar: np.ndarray | None = None  # probability that it is a pulsar, if it is a source
    extent: np.ndarray | None = None  # radius in pixels; 0 for a point
    mask: np.ndarray | None = None  # (n, y, x), pixels that belong to it

    def __len__(self):
        return len(self.x)

    def __getitem__(self, rows):
        values = (getattr(self, field.name) for field in fields(self))
        return Detections(*(None if value is None else value[rows] for value in values))


class Finder(Protocol):
    """Finds sources in features.

    Another package offers one as an entry point of the group ``fermiml.finders``: a class or
    function without arguments that gives it.

    Attributes
    ----------
    name : str
        Stands in the catalog's column ``ML_Model``.
    localizer : str
        Stands in ``ML_Localizer``; empty where there is none.
    identity : str
        Changes with anything that changes what is found: results are kept under it.
    operating : dict
        Calibration and threshold (``intercept``, ``slopes``, ``threshold``) by mode, ``photometry``
        and ``score``; empty for one that was never calibrated.
    """

    name: str
    localizer: str
    identity: str
    operating: dict

    def find(self, features):
        """The `Detections` of each patch.

        Parameters
        ----------
        features : numpy.ndarray
            (patch, y, x, feature), as `fermiml.features.patch_features` makes them. The number
            of patches is always the same; the last batch is filled up with copies.

        Returns
        -------
        list of Detections
        """


class HeatmapFinder:
    """A network that answers with maps, and the localizer that reads them.

    Parameters
    ----------
    network : fermiml.networks.pretrained.Pretrained
    localizer : str, optional
        By default the one that the network's maps are made for.
    lowest : float
        Least score of a detection.
    """

    def __init__(self, network, localizer=None, lowest=_LOWEST):
        self.network = network
        self.localizer = localizer or network.architecture.LOCALIZER
        self.lowest = lowest
        self._locate = get_localizer(self.localizer)

    def __repr__(self):
        return f"<HeatmapFinder: {self.name} with {self.localizer}>"

    @property
    def name(self):
        """The network's name."""
        return self.network.name

    @property
    def identity(self):
        """Hash of the weights, and the localizer."""
        return f"{self.network.card['sha256'][:20]}-{self.localizer}"

    @property
    def operating(self):
        """The operating point with this localizer."""
        return self.network.card.get("operating", {}).get(self.localizer, {})

    @property
    def paints_discs(self):
        """Whether the network is trained to paint discs around sources."""
        return self.network.architecture.RADIUS == DISC

    def find(self, features):
        """The `Detections` of each patch."""
        maps = self.network.maps(features)
        return [self._found({name: m[i] for name, m in maps.items()}) for i in range(len(features))]

    def _found(self, maps):
        x, y, score = self._locate(maps, self.lowest, radius=self.network.architecture.RADIUS)
        if "pulsar" not in maps:
            return Detections(x, y, score)
        size = maps["pulsar"].shape[0]
        row, column = (np.clip(np.round(v).astype(int), 0, size - 1) for v in (y, x))
        return Detections(x, y, score, pulsar=maps["pulsar"][row, column])

    def heatmap(self, features):
        """The network's probability in every pixel, (patch, y, x)."""
        return self.network.maps(features)["probability"]


def load_finder(name=DEFAULT, localizer=None):
    """A finder by name: a shipped network, the folder of one, or what another package offers."""
    if name in FINDERS and not pretrained.is_known(name):
        if localizer is not None:
            raise InputError(f"localizer {localizer!r}: network {name!r} is used without one")
        return FINDERS.load(name)()
    if not pretrained.is_known(name):
        known = ", ".join([*pretrained.names(), *FINDERS.names()])
        raise InputError(
            f"network '{name}' is not known: known are {known}, "
            "or the folder of one that `fermiml train` made"
        )
    return HeatmapFinder(pretrained.load(name), localizer)


def heatmap_of(finder, features):
    """The heatmap (patch, y, x) of a finder that has one, which plots and explanations need."""
    if not hasattr(finder, "heatmap"):
        raise InputError(f"network {finder.name!r} gives detections only, no map to be shown")
    return finder.heatmap(features)
