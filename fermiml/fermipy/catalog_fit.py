"""`fermiml fit --engine fermipy`: the sources of a catalog, fitted by the Fermitools."""

import logging
from os import PathLike
from pathlib import Path
from typing import Any

from fermiml import moved, schema
from fermiml.catalog.catalog import SourceCatalog
from fermiml.errors import InputError
from fermiml.fermipy import decisions, engine, extended_seeds, outputs, rows, seeding
from fermiml.fermipy.options import ML_SEED
from fermiml.sky.read.fermipy_folder import is_config
from fermiml.yamlfile import read_yaml

log = logging.getLogger(__name__)
# As ml_seed adds seeds, but nothing is turned away.
_SETTINGS = {key: default for key, (default, _, _) in ML_SEED.items()} | {
    "sqrt_ts_threshold": 0.0, "min_separation": 0.0, "max_iter": 10**6,
}  # fmt: skip


class FermipyEngine:
    """The likelihood of the Fermitools, in a fermipy analysis.

    The YAML of the analysis says which events, livetime, diffuse models and known sources there
    are.

    Parameters
    ----------
    extents : bool
        Whether form, position and size of the extended sources that fermiml found are free; those
        of other catalogs, and of sources that the analysis has already, stay as they are.

    Examples
    --------
    >>> from fermiml import LikelihoodFit
    >>> fitted = LikelihoodFit("fermipy").run("ml.fits", "analysis.yaml")
    """

    name = rows.ENGINE
    summary = "the Fermitools, through a fermipy analysis"
    reads_cubes = False

    def __init__(self, *, extents: bool = True):
        self._extents = schema.flag("extents", extents)

    def fit(self, catalog: SourceCatalog, data: Any) -> SourceCatalog:
        """Fit the sources of a catalog in an analysis.

        Sources already in the ROI's model get its TS and spectrum; the others are added, fitted
        together and localized. Rows outside the ROI are returned unchanged.

        Parameters
        ----------
        catalog : SourceCatalog
        data : path or GTAnalysis
            The YAML of an analysis, a folder with one, or an analysis that is set up and stays as
            the fit leaves it.
        """
        gta = data if hasattr(data, "roi") else _analysis(data)
        engine.check_pixels(gta)
        seeds = seeding.sort_out(catalog, gta, _SETTINGS)
        in_roi = gta.geom.to_image().contains(catalog.positions)
        seeds.status[(seeds.status == decisions.WAITING) & ~in_roi] = decisions.OUTSIDE
        seeding.add_extended(gta, seeds, _SETTINGS, log.info)
        trial = seeding.try_all(gta, seeds, _SETTINGS, log.info)
        seeding.localize_all(trial, seeds, log.info)
        seeding.add_all(gta, trial, seeds, _SETTINGS, log.info)
        if self._extents:
            extended_seeds.fit_extents(gta, seeds, _SETTINGS, log.info)
        seeding.finish(gta, seeds, _SETTINGS, log.info)
        for row in seeds.rows(decisions.FAILED):
            log.warning("%s was left out: %s", seeds.names([row])[0], seeds.reason[row])
        return outputs.filled(gta, seeds)


def fit(catalog, counts):
    """Fit as fermiml 0.1 did: use `fermiml.LikelihoodFit` instead."""
    moved.warn("fermiml.fermipy.catalog_fit.fit", 'fermiml.LikelihoodFit("fermipy")')
    return FermipyEngine().fit(catalog, counts)


def _analysis(data):
    """Set up and optimize the analysis of a YAML file or a folder."""
    config = configuration(data)
    engine.require()
    from fermiml.fermipy.analysis import GTAnalysis

    gta = GTAnalysis(str(config))
    engine.check_pixels(gta)  # before the setup, which takes minutes
    gta.setup()
    gta.optimize()
    return gta


def configuration(counts):
    """Return the YAML file of the analysis that COUNTS is: itself, or the first one in a folder."""
    found = _candidates(counts) if isinstance(counts, str | PathLike) else []
    for candidate in found:
        if candidate.suffix in (".yaml", ".yml") and is_config(read_yaml(candidate)):
            return candidate
    raise InputError(
        f"{counts}: --engine fermipy needs the YAML of a fermipy analysis, or a folder with one. "
        "A counts cube alone does not say which events, livetime and diffuse models belong to "
        "it: write them into a copy of config/fermipy_ml_seed.yaml, or use --engine gammapy"
    )


def _candidates(path):
    path = Path(path).expanduser()
    return sorted([*path.glob("*.yaml"), *path.glob("*.yml")]) if path.is_dir() else [path]
