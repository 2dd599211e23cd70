"""`fermiml evaluate`: measured performance of networks and catalogs."""

import click

from fermiml.cli.base import Command, jobs_options


@click.command(cls=Command)
@click.argument("config", type=click.Path())
@click.option("-o", "--output", required=True, type=click.Path(), help="Folder for the results.")
@click.option(
    "--catalog", "catalogs", multiple=True, metavar="CAT",
    help="Score this, too: a folder with FIELD.fits for each field, or one catalog of all fields, "
    "if they do not overlap. Repeat it for more.",
)  # fmt: skip
@jobs_options("Fields that are evaluated")
@click.option("--cached", is_flag=True, help="Run nothing; score what has been found so far.")
@click.option("--overwrite", is_flag=True, help="Replace other scores in that folder.")
def evaluate(config, output, catalogs, jobs, cached, overwrite):
    """Score what CONFIG (YAML) names on skies with known truth: networks, traditional
    detection, any catalogs.

    The skies come from `fermiml simulate`. Writes scores.json, scores.md and figures. What is
    found in a field is kept: an interrupted run resumes.
    """
    from fermiml import Evaluation

    evaluation = Evaluation(config, catalogs={_name(path): path for path in catalogs}, jobs=jobs)
    click.echo(evaluation.run(output, cached=cached, overwrite=overwrite).markdown())


def _name(path):
    from pathlib import Path

    return Path(path).name.removesuffix(".gz").removesuffix(".fits")
