"""`fermiml fermipy`: the analysis that a fermipy YAML describes, with ml_seed."""

import logging
from contextlib import contextmanager

import click

from fermiml.cli.base import Command


@click.command(cls=Command)
@click.argument("config", type=click.Path())
@click.option(
    "--steps",
    default="setup,optimize,ml_seed,write",
    show_default=True,
    metavar="A,B,...",
    help="Of setup, optimize, ml_seed, find_sources, write; in this order they run.",
)
@click.pass_context
def fermipy(ctx, config, steps):
    """Run the fermipy analysis of CONFIG, a YAML with a section ml_seed.

    Needs the Fermitools. The results are fermipy's, in the folder that `fileio: outdir` names:
    ml_seed.fits (new and known sources in 4FGL's columns), ml_seed_new.fits (the new ones),
    ml_seed.npy and, after `write`, fermiml.fits, fermiml.npy and XML files.
    config/fermipy_ml_seed.yaml shows every option of ml_seed. Warnings of other libraries are in
    fermipy's log, and on the screen with -v.
    """
    from fermiml.fermipy import steps as analysis

    if ctx.obj["verbose"] or ctx.obj["debug"]:
        gta, results = analysis.run(config, analysis.parse(steps))
    else:
        with libraries_in_log():
            gta, results = analysis.run(config, analysis.parse(steps))
    if "ml_seed" in results:
        for line in analysis.report(results["ml_seed"], gta.outdir):
            click.echo(line)


class _FermipyLog(logging.Handler):
    """Passes records on to the log file that fermipy has opened for its analysis, if it has."""

    def emit(self, record):
        for handler in logging.getLogger("GTAnalysis").handlers:
            if isinstance(handler, logging.FileHandler):
                handler.handle(record)


@contextmanager
def libraries_in_log():
    """Write warnings and messages of other libraries into fermipy's log, not on the screen."""
    from astropy import log as astropy_log

    root, own = logging.getLogger(), astropy_log.handlers[:]
    to_log = _FermipyLog()
    root.addHandler(to_log)  # astropy's messages arrive here, too
    astropy_log.handlers.clear()
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        astropy_log.handlers.extend(own)
        root.removeHandler(to_log)
