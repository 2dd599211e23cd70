"""`fermiml train`: networks from simulated fields."""

import click

from fermiml.cli.base import Command


@click.command(cls=Command)
@click.argument("config", type=click.Path())
@click.option("-o", "--output", required=True, type=click.Path(), help="Folder for the network.")
@click.option("--from", "start", metavar="MODEL", help="Start from the weights of this network.")
def train(config, output, start):
    """Train the network described by CONFIG (YAML).

    The training fields are made by `fermiml simulate` with a section `training`. A checkpoint is
    written after every epoch, from which an interrupted run resumes when the command is repeated.
    With `selection.skies`, calibration and threshold are determined on these simulated skies.
    """
    from fermiml import Trainer

    trainer = Trainer(config, start)
    trainer.run(output)
    calibrated = trainer.recipe["selection"]["skies"] is not None
    click.echo(f"{output}: trained" + (" and calibrated" if calibrated else ""))
