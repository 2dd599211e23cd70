"""Finders, which turn the features of patches into detections, and how to load one by name.

A finder is anything with the attributes and the method of `Finder`. Networks that answer with maps
become one together with a localizer (`HeatmapFinder`), those that answer with instances by
themselves (`InstanceFinder`).
"""

from typing import Protocol

import numpy as np

from fermiml.detect import calibration
from fermiml.detect.detections import Detections
from fermiml.errors import InputError, type_and_message
from fermiml.features.views import Views
from fermiml.localize import DISC, get_localizer
from fermiml.networks import looks_low, pretrained
from fermiml.registry import Registry
from fermiml.sky.patches import pixel_at

DEFAULT = pretrained.DEFAULT
_LOWEST = 0.15  # score below which nothing is looked at
_LOWEST_INSTANCE = 0.05  # the same of instances, whose scores are probabilities
_BELONGS = 0.5  # probability from which a pixel is one of an instance

# Those of other packages; the networks that come with fermiml are folders.
FINDERS = Registry("fermiml.finders", "network", needs=["__call__"], taken=pretrained.names())
_MEMBERS = ("find", "name", "localizer", "identity", "operating")


class Finder(Protocol):
    """Finds sources in features.

    Another package offers one as an entry point of the group ``fermiml.finders``: a class or
    function without arguments that gives it.

    Attributes
    ----------
    name : str
        The name of the entry point; stands in the catalog's column ``ML_Model``.
    localizer : str
        Stands in ``ML_Localizer``; empty where there is none.
    identity : str
        Changes with anything that changes what is found: results are kept under it.
    operating : dict
        Calibration and threshold (``intercept``, ``slopes``, ``threshold``) by mode, ``photometry``
        and ``score``; empty for one that was never calibrated.
        `fermiml.train.calibrate.operating_points` measures them.

    Optional: ``summary``, one line for `fermiml models`; ``heatmap(features)``, a map
    (patch, y, x) of values from 0 to 1 for figures and explanations; ``low``, whether features of
    the band below 500 MeV shall follow the others.
    """

    name: str
    localizer: str
    identity: str
    operating: dict

    def find(self, features):
        """Return the `Detections` of each patch.

        Parameters
        ----------
        features : numpy.ndarray
            (patch, y, x, feature), as `fermiml.features.patch_features` makes them; up to
            `fermiml.features.views.BATCH` patches.

        Returns
        -------
        list of Detections
        """


class _NetworkFinder:
    """What finders that are a network of a folder share; each has a `network` and a `localizer`."""

    @property
    def name(self):
        """The network's name."""
        return self.network.name

    @property
    def operating(self):
        """The operating point with this localizer."""
        return self.network.card.get("operating", {}).get(self.localizer, {})


class HeatmapFinder(_NetworkFinder):
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
    def identity(self):
        """Hash of the weights, and the localizer."""
        return f"{self.network.card['sha256'][:20]}-{self.localizer}"

    @property
    def low(self):
        """Whether the network looks at the band below 500 MeV."""
        return looks_low(self.network.architecture)

    @property
    def paints_discs(self):
        """Whether the network is trained to paint discs around sources."""
        return self.network.architecture.RADIUS == DISC

    def find(self, features):
        """Return the `Detections` of each patch."""
        maps = self.network.maps(features)
        return [self._found({name: m[i] for name, m in maps.items()}) for i in range(len(features))]

    def _found(self, maps):
        found = self._locate(maps, self.lowest, radius=self.network.architecture.RADIUS)
        if not isinstance(found, tuple) or len(found) != 3:
            raise InputError(f"localizer {self.localizer!r}: does not return x, y, score")
        x, y, score = found
        if "pulsar" not in maps:
            return Detections(x, y, score)
        pixel = pixel_at(x, y, len(maps["pulsar"]))
        return Detections(x, y, score, pulsar=maps["pulsar"][pixel])

    def heatmap(self, features):
        """Compute the network's probability in every pixel, (patch, y, x)."""
        return self.network.maps(features)["probability"]


