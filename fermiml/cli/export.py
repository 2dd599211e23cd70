"""`fermiml export`: a catalog in other programs' formats."""

import click

from fermiml.cli.base import Command
from fermiml.wording import counted

FORMATS = ("ds9", "votable", "csv", "xml", "gammapy")


@click.command(cls=Command)
@click.argument("catalog", type=click.Path())
@click.option("--to", "form", required=True, type=click.Choice(FORMATS), help="The format.")
@click.option(
    "-o", "--output", type=click.Path(), help="The file; by default CATALOG with another extension."
)
@click.option(
    "--colour", type=click.Choice(["class", "match"]), default="class", show_default=True,
    help="Colour of ds9 regions: by ML_Class, or by whether the source is known.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
def export(catalog, form, output, colour, overwrite):
    """Write CATALOG in the format of another program.

    \b
    ds9      regions: 95 % error ellipses with name and significance
    votable  for Virtual Observatory programs, with units and UCDs
    csv      plain text, one line per source
    xml      source library for gtlike and fermipy
    gammapy  models in YAML
    """
    from pathlib import Path

    from fermiml.catalog import export as exports
    from fermiml.catalog.catalog import SourceCatalog
    from fermiml.files import check_new

    sources = SourceCatalog.read(catalog)
    if output is None:
        name = Path(catalog).name.removesuffix(".gz")
        output = Path(catalog).with_name(name).with_suffix(exports.ENDINGS[form])
    endings = [exports.ENDINGS[form], *exports.OTHER_ENDINGS.get(form, ())]
    check_new(output, overwrite, [catalog], endings)
    exports.export(sources, form, output, overwrite=overwrite, colour=colour)
    click.echo(f"{output}: {counted(len(sources), 'source')}")
