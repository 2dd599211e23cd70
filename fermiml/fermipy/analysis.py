"""fermipy's GTAnalysis with the method `ml_seed` and its section in the YAML."""

from pathlib import Path
from typing import ClassVar

from fermiml.errors import InputError
from fermiml.fermipy import engine, seed_light_curves
from fermiml.fermipy.mlseed import MLSeed
from fermiml.fermipy.options import ML_SEED, check_section
from fermiml.yamlfile import read_yaml

try:
    engine.require()
except InputError as missing:
    raise ImportError(str(missing)) from None  # what a script expects of an import

from fermipy import gtanalysis


class GTAnalysis(MLSeed, gtanalysis.GTAnalysis):
    """`fermipy.gtanalysis.GTAnalysis`, to which `MLSeed` adds `ml_seed`."""

    # Options in fermipy's own form, so that fermipy checks, fills and stores them.
    defaults: ClassVar = {**gtanalysis.GTAnalysis.defaults, "ml_seed": ML_SEED}

    def __init__(self, config, roi=None, **kwargs):
        for given in (_settings(config), kwargs):
            check_section(given.get("ml_seed", {}))
        super().__init__(config, roi, **kwargs)
        if self.config["ml_seed"]["time"]:
            seed_light_curves.check(self)

    def clone(self, config, **kwargs):
        """Clone the analysis (as a plain GTAnalysis, which has no `ml_seed`)."""
        config = {key: value for key, value in _settings(config).items() if key != "ml_seed"}
        return super().clone(config, **kwargs)

    def lightcurve(self, name, **kwargs):
        """Run fermipy's light curve; each bin is a plain GTAnalysis with this configuration."""
        section = self._config.pop("ml_seed")
        try:
            return super().lightcurve(name, **kwargs)
        finally:
            self._config["ml_seed"] = section


def _settings(config):
    """Return a configuration as a dictionary: fermipy takes one, or the path of a YAML file."""
    if isinstance(config, dict):
        return config
    path = Path(config)
    return (read_yaml(path) or {}) if path.is_file() else {}
