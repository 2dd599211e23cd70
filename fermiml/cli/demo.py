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
    """Simulate a field of sky, find its sources with a network and with a TS map, fit all of them.

    Needs no data and no network connection; about two minutes. The folder gets a catalog, regions,
    figures and a report, and the field itself as LAT files to try the other commands on.
    """
    from pathlib import Path

    from fermiml import demo as demonstration
    from fermiml.report.comparison_folder import summary

    result = demonstration.run(output, jobs=jobs, overwrite=overwrite)
    click.echo(demonstration.table(result) + "\n")
    for what, text in summary(result):
        click.echo(f"{what + ':':<28}{text}")
    click.echo()
    for name, what in demonstration.WRITTEN.items():
        click.echo(f"{Path(output) / name!s:<36}{what}")
