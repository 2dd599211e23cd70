"""Engines, which fit the sources of a catalog to data, and how to load one by name."""

import inspect
from typing import Any, Protocol

from fermiml.catalog.catalog import SourceCatalog
from fermiml.errors import InputError
from fermiml.registry import Registry

ENGINES = Registry(
    "fermiml.engines",
    "engine",
    {
        "gammapy": "fermiml.likelihood.gammapy_engine:GammapyEngine",
        "fermipy": "fermiml.fermipy.catalog_fit:FermipyEngine",
    },
    needs=("name", "summary", "reads_cubes", "fit"),
)


class Engine(Protocol):
    """Fits the sources of a catalog to data.

    Another package offers one as an entry point of the group ``fermiml.engines``: a class with
    these attributes. Its constructor takes the settings, by keyword, and checks them. `fermiml fit`
    passes on ``known`` (a SourceCatalog), ``galdiff``, ``iso`` and ``jobs`` (a number, or the text
    of a cluster, see `fermiml.executors`) where they are given, and refuses them where the
    constructor does not take them; a number of jobs is then ignored.

    Attributes
    ----------
    name : str
        The name of the entry point, at most eight letters; stands in the catalog's column
        ``TS_Engine``.
    summary : str
        What it is, in one line.
    reads_cubes : bool
        Whether data are a `SkyCube`, or anything that `SkyCube.read` takes. If not, `fermiml fit`
        passes on the name of the file or folder that it was given, and takes no options for
        the reading of cubes.
    """

    name: str
    summary: str
    reads_cubes: bool

    def fit(self, catalog: SourceCatalog, data: Any) -> SourceCatalog:
        """Fit the sources of a catalog.

        Parameters
        ----------
        catalog : SourceCatalog
            The seeds.
        data
            What `reads_cubes` says.

        Returns
        -------
        SourceCatalog
            All rows in their order. Those that were fitted have ``TS``, ``TS_Engine``, a spectrum
            and what else the engine knows, in the columns and units of 4FGL; the others are as
            they were.
        """


def settings_of(name):
    """Names of the settings that an engine takes."""
    return list(inspect.signature(ENGINES.load(name)).parameters)


def make_engine(name, settings):
    """Build an engine from its name and its settings (a dict)."""
    known = settings_of(name)
    unknown = [setting for setting in settings if setting not in known]
    if unknown:
        takes = f"its settings are {', '.join(known)}" if known else "it has no settings"
        raise InputError(f"engine {name!r} has no setting {', '.join(unknown)}: {takes}")
    return ENGINES.load(name)(**settings)
