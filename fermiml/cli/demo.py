"""`fermiml demo`: everything at once, on a simulated field."""

import click

from fermiml.cli.base import Command, jobs_options


@click.command(cls=Command)
@click.option(
    "-o", "--output", default="fermiml-demo", show_default=True, type=click.Path(),
    help="Folder for everything.",
)  # fmt: skip
@jobs_options("Regions that are fitted", default="2")
@click.option("--overwrite", is_flag=True, help="Replace a demonstration in that folder.")
def demo(output, jobs, overwrite):
    """Simulate a field of sky, find its sources with a network and with TS maps, fit all of them.

    The model of the diffuse emission lacks structure that the simulated data have, as any model of
    the real sky does, and the truth is known: so it can be seen which sources are real.

    Needs no data and no network connection; about two minutes. The folder gets pictures, a report,
    catalogs and regions, and the field itself as LAT files to try the other commands on.
    """
    from pathlib import Path

    from fermiml import demo as demonstration

    result = demonstration.run(output, jobs=jobs, overwrite=overwrite)
    click.echo(demonstration.story(result) + "\n")
    for name, what in demonstration.WRITTEN.items():
        click.echo(f"{Path(output) / name!s:<34}  {what}")
