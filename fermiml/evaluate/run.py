"""Methods run on the fields of simulated skies, and scored."""

import logging
import math
import time

from fermiml.evaluate import benchmark
from fermiml.evaluate.methods import is_empty
from fermiml.evaluate.scores import FalseScores, MethodScores
from fermiml.simulate.read_fields import fields_of, read_sky

log = logging.getLogger(__name__)


def judge_all(methods, label, folder, *, cached=False, deadline=math.inf):
    """Catalogs of all methods beside the truth of all fields.

    Parameters
    ----------
    methods : dict
        Name -> method (see `fermiml.evaluate.methods`).
    label : str
        Name of the set of fields; followed by ">10000" the same above 10 GeV.
    folder : path
        What `fermiml simulate` made.
    cached : bool
        Run nothing: take only what is there.
    deadline : float
        Time (`time.monotonic`) after which nothing is begun.

    Returns
    -------
    dict
        Method -> {field: `benchmark.Judged`}; field by field, so that a part of it is balanced.
    """
    judged = {name: {} for name in methods}
    for field in fields_of(folder):
        for name, chosen in methods.items():
            if time.monotonic() > deadline:
                return judged
            result = judge_field(chosen, label, field, cached)
            if result is not None:
                judged[name][field.name] = result
                seconds = result.spent.get("seconds")
                spent = "" if seconds is None else f", {seconds:.1f} s"
                log.info("%s %s %s: %d sources%s", label, field.name, name, len(result.catalog),
                         spent)  # fmt: skip
    return judged


def judge_field(chosen, label, folder, cached=False):
    """Compare a method's catalog of a field with its truth; None if it would have to be made."""
    _, _, lowest = label.partition(">")
    sky = read_sky(folder, chosen.background, float(lowest) if lowest else None)
    name = f"{label.replace('>', '_above_')}_{folder.name}"
    if cached and not chosen.has(sky, name):
        return None
    catalog, spent = chosen.find(sky, name)
    pixels = getattr(chosen, "pixels", None)
    return benchmark.judge(catalog, sky, spent, pixels and pixels(sky, name, cached))


def score(methods, judged):
    """Compute the `MethodScores` of every method."""
    common = set.intersection(*(set(fields) for fields in judged.values()))
    result = {}
    for name, fields in judged.items():
        if fields:
            own, shared = _score(methods[name], list(fields.values())), None
            if 0 < len(common) < len(fields):
                shared = _score(methods[name], [fields[field] for field in sorted(common)])
            result[name] = MethodScores(own, shared)
    return result


def _score(chosen, judged):
    if is_empty(judged):
        thresholds = sorted({*chosen.false_at, chosen.default})
        false = benchmark.false_sources(judged, thresholds)
        return FalseScores(len(judged), false)
    return benchmark.summary(judged, chosen.default)
