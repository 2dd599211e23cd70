"""`fermiml models`: the shipped networks."""

import click

from fermiml.cli.base import Command


@click.command(cls=Command)
@click.argument("name", required=False)
def models(name):
    """List the networks, or show the card of one: training, operating points, performance."""
    from fermiml.networks import get_architecture, pretrained

    if name:
        click.echo(pretrained.describe(name))
        return
    for each in pretrained.names():
        card = pretrained.card(each)
        mark = " (default)" if each == pretrained.DEFAULT else ""
        click.echo(f"{each:<14}{get_architecture(card['network']).SUMMARY}{mark}")
        for line in pretrained.headline(card):
            click.echo(f"{'':<14}{line}")
