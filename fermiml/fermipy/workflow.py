"""What `ml_seed` does, step by step: detect, add, localize, refit, write."""

import time

from fermiml.fermipy import decisions, engine, outputs, seeding


def run(gta, prefix, config, say):
    """Detect, add, localize, refit, write; returns what `ml_seed` returns.

    An error or an interrupt (Ctrl-C) leaves the model as it was.
    """
    start = engine.parameters(gta)
    try:
        result = _run(gta, config, say)
    except BaseException:
        engine.roll_back(gta, start)
        raise
    outputs.write(gta, result, prefix, config)
    return result


def _run(gta, config, say):
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
        localized = seeding.localize_all(gta, seeds, say)
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
    return result


def detect(gta, config):
    """The network's catalog of the analysis's counts."""
    from fermiml.detect.detector import SourceDetector
    from fermiml.fermipy.data import cube_of
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


def _counted(seeds):
    counts = {status: len(seeds.rows(status)) for status in dict.fromkeys(seeds.status)}
    return ", ".join(f"{count} {status}" for status, count in counts.items()) or "none"
