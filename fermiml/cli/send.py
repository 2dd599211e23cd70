"""`fermiml send`: a catalog to a running TOPCAT or ds9."""

import click

from fermiml.cli.base import Command
from fermiml.wording import counted


@click.command(cls=Command)
@click.argument("catalog", type=click.Path())
def send(catalog):
    """Send CATALOG over SAMP to TOPCAT, ds9 or Aladin."""
    from pathlib import Path

    from fermiml.catalog import samp
    from fermiml.catalog.catalog import SourceCatalog

    sources = SourceCatalog.read(catalog)
    receivers = samp.send(sources, title=Path(catalog).stem)
    click.echo(f"{counted(len(sources), 'source')} sent to {', '.join(receivers)}")
