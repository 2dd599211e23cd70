"""`fermiml fit --engine fermipy`: the sources of a catalog, fitted by the Fermitools."""

import logging
from pathlib import Path

from fermiml.errors import InputError
from fermiml.fermipy import decisions, engine, outputs, seeding
from fermiml.fermipy.options import ML_SEED
from fermiml.sky.read.fermipy_folder import is_config
from fermiml.yamlfile import read_yaml

log = logging.getLogger(__name__)
# As ml_seed adds seeds, but nothing is turned away.
_SETTINGS = {key: default for key, (default, _, _) in ML_SEED.items()} | {
    "sqrt_ts_threshold": 0.0, "min_separation": 0.0, "max_iter": 10**6,
}  # fmt: skip


def fit(catalog, counts):
    """Fit the sources of a catalog in the analysis that a fermipy YAML (or its folder) describes.

    Sources that the ROI's model has already get its TS and spectrum; the others are added,
    fitted together and localized. Rows outside the ROI come back as they are.
    """
    config = configuration(counts)
    engine.require()
    from fermiml.fermipy.analysis import GTAnalysis

    gta = GTAnalysis(str(config))
    gta.setup()
    gta.optimize()
    return fit_in(gta, catalog)


def fit_in(gta, catalog):
    """The same in an analysis that is set up."""
    seeds = seeding.sort_out(catalog, gta, _SETTINGS)
    in_roi = gta.geom.to_image().contains(catalog.positions)
    seeds.status[(seeds.status == decisions.WAITING) & ~in_roi] = decisions.OUTSIDE
    seeding.add_all(gta, seeds, _SETTINGS, log.info)
    localized = seeding.localize_all(gta, seeds, log.info)
    seeding.finish(gta, seeds, _SETTINGS, log.info)
    for row in seeds.rows(decisions.FAILED):
        log.warning("%s was left out: %s", seeds.names([row])[0], seeds.reason[row])
    return outputs.filled(gta, seeds, localized)


def configuration(counts):
    """The YAML of the analysis that COUNTS is: itself, or the first one in a folder."""
    path = Path(counts).expanduser()
    found = sorted([*path.glob("*.yaml"), *path.glob("*.yml")]) if path.is_dir() else [path]
    for candidate in found:
        if candidate.suffix in (".yaml", ".yml") and is_config(read_yaml(candidate)):
            return candidate
    raise InputError(
        f"{counts}: --engine fermipy needs the YAML of a fermipy analysis, or a folder with one. "
        "A counts cube alone does not say which events, livetime and diffuse models belong to "
        "it: write them into a copy of config/fermipy_ml_seed.yaml, or use --engine gammapy"
    )
