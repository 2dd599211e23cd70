"""`fermiml info`: what a file is, what is known, what will be assumed."""

import click

from fermiml.cli.base import Command


@click.command(cls=Command)
@click.argument("file")
def info(file):
    """Say what FILE is, what is known about it and what will be assumed."""
