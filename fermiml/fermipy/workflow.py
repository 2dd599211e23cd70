"""What `ml_seed` does, step by step: detect, try, localize, add, fit extents, refit, write."""

import time

from fermiml.fermipy import (
    decisions,
    engine,
    extended_seeds,
    outputs,
    seed_light_curves,
    seeding,
)


def run(gta, prefix, config, say):
    """Detect, try, localize, add, fit extents, refit, write; return what `ml_seed` returns.

    An error or an interrupt (Ctrl-C) leaves the model as it was.
    """
    timed = seed_light_curves.read(gta, config["time_bins"]) if config["time"] else None
    start = engine.parameters(gta)
    try:
        result = _run(gta, config, say, start)
    except BaseException:
        engine.roll_back(gta, start)
        raise
    outputs.write(gta, result, prefix, config)
    if timed is not None and len(result["catalog"]):
        _add_light_curves(gta, result, timed)
        outputs.write(gta, result, prefix, config)
    return result


def _add_light_curves(gta, result, timed):
    """Measure light curves; the catalog without them is written before, in case they fail."""
    watch = Stopwatch()
    result["catalog"] = seed_light_curves.measure(gta, result["catalog"], timed)
    watch.lap("light curves")
    result["time"] |= watch.times


def _run(gta, config, say, start):
    watch = Stopwatch()
    seeds = _look(gta, config, say, watch)
    for _ in range(1, config["looks"]):
        more = _look(gta, config, say, watch, before=seeds)
        seeds.append(more)
    seeding.finish(gta, seeds, config, say)
    watch.lap("refit")
    engine.restore_freedom(gta, start)
    for row in seeds.rows(decisions.FAILED):
        say(f"{seeds.names([row])[0]} was left out: {seeds.reason[row]}")
    say(f"Finished: {_counted(seeds)}")
    result = outputs.collect(gta, seeds)
    result["time"] = watch.times
    return result


def _look(gta, config, say, watch, before=None):
    """Detect, try, localize, add, fit extents; a later look adds only what the model has not."""
    catalog = detect(gta, config, model=before is not None)
    watch.lap("detect")
    if before is not None:
        catalog = catalog.filter(~before.has(catalog))
    skydir, minmax = config["search_skydir"], config["search_minmax_radius"]
    seeds = seeding.sort_out(catalog, gta, config, skydir, minmax)
    if before is not None:
        seeds = seeds.take(seeds.rows(decisions.WAITING))
    say(f"{len(seeds.catalog)} {'more ' * (before is not None)}seeds: {_counted(seeds)}")
    seeding.add_extended(gta, seeds, config, say)
    trial = seeding.try_all(gta, seeds, config, say)
    watch.lap("fit")
    if config["localize"]:
        seeding.localize_all(trial, seeds, say)
        watch.lap("localize")
    seeding.add_all(gta, trial, seeds, config, say)
    watch.lap("fit")
    if config["extents"]:
        extended_seeds.fit_extents(gta, seeds, config, say)
        watch.lap("extents")
    return seeds


def detect(gta, config, model=False):
    """Detect sources in the counts with the network; `model` makes the model their background."""
    from fermiml.detect.detector import SourceDetector
    from fermiml.fermipy.data import cube_of
    from fermiml.networks.pretrained import DEFAULT
    from fermiml.sky.describe import response_lines

    cube = cube_of(gta, model)
    if not model:
        for line in response_lines(cube):
            gta.logger.info(line)
    detector = SourceDetector.from_pretrained(
        config["network"] or DEFAULT,
        localizer=config["localizer"],
        threshold=config["threshold"],
    )
    return detector.run(cube)


class Stopwatch:
    """Seconds by step."""

    def __init__(self):
        self.times, self._last = {}, time.time()

    def lap(self, name):
        """End a step, or another part of it."""
        now = time.time()
        self.times[name] = self.times.get(name, 0.0) + now - self._last
        self._last = now


def _counted(seeds):
    counts = {status: len(seeds.rows(status)) for status in dict.fromkeys(seeds.status)}
    return ", ".join(f"{count} {status}" for status, count in counts.items()) or "none"
