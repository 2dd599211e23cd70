"""`fermiml report`: a page for the browser."""

import click

from fermiml.cli.base import Command
from fermiml.cli.counts import check_inside, counts_options, read_counts
from fermiml.wording import counted


@click.command(cls=Command)
@click.argument("catalog", type=click.Path())
@click.argument("counts", type=click.Path())
@counts_options
@click.option("--known", metavar="CAT", help="Catalog of known sources, shown as crosses.")
@click.option("--title", help="Heading; by default the name of CATALOG.")
@click.option(
    "-o", "--output", default="report.html", show_default=True, type=click.Path(), help="The page."
)
@click.option("--overwrite", is_flag=True, help="Replace an existing page.")
def report(catalog, counts, known, title, output, overwrite, **options):
    """Make an HTML page of the sources of CATALOG in COUNTS.

    Map and table are interactive; the page loads nothing from the internet and can be sent as a
    file. The map shows the counts, their significance, the residuals of the fitted sources, and
    the heatmap of the network named in CATALOG.
    """
    from pathlib import Path

    from fermiml.catalog.catalog import SourceCatalog
    from fermiml.detect.finder import finder_of
    from fermiml.files import check_new, write_text
    from fermiml.report.catalog_page import page

    check_new(output, overwrite, [catalog, counts], [".html", ".htm"])
    sources = SourceCatalog.read(catalog)
    others = SourceCatalog.read(known) if known else None
    cube = read_counts(counts, **options)
    check_inside(sources, catalog, cube)
    text = page(
        cube, sources, title=title or Path(catalog).name, known=others, finder=finder_of(sources)
    )
    write_text(output, text, overwrite)
    click.echo(f"{output}: {counted(len(sources), 'source')}")
