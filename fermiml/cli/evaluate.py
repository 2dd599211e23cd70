"""`fermiml evaluate`: measured performance of networks and catalogs."""

import click

from fermiml.cli.base import Command, jobs_options


@click.command(cls=Command)
@click.argument("config", type=click.Path())
@click.option("-o", "--output", required=True, type=click.Path(), help="Folder for the results.")
@click.option(
    "--catalog", "catalogs", multiple=True, metavar="CAT",
    help="Also score this: a folder with FIELD.fits for each field, or one catalog of all fields "
    "if they do not overlap. Repeatable.",
)  # fmt: skip
@jobs_options("Fields to evaluate")
@click.option("--cached", is_flag=True, help="Run nothing; score the cached detections.")
@click.option("--overwrite", is_flag=True, help="Replace other scores in that folder.")
def evaluate(config, output, catalogs, jobs, cached, overwrite):
    """Score networks and catalogs on skies with known truth.

    CONFIG (YAML) names the networks, the catalogs, traditional detection, and the skies, which are
    made by `fermiml simulate`. Writes scores.json, scores.md and figures. The detections in each
    field are cached, so an interrupted run resumes when the command is repeated.
    """
    from fermiml import Evaluation

    evaluation = Evaluation(config, catalogs={_name(path): path for path in catalogs}, jobs=jobs)
    click.echo(evaluation.run(output, cached=cached, overwrite=overwrite).markdown())


def _name(path):
    from pathlib import Path

    return Path(path).name.removesuffix(".gz").removesuffix(".fits")
