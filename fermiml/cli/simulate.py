"""`fermiml simulate`: skies with known truth."""

import click

from fermiml.cli.base import Command, jobs_options
from fermiml.wording import counted


@click.command(cls=Command)
@click.argument("config", type=click.Path())
@click.option("-o", "--output", required=True, type=click.Path(), help="The folder for the data.")
@jobs_options("Fields to simulate")
@click.option("--overwrite", is_flag=True, help="Replace another simulation in that folder.")
def simulate(config, output, jobs, overwrite):
    """Simulate the skies described by CONFIG (YAML).

    The files have the formats of the LAT tools. Each field has a folder with counts.fits,
    bexpmap.fits, psf.fits, background.fits, background_wrong.fits, truth.fits and sources.xml; a
    single one is written to -o itself. An interrupted run resumes when the command is repeated.
    """
    from fermiml import SkySimulator

    simulator = SkySimulator(config, jobs=jobs)
    made = simulator.run(output, overwrite=overwrite)
    kind = "training field" if simulator.makes_training_fields else "field"
    click.echo(f"{output}: {counted(len(made), kind)}")
