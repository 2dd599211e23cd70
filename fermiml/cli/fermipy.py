"""`fermiml fermipy`: the analysis that a fermipy YAML describes, with ml_seed."""

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
def fermipy(config, steps):
    """Run the fermipy analysis of CONFIG, a YAML with a section ml_seed.

    Needs the Fermitools. The results are fermipy's, in the folder that `fileio: outdir` names:
    ml_seed.fits (new and known sources in 4FGL's columns), ml_seed_new.fits (the new ones),
    ml_seed.npy and, after `write`, fermiml.fits, fermiml.npy and XML files.
    config/fermipy_ml_seed.yaml shows every option of ml_seed.
    """
    from fermiml.fermipy import steps as analysis

    gta, results = analysis.run(config, analysis.parse(steps))
    if "ml_seed" in results:
        for line in analysis.report(results["ml_seed"], gta.outdir):
            click.echo(line)
