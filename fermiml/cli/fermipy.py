"""`fermiml fermipy`: the analysis described by a fermipy YAML, with ml_seed."""

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
    help="Steps, from setup, optimize, ml_seed, find_sources and write; they run in this order.",
)
@click.pass_context
def fermipy(ctx, config, steps):
    """Run a fermipy analysis with seeds from a network.

    CONFIG is the YAML of the analysis, with a section ml_seed. Needs the Fermitools. The results
    are in the folder named by `fileio: outdir`: ml_seed.fits (new and known sources in 4FGL
    columns), ml_seed_new.fits (the new ones), ml_seed.npy and, after `write`, fermiml.fits,
    fermiml.npy and XML files. config/fermipy_ml_seed.yaml shows every option of ml_seed. Warnings
    of other libraries are in fermipy's log; -v also prints them.
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
    """Passes records on to the log file of fermipy's analysis, once that is open."""

    def emit(self, record):
        for handler in logging.getLogger("GTAnalysis").handlers:
            if isinstance(handler, logging.FileHandler):
                handler.handle(record)


@contextmanager
def libraries_in_log():
    """Send warnings and messages of other libraries to fermipy's log, not to the screen."""
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
