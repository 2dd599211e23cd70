"""The methods that can be scored: networks, traditional detection, any catalogs.

Each method has a `background` (what it is shown of the diffuse emission: a file's name without
its ending, or "none"), a `default` threshold, `has(sky, name)` and `find(sky, name)`.
"""

from functools import partial
from pathlib import Path

import numpy as np

from fermiml.catalog.catalog import SourceCatalog
from fermiml.checkpoint import content_key, kept
from fermiml.errors import InputError
from fermiml.evaluate import benchmark, segmentation, sky_instances
from fermiml.files import read_json, write_json
from fermiml.traditional.search import TraditionalDetector

TRADITIONAL = {"traditional": "background", "traditional-wrong": "background_wrong"}
_SIGMA = 5.0  # at which traditional detection is meant to be used
_LOWEST = 0.02  # ML_Prob to which catalogs go down, for the curves
_ALL = -1.0  # below any score


class Traditional:
    """Iterated TS maps, given a diffuse model."""

    default = _SIGMA
    false_at = (3.5, 4.0, 4.5, 5.0, 6.0)

    def __init__(self, name, cache):
        self.background = TRADITIONAL[name]
        self._detector = TraditionalDetector(cache=cache / "traditional")

    def has(self, sky, name):
        """Return whether the catalog of a sky is there."""
        return self._detector.is_cached(sky.cube)

    def find(self, sky, name):
        """Catalog and run time of a sky."""
        catalog = self._detector.run(sky.cube)
        meta = catalog.table.meta
        return catalog, {"seconds": meta["SECONDS"], "cpu_seconds": meta["CPU_SECS"]}


class Network:
    """A network, with ":localizer" if another than its own is wanted."""

    false_at = (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99)

    def __init__(self, name, cache, background="none"):
        self.background = background
        self._detector = detector(name)
        self.default, self._detector.threshold = self._detector.threshold, _LOWEST
        self._finder = finder = self._detector.finder
        digest = content_key(finder.identity, finder.operating)[:12]
        shown = "" if background == "none" else f"-{background}"
        found_by = "-".join(filter(None, (finder.name, finder.localizer)))
        self._cache = cache / f"{found_by}{shown}-{digest}"

    def has(self, sky, name):
        """Return whether the catalog of a sky is there."""
        return (self._cache / f"{name}.json").is_file()

    def find(self, sky, name):
        """Catalog and run time of a sky."""
        return benchmark.kept(self._cache / f"{name}.fits", lambda: self._detector.run(sky.cube))

    def pixels(self, sky, name, cached=False):
        """Of a segmenting network, how good its map is; kept like the catalog."""
        path = self._cache / f"{name}_pixels.json"
        if not getattr(self._finder, "paints_discs", False):
            return None
        if cached and not path.is_file():
            return None
        return _kept(path, lambda: segmentation.count_pixels(self._finder, sky))

    def instances(self, sky, name, true_masks, cached=False):
        """Return what is found in the patches of a sky, beside the true masks; kept likewise."""
        path = self._cache / f"{name}_instances.json"
        if cached and not path.is_file():
            return None
        rows = _kept(path, lambda: sky_instances.plain(
            sky_instances.collect(self._finder, sky, true_masks)))  # fmt: skip
        return sky_instances.of_plain(rows)


def _kept(path, make):
    """Return what is in a JSON file, or that of `make()`, which is then kept."""
    return kept(path, make, partial(write_json, overwrite=True), read_json)


def detector(name, **settings):
    """Load the detector of "NETWORK" or "NETWORK:LOCALIZER"."""
    from fermiml.detect.detector import SourceDetector

    network, _, localizer = name.partition(":")
    return SourceDetector.from_pretrained(network, localizer=localizer or None, **settings)


class Given:
    """Catalogs from anywhere: a folder with FIELD.fits for each field, or a file for all."""

    background, default = "none", _ALL
    false_at = (_ALL,)

    def __init__(self, path):
        self._path = Path(path).expanduser()
        if not self._path.exists():
            raise InputError(f"{path}: no such catalog or folder of catalogs")
        self._taken = {}  # by set of fields: rows of a file that some field has taken

    def has(self, sky, name):
        """Return whether there is a catalog of a sky."""
        return self._file(sky) is not None

    def find(self, sky, name):
        """Read the catalog of a sky; its run time is unknown."""
        path = self._file(sky)
        if path is None:
            raise InputError(f"{self._path}: contains no catalog of {sky.name} ({sky.name}.fits)")
        catalog = SourceCatalog.read(path)
        if path == self._path:
            catalog = self._part(catalog, sky, name.removesuffix(sky.name))
        return catalog, {}

    def _part(self, catalog, sky, fields):
        """Select the rows of a catalog of several fields that lie in one of them."""
        inside = sky.cube.components[0].observed(catalog.positions)
        taken = self._taken.setdefault(fields, np.zeros(len(catalog), bool))
        if np.any(taken & inside):
            raise InputError(
                f"{self._path}: is a single catalog, but the fields overlap; give a folder with "
                "one catalog per field: field_0000.fits and so on"
            )
        taken |= inside
        return catalog.filter(inside)

    def _file(self, sky):
        if self._path.is_file():
            return self._path
        names = [f"{sky.name}{ending}" for ending in (".fits", ".fits.gz", ".csv", ".vot")]
        found = [self._path / name for name in names if (self._path / name).is_file()]
        return found[0] if found else None


def method(name, cache, background="none"):
    """Return a network or traditional detection by name."""
    return Traditional(name, cache) if name in TRADITIONAL else Network(name, cache, background)


def is_empty(judged):
    """Return whether skies have no sources, so that all that is found is false."""
    return not any(np.any(j.comparison.ts > 0) for j in judged)
