"""`fermiml train`: networks from simulated fields."""

import click

from fermiml.cli.base import Command


@click.command(cls=Command)
@click.argument("config", type=click.Path())
@click.option("-o", "--output", required=True, type=click.Path(), help="Folder for the network.")
@click.option("--from", "start", metavar="MODEL", help="Train on from this network's weights.")
def train(config, output, start):
    """Train the network that CONFIG (YAML) describes.

    The fields come from `fermiml simulate` with a section `training`. After every epoch a
    checkpoint is written: after an interruption the same command resumes there.
    With `selection.skies`, calibration and threshold are fixed on these simulated skies.
    """
    from fermiml import Trainer

    trainer = Trainer(config, start)
    trainer.run(output)
    calibrated = trainer.recipe["selection"]["skies"] is not None
    click.echo(f"{output}: trained" + (" and calibrated" if calibrated else ""))
