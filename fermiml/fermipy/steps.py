"""The analysis that a YAML describes, step by step, for those who write no script."""

import logging
from contextlib import contextmanager
from pathlib import Path

from fermiml.errors import FermimlError, InputError
from fermiml.fermipy import engine, find_sources_comparison
from fermiml.fermipy.options import check_section
from fermiml.sky.read.fermipy_folder import is_config
from fermiml.wording import counted
from fermiml.yamlfile import read_yaml

log = logging.getLogger(__name__)


def _write(gta):
    gta.write_roi("fermiml", make_plots=False)


STEPS = {
    "setup": lambda gta: gta.setup(),
    "optimize": lambda gta: gta.optimize(),
    "ml_seed": lambda gta: gta.ml_seed(),
    "find_sources": lambda gta: gta.find_sources(),
    "write": _write,
}


def parse(text):
    """Parse the steps in a text like setup,ml_seed."""
    steps = [part.strip() for part in text.split(",") if part.strip()]
    unknown = [step for step in steps if step not in STEPS]
    if unknown or not steps:
        raise InputError(
            f"--steps {text}: unknown step {', '.join(unknown) or '(none)'}; "
            f"known are {', '.join(STEPS)}"
        )
    if steps[0] != "setup":
        raise InputError(f"--steps {text}: begin with setup (it is quick where its files exist)")
    return steps


def run(path, steps):
    """Run the steps; return the analysis and the result of each step by name."""
    path = Path(path).expanduser()
    read_config(path)
    engine.require()
    from fermiml.fermipy.analysis import GTAnalysis

    with _one_line(path, "the configuration"):
        gta = GTAnalysis(str(path))
        if "ml_seed" in steps:
            engine.check_pixels(gta)
    results = {}
    for step in steps:
        log.info("%s", step)
        with _one_line(path, step):
            results[step] = STEPS[step](gta)
    return gta, results


def report(result, folder):
    """Report in lines of text what `ml_seed` found, and where its files are.

    That is fermipy's outdir: with `usescratch` the working folder is gone afterwards.
    """
    new = [peak for peak in result["peaks"] if peak["status"] == "new"]
    if "compare" in result:
        lines = find_sources_comparison.report(result["compare"]).split("\n")
    else:
        lines = [f"{p['name']}  TS {p['ts']:.1f}  ML_Prob {p['ml_prob']:.2f}" for p in new]
    return [*lines, f"{folder}: {counted(len(new), 'new source')}"]


def read_config(path):
    """Read the YAML file of an analysis, and check what can be checked without the Fermitools."""
    if not path.is_file():
        raise InputError(f"{path}: no such file (the YAML of a fermipy analysis)")
    config = read_yaml(path)
    if not is_config(config):
        raise InputError(f"{path}: is not a fermipy configuration (no sections binning, selection)")
    try:
        check_section(config.get("ml_seed", {}))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return config


@contextmanager
def _one_line(path, step):
    """Turn errors of fermipy, which has no type of its own for them, into one line."""
    try:
        yield
    except FermimlError:
        raise
    except Exception as error:
        text = error.args[0] if isinstance(error, KeyError) else error  # without its quotes
        text = " ".join(str(text).split())
        if " " not in text:  # as of a KeyError, which says no more than the key
            text = f"{type(error).__name__} {text}".strip()
        raise InputError(f"{path}: {step}: {text}") from error