class InstanceFinder(_NetworkFinder):
    """A network that answers with instances: each source once, with the pixels that belong to it.

    Parameters
    ----------
    network : fermiml.networks.pretrained.Pretrained
    lowest : float
        Least score of a detection.
    """

    def __init__(self, network, lowest=_LOWEST_INSTANCE):
        self.network = network
        self.lowest = lowest

    def __repr__(self):
        return f"<InstanceFinder: {self.name}>"

    @property
    def localizer(self):
        """The network itself."""
        return self.network.architecture.LOCALIZER

    @property
    def identity(self):
        """Hash of the weights."""
        return self.network.card["sha256"][:20]

    def find(self, features):
        """Return the `Detections` of each patch; extended ones have the radius of their mask."""
        return [
            Detections(one.x, one.y, one.score, pulsar=one.pulsar, mask=one.mask > _BELONGS,
                       extent=np.where(one.extended, one.radius, np.nan))
            for one in self.network.instances(features, self.lowest)
        ]  # fmt: skip

    def heatmap(self, features):
        """Compute for every pixel the score of the instance it belongs to, (patch, y, x)."""
        found = self.network.instances(features, self.lowest)
        return np.array([(i.score[:, None, None] * i.mask).max(axis=0, initial=0) for i in found])


def load_finder(name=DEFAULT, localizer=None):
    """Load a finder by name: a shipped network, one of another package, or the folder of one."""
    check_known(name)
    if name not in FINDERS:
        return _of_network(pretrained.load(name), localizer)
    if localizer is not None:
        raise _takes_none(name, localizer)
    return _of_other_package(name)


def _of_network(network, localizer):
    if not hasattr(network.architecture, "to_instances"):
        return HeatmapFinder(network, localizer)
    if localizer not in (None, network.architecture.LOCALIZER):
        raise _takes_none(network.name, localizer)
    return InstanceFinder(network)


def _takes_none(name, localizer):
    return InputError(f"localizer {localizer!r}: network {name!r} takes no localizer")


def finder_of(catalog, default=None):
    """Load the network named in a catalog; else `default`, if that is not None."""
    known = set(catalog.table["ML_Model"]) & {*pretrained.names(), *FINDERS.names()}
    name = min(known, default=default)
    return None if name is None else load_finder(name)


def check_known(name):
    """Raise InputError, with all names, where `load_finder` does not know one."""
    if name not in FINDERS and not pretrained.is_known(name):
        known = ", ".join([*pretrained.names(), *FINDERS.names()])
        raise InputError(
            f"unknown network '{name}': known are {known}, or a folder made by `fermiml train`"
        )


def _of_other_package(name):
    factory = FINDERS.load(name)
    try:
        finder = factory()
    except Exception as error:  # whatever the other package does
        raise FINDERS.problem(name, f"cannot be made: {type_and_message(error)}") from error
    missing = [member for member in _MEMBERS if not hasattr(finder, member)]
    if missing:
        raise FINDERS.problem(name, f"lacks {', '.join(missing)}")
    if finder.name != name:
        raise FINDERS.problem(name, f"calls itself {finder.name!r}")
    try:
        _try(finder.operating)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise FINDERS.problem(name, f"operating is wrong: {type_and_message(error)}") from error
    return finder


def _try(operating):
    """Use operating points, so that wrong ones show."""
    measured = {"ML_TS": [25.0], "ML_TS_Ext": [0.0], "Npred": [100.0]}
    for mode, point in operating.items():
        calibration.probability([0.5], measured if mode == "photometry" else None, point)
        float(point["threshold"])


def views_for(finder, cube, origin=None):
    """Make the views of a cube with the features that a finder looks at."""
    return Views(cube, origin, low=getattr(finder, "low", False))


def label(finder):
    """Name the finder for a message."""
    return f"{finder.name} with localizer {finder.localizer}" if finder.localizer else finder.name


def has_heatmap(finder):
    """Return whether a finder has a map to be shown."""
    return hasattr(finder, "heatmap")


def heatmap_of(finder, features):
    """Compute the heatmap (patch, y, x) for plots and explanations, of a finder that has one."""
    if not has_heatmap(finder):
        raise InputError(f"network {finder.name!r} returns detections only, without a map to show")
    return finder.heatmap(features)
