"""All that a configuration names, run, scored and written."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from astropy.table import Table

from fermiml import __version__, notebook
from fermiml.checkpoint import claim
from fermiml.errors import InputError
from fermiml.evaluate import plan as plans
from fermiml.evaluate import run, tables
from fermiml.evaluate.methods import Given, method
from fermiml.evaluate.scores import MethodScores, plain
from fermiml.executors import check_jobs, shared_executor
from fermiml.files import write_json, write_text
from fermiml.simulate.read_fields import fields_of
from fermiml.yamlfile import take_settings


@dataclass(frozen=True, repr=False)
class EvaluationResult:
    """The scores of an evaluation.

    Attributes
    ----------
    sets : dict
        Name of a set of skies -> {method: `fermiml.evaluate.scores.MethodScores`}.
    folder : pathlib.Path
        Where they are written: scores.json, scores.md and figures.
    """

    sets: dict[str, dict[str, MethodScores]]
    folder: Path

    @property
    def table(self) -> Table:
        """Completeness at 95 % purity and at the default threshold: a row for each set of skies
        with sources, method and zone of latitude."""
        return tables.by_zone(self.sets)

    def markdown(self) -> str:
        """Format the tables of scores.md."""
        return tables.markdown(self.sets)

    def __repr__(self):
        methods = {name: None for scored in self.sets.values() for name in scored}
        return f"<EvaluationResult: {', '.join(methods)} on {', '.join(self.sets)}>"

    def _repr_html_(self):
        return notebook.table(*tables.headlines(self.sets), caption=tables.HEADLINE)


class Evaluation:
    """Scores networks, traditional detection and catalogs on skies with known truth.

    Parameters
    ----------
    plan : path or dict, optional
        A YAML file as for `fermiml evaluate`, or the contents of one: ``skies``, ``models``,
        ``background``, ``catalogs``, ``emin``, ``cache``.
    catalogs : dict, list of paths, or path, optional
        More catalogs to score, in addition to those of the plan.
    jobs : int, str or concurrent.futures.Executor, optional
        Processes for the fields, or a cluster (docs/scaling.md) that sees the same folders; by
        default FERMIML_JOBS, or one.
    **keys
        Keys of a plan, instead of a file. ``emin`` (MeV) is a number or a
        `~astropy.units.Quantity`.

    Raises
    ------
    InputError
        If the plan is invalid, or names nothing to score.

    Examples
    --------
    >>> from fermiml import Evaluation
    >>> result = Evaluation(skies="skies", models=["lat-best"]).run("scores")  # doctest: +SKIP
    >>> result.sets["skies"]["lat-best"].own.zones["all"].at_purity  # doctest: +SKIP
    """

    def __init__(
        self, plan: str | os.PathLike | Mapping | None = None, *, catalogs=None,
        jobs: int | str | Executor | None = None, **keys,
    ):  # fmt: skip
        self._jobs = check_jobs(jobs)
        self.plan = take_settings(plan, keys, plans.read, plans.check)
        self.plan["catalogs"] |= plans.check_catalogs(catalogs)
        if not self.plan["models"] and not self.plan["catalogs"]:
            raise InputError("nothing to evaluate: name models or catalogs, or give --catalog")

    def __repr__(self):
        names = [*self.plan["models"], *self.plan["catalogs"]]
        return f"<Evaluation: {', '.join(names)} on {', '.join(self.plan['skies'])}>"

    def run(
        self, output: str | os.PathLike, *, cached: bool = False, overwrite: bool = False
    ) -> EvaluationResult:
        """Run the methods on the skies, score them, write the results.

        Detections are cached, so the same call resumes an interrupted evaluation.

        Parameters
        ----------
        output : path
            Folder for scores.json, scores.md, figures, and (unless the plan names a `cache`) the
            cached detections.
        cached : bool
            Run nothing; score the cached detections.
        overwrite : bool
            Replace the scores of another plan in that folder.
        """
        output = Path(output).expanduser()
        methods = _methods(self.plan, Path(self.plan["cache"] or output / "cache"))
        replace = _leave if overwrite else None
        remedy = "--overwrite; what was found is kept"
        with claim(output, self.plan, replace=replace, remedy=remedy):
            return _evaluate(self.plan, methods, output, cached, self._jobs)


def evaluate(config, output, cached=False, overwrite=False):
    """Run an evaluation. Deprecated: use `fermiml.Evaluation(config).run(output)`."""
    warnings.warn("evaluate() is fermiml.Evaluation now", DeprecationWarning, stacklevel=2)
    return Evaluation(config).run(output, cached=cached, overwrite=overwrite).markdown()


def _leave(_folder, _found):
    """Other scores are written over."""


def _evaluate(config, methods, output, cached, jobs):
    end = "" if config["emin"] is None else f">{config['emin']:g}"
    results = {}
    with shared_executor(jobs) as jobs:
        for name, folder in config["skies"].items():
            judged = run.judge_all(methods, name + end, folder, cached=cached, jobs=jobs)
            results[name + end] = run.score(methods, judged)
    result = EvaluationResult(results, output)
    record = {"fermiml": __version__, "sets": plain(results)}
    write_json(output / "scores.json", record, overwrite=True)
    write_text(output / "scores.md", result.markdown(), overwrite=True)
    tables.draw(results, output)
    return result


def _methods(config, cache):
    for folder in config["skies"].values():
        fields_of(folder)  # what is not there shall be said before anything is run
    methods = {name: method(name, cache, config["background"]) for name in config["models"]}
    methods |= {name: Given(path) for name, path in config["catalogs"].items()}
    return methods
