"""`fermiml demo`: the whole chain on a simulated field."""

import click

from fermiml.cli.base import Command, jobs_options


@click.command(cls=Command)
@click.option(
    "-o", "--output", default="fermiml-demo", show_default=True, type=click.Path(),
    help="Folder for all outputs.",
)  # fmt: skip
@jobs_options("Regions to fit", default="2")
@click.option("--overwrite", is_flag=True, help="Replace a demonstration in that folder.")
def demo(output, jobs, overwrite):
    """Show the whole chain on a simulated field.

    A network and TS maps find its sources, which are then fitted. The diffuse model of the analysis
    lacks structure that the simulated data have, as is the case for real data. The truth is known,
    so the report shows which sources are real.

    Takes about two minutes; needs no data and no internet connection. The output folder contains
    figures, a report, catalogs and regions, and the field as LAT files for the other commands.
    """
    from pathlib import Path

    from fermiml import demo as demonstration

    result = demonstration.run(output, jobs=jobs, overwrite=overwrite)
    click.echo(demonstration.story(result) + "\n")
    for name, what in demonstration.WRITTEN.items():
        click.echo(f"{Path(output) / name!s:<34}  {what}")
