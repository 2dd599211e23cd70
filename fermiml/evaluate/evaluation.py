"""All that a configuration names, run, scored and written."""

from pathlib import Path

from fermiml import __version__
from fermiml.checkpoint import claim
from fermiml.errors import InputError
from fermiml.evaluate import run, tables
from fermiml.evaluate.methods import Given, method
from fermiml.files import write_json, write_text
from fermiml.simulate.read_fields import fields_of


def evaluate(config, output, cached=False, overwrite=False):
    """Run the methods of a checked configuration on its skies, score them, write the results.

    Parameters
    ----------
    config : dict
        See `fermiml.evaluate.plan`.
    output : path
        Folder for scores.json, scores.md, figures, and (unless `cache` is set) what was found.
    cached : bool
        Run nothing; score what has been found so far.
    overwrite : bool
        Replace the scores of another configuration in that folder.

    Returns
    -------
    str
        The tables, in Markdown.
    """
    output = Path(output).expanduser()
    methods = _methods(config, Path(config["cache"] or output / "cache"))
    replace = _leave if overwrite else None
    with claim(output, config, replace=replace, remedy="--overwrite; what was found is kept"):
        return _evaluate(config, methods, output, cached)


def _leave(_folder, _found):
    """Other scores are written over."""


def _evaluate(config, methods, output, cached):
    end = "" if config["emin"] is None else f">{config['emin']:g}"
    results = {}
    for name, folder in config["skies"].items():
        judged = run.judge_all(methods, name + end, folder, cached=cached)
        results[name + end] = run.score(methods, judged)
    text = tables.markdown(results)
    write_json(output / "scores.json", {"fermiml": __version__, "sets": results}, overwrite=True)
    write_text(output / "scores.md", text, overwrite=True)
    tables.draw(results, output)
    return text


def _methods(config, cache):
    for folder in config["skies"].values():
        fields_of(folder)  # what is not there shall be said before anything is run
    methods = {name: method(name, cache, config["background"]) for name in config["models"]}
    methods |= {name: Given(path) for name, path in config["catalogs"].items()}
    if not methods:
        raise InputError("nothing to evaluate: name models or catalogs, or give --catalog")
    return methods
