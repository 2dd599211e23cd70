"""The method `ml_seed`, written like fermipy's own `find_sources`."""

import logging

from fermiml.errors import InputError
from fermiml.fermipy import engine, find_sources_comparison, seed_light_curves, workflow
from fermiml.fermipy.options import ML_SEED, check_arguments, check_spectrum


class MLSeed:
    """Mixin that adds `ml_seed` to `fermipy.gtanalysis.GTAnalysis`."""

    def ml_seed(self, prefix="", **kwargs):
        """Find sources with a neural network and fit them with the likelihood.

        The options are those of the section `ml_seed` of the configuration, which keyword
        arguments override; see `fermiml.fermipy.options`. Besides:

        Parameters
        ----------
        prefix : str
            Prepended to the names of the output files.
        search_skydir : SkyCoord
            Centre of the search region; None for everywhere.
        search_minmax_radius : list
            Least and largest angle (deg) from there; None leaves an end open.
        loglevel : int
            Of the messages about the progress.

        Returns
        -------
        dict
            `sources`: the new sources (objects of `gta.roi`); `peaks`: one dictionary for each
            seed, with its `status` and `reason`; `catalog`: a SourceCatalog of the new and the
            known; `time`: seconds by step; `file` and `file_new`: where the catalog and
            the new sources alone were written. With `compare`, `compare`: a table of both searches.
        """
        if self.like is None:
            raise InputError("ml_seed: call gta.setup() first")
        engine.check_pixels(self)
        check_arguments(kwargs)
        config = self._ml_seed_config(kwargs)
        check_spectrum(config)
        if config["time"]:
            seed_light_curves.check(self)
        say = _speaker(self.logger, config.pop("loglevel"))
        say("Starting.")
        if config["compare"]:
            result = find_sources_comparison.compare(self, prefix, config, say)
        else:
            result = workflow.run(self, prefix, config, say)
        say(f"Execution time: {sum(result['time'].values()):.2f} s")
        return result

    def _ml_seed_config(self, given):
        """Check and convert YAML and keyword arguments with fermipy's schema."""
        from astropy.coordinates import SkyCoord
        from fermipy.config import ConfigSchema

        schema = ConfigSchema(dict(ML_SEED))
        schema.add_option("search_skydir", None, "", SkyCoord)
        schema.add_option("search_minmax_radius", [None, 1.0], "", list)
        schema.add_option("loglevel", logging.INFO)
        return schema.create_config(dict(self.config.get("ml_seed", {})), **given)


def _speaker(logger, level):
    def say(text):
        logger.log(level, text, stacklevel=2)

    return say
