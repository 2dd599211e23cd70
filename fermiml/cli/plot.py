"""`fermiml plot`: figures of a data set and its sources, or of one source."""

import click

from fermiml.cli.base import Command
from fermiml.cli.counts import check_inside, counts_options, read_counts


@click.command(cls=Command)
@click.argument("catalog", type=click.Path())
@click.argument("counts")
@counts_options
@click.option("--source", metavar="NAME", help="Draw the network input for this source.")
@click.option("--model", metavar="NAME", help="Network; by default the one named by ML_Model.")
@click.option("--names/--no-names", default=None, help="Write names beside the sources.")
@click.option(
    "-o", "--output", type=click.Path(),
    help="The figure (.png, .pdf, .svg); by default CATALOG.png, or with the source's name.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace an existing figure.")
def plot(catalog, counts, source, model, names, output, overwrite, **options):
    """Draw the sources of CATALOG on COUNTS.

    The figure shows counts, significance, residuals and heatmap. With --source, draw the network
    input for one source, so that you can judge a doubtful detection by eye: counts and significance
    in five bands, the heatmap, the photons on which the score depends, and the spectrum.
    """
    from pathlib import Path

    from fermiml.catalog.catalog import SourceCatalog
    from fermiml.detect.finder import DEFAULT, finder_of, load_finder
    from fermiml.files import check_new
    from fermiml.plot import style

    sources = SourceCatalog.read(catalog)
    number = None if source is None else sources.row_of(source)
    if output is None:
        name = "" if number is None else f"_{sources.table['Source_Name'][number]}"
        stem = Path(catalog).name.removesuffix(".gz").rpartition(".")[0]
        output = Path(catalog).with_name(f"{stem}{name.replace(' ', '_')}.png")
    check_new(output, overwrite, [catalog, counts], style.ENDINGS)
    finder = load_finder(model) if model else finder_of(sources, DEFAULT)
    cube = read_counts(counts, **options)
    check_inside(sources if number is None else sources[[number]], catalog, cube)
    figure = _figure(cube, sources, number, finder, names)
    style.save(figure, output, overwrite)
    click.echo(str(output))


def _figure(cube, sources, number, finder, names):
    from fermiml.detect.explain import explain
    from fermiml.detect.finder import views_for
    from fermiml.plot.explanation import plot_explanation
    from fermiml.plot.overview import plot_overview

    if number is None:
        return plot_overview(cube, sources, finder, names=names)
    explanation = explain(sources.positions[number], views_for(finder, cube), finder)
    return plot_explanation(explanation, sources, number)
