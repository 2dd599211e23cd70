"""The method `ml_seed`, written like fermipy's own `find_sources`."""

import logging
import time

from fermiml.fermipy import decisions, outputs, seeding
from fermiml.fermipy.options import ML_SEED, check_arguments
from fermiml.likelihood import fermipy_engine as engine


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
            known; `time`: seconds by step; `file`: where the catalog was written. With
            `compare`, `compare`: a table of both searches.
        """
        check_arguments(kwargs)
        config = self._ml_seed_config(kwargs)
        say = _speaker(self.logger, config.pop("loglevel"))
        say("Starting.")
        if config["compare"]:
            from fermiml.fermipy.comparison import compare

            result = compare(self, prefix, config, say)
        else:
            result = run(self, prefix, config, say)
        say(f"Execution time: {sum(result['time'].values()):.2f} s")
        return result

    def _ml_seed_config(self, given):
        """YAML and keyword arguments, checked and converted by fermipy's schema."""
        from astropy.coordinates import SkyCoord
        from fermipy.config import ConfigSchema

        schema = ConfigSchema(dict(ML_SEED))
        schema.add_option("search_skydir", None, "", SkyCoord)
        schema.add_option("search_minmax_radius", [None, 1.0], "", list)
        schema.add_option("loglevel", logging.INFO)
        return schema.create_config(dict(self.config.get("ml_seed", {})), **given)


def run(gta, prefix, config, say):
    """Detect, add, localize, refit, write; returns what `ml_seed` returns."""
    watch = Stopwatch()
    catalog = detect(gta, config)
    watch.lap("detect")
    skydir, minmax = config["search_skydir"], config["search_minmax_radius"]
    seeds = seeding.sort_out(catalog, gta, config, skydir, minmax)
    say(f"{len(catalog)} seeds: {_counted(seeds)}")
    freedom = engine.parameters(gta)
    seeding.add_all(gta, seeds, config, say)
    watch.lap("fit")
    localized = []
    if config["localize"]:
        localized = seeding.localize_all(gta, seeds, say, write_fits=False, write_npy=False)
        watch.lap("localize")
    seeding.finish(gta, seeds, config, say)
    watch.lap("refit")
    engine.restore_freedom(gta, freedom)
    for row in range(len(catalog)):
        if seeds.status[row] == decisions.FAILED:
            say(f"{seeds.names([row])[0]} was left out: {seeds.reason[row]}")
    say(f"Finished: {_counted(seeds)}")
    result = outputs.collect(gta, seeds, localized)
    result["time"] = watch.times
    outputs.write(gta, result, prefix, config)
    return result


def detect(gta, config):
    """The network's catalog of the analysis's counts."""
    from fermiml.detect.detector import SourceDetector
    from fermiml.fermipy.cube import cube_of
    from fermiml.networks.pretrained import DEFAULT

    detector = SourceDetector.from_pretrained(
        config["network"] or DEFAULT,
        localizer=config["localizer"],
        threshold=config["threshold"],
    )
    return detector.run(cube_of(gta))


class Stopwatch:
    """Seconds by step."""

    def __init__(self):
        self.times, self._last = {}, time.time()

    def lap(self, name):
        """Ends the step that this names."""
        now = time.time()
        self.times[name], self._last = now - self._last, now


def _speaker(logger, level):
    def say(text):
        logger.log(level, text, stacklevel=2)

    return say


def _counted(seeds):
    counts = {status: len(seeds.rows(status)) for status in dict.fromkeys(seeds.status)}
    return ", ".join(f"{count} {status}" for status, count in counts.items()) or "none"
