"""`fermiml simulate`: skies with known truth."""

import click

from fermiml.cli.base import Command


@click.command(cls=Command)
@click.argument("config", type=click.Path())
@click.option("-o", "--output", required=True, type=click.Path(), help="The folder for the data.")
@click.option("--overwrite", is_flag=True, help="Replace another simulation in that folder.")
def simulate(config, output, overwrite):
    """Simulate the skies that CONFIG (YAML) describes, in the formats of the LAT tools.

    Each field gets a folder with counts.fits, bexpmap.fits, psf.fits, background.fits,
    background_wrong.fits, truth.fits and sources.xml; a single one is written to -o itself.
    A run that was interrupted goes on where it was when the command is repeated.
    """
    from fermiml.simulate import sky_settings as configs

    settings = configs.read(config)
    if settings["training"] is not None:
        from fermiml.train.training_fields import store

        made, kind = store(settings, output, overwrite=overwrite), "training field"
    else:
        from fermiml.simulate.skies import simulate as run

        made, kind = run(settings, output, overwrite=overwrite), "field"
    click.echo(f"{output}: {len(made)} {kind}{'s' * (len(made) != 1)}")
