"""Methods run on the fields of simulated skies, and scored."""

import itertools
import logging
import math
import time
from dataclasses import dataclass
from pathlib import Path

from fermiml import tasks
from fermiml.errors import FermimlError
from fermiml.evaluate import benchmark
from fermiml.evaluate.methods import is_empty
from fermiml.evaluate.scores import FalseScores, MethodScores
from fermiml.executors import open_executor
from fermiml.simulate import mask_file
from fermiml.simulate.read_fields import fields_of, read_sky

log = logging.getLogger(__name__)


def judge_all(methods, label, folder, *, cached=False, deadline=math.inf, jobs=1):
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
    jobs : int, str or Executor
        Processes for the fields, or a cluster (see `fermiml.executors`).

    Returns
    -------
    dict
        Method -> {field: `benchmark.Judged`}; field by field, so that a part of it is balanced.
    """
    pieces = [JudgeTask(methods[name], name, label, field, cached)
              for field in fields_of(folder) for name in methods]  # fmt: skip
    in_time = itertools.takewhile(lambda _: time.monotonic() <= deadline, pieces)
    with open_executor(jobs, most=len(pieces)) as executor:
        found = tasks.run(judge_task, in_time, executor, count=len(pieces), what="field")
    judged = {name: {} for name in methods}
    for piece, result in zip(pieces, found, strict=True):
        if isinstance(result, benchmark.Judged):
            judged[piece.name][piece.field.name] = result
    for name, fields in judged.items():
        failed = [result for piece, result in zip(pieces, found, strict=True)
                  if piece.name == name and isinstance(result, tasks.Failure)]  # fmt: skip
        if failed and not fields:
            raise FermimlError(f"{name} failed in all {len(failed)} fields ({failed[0]})")
    return judged


@dataclass(frozen=True)
class JudgeTask:
    """A method and a field."""

    method: object
    name: str
    label: str
    field: Path
    cached: bool


def judge_task(task):
    """Compare a method's catalog of a field with its truth; None if it would have to be made."""
    result = judge_field(task.method, task.label, task.field, task.cached)
    if result is not None:
        seconds = result.spent.get("seconds")
        spent = "" if seconds is None else f", {seconds:.1f} s"
        log.info("%s %s %s: %d sources%s", task.label, task.field.name, task.name,
                 len(result.catalog), spent)  # fmt: skip
    return result


def judge_field(chosen, label, folder, cached=False):
    """Compare a method's catalog of a field with its truth; None if it would have to be made."""
    _, _, lowest = label.partition(">")
    sky = read_sky(folder, chosen.background, float(lowest) if lowest else None)
    name = f"{label.replace('>', '_above_')}_{folder.name}"
    if cached and not chosen.has(sky, name):
        return None
    catalog, spent = chosen.find(sky, name)
    pixels, instances = (getattr(chosen, kind, None) for kind in ("pixels", "instances"))
    masks = None if lowest else mask_file.read_of(folder)
    return benchmark.judge(
        catalog, sky, spent, pixels and pixels(sky, name, cached),
        masks and instances and instances(sky, name, masks, cached),
    )  # fmt: skip


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
