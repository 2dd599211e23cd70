"""`fermiml compare`: a network and traditional detection on the same data."""

import click

from fermiml.cli.base import Command, jobs_options
from fermiml.cli.counts import counts_options, model_option, read_counts


@click.command(cls=Command)
@click.argument("counts", type=click.Path())
@counts_options
@click.option("--galdiff", metavar="F", help="Model of the Galaxy (gll_iem, a MapCube).")
@click.option("--iso", metavar="F", help="Isotropic spectrum (iso_*.txt).")
@click.option("--catalog", metavar="CAT", help="Detections to compare instead of a network run.")
@model_option
@click.option(
    "--background-alt", multiple=True, metavar="F",
    help="Second diffuse model: expected counts (repeat it, one for each component), or a MapCube.",
)  # fmt: skip
@click.option(
    "--known", metavar="CAT",
    help="Catalog of known sources, to report which are found; by default rows of real data only "
    "get the names of 4FGL-DR4.",
)  # fmt: skip
@click.option(
    "--ts", type=float, default=25.0, show_default=True, metavar="TS",
    help="Minimum TS in the final fit for a detection.",
)  # fmt: skip
@jobs_options("Regions to fit")
@click.option(
    "-o", "--output", default="compare", show_default=True, type=click.Path(),
    help="Folder for tables, figures and the HTML page.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace a comparison in that folder.")
def compare(
    counts, galdiff, iso, catalog, model, background_alt, known, ts, jobs, output, overwrite,
    **options,
):  # fmt: skip
    """Compare a network with TS maps, both applied to COUNTS.

    All sources that either detects are fitted together.

    \b
    The output folder contains
    compare.fits   all sources, the method that found each, and their TS in one likelihood
    compare.txt    the same as text, with a summary
    ml.fits, traditional.fits   the two lists before the fit
    compare.html   a page for a browser: map, table, figures
    *.png          the figures

    COUNTS and the background are given as for `fermiml fit`. An interrupted run resumes when the
    command is repeated.
    """  # fmt: skip
    from fermiml.catalog.catalog import SourceCatalog
    from fermiml.catalog.names import known_names
    from fermiml.compare.comparison import Comparison
    from fermiml.executors import shared_executor
    from fermiml.report import comparison_folder as report

    folder = report.check_folder(output, overwrite)
    found, others = (SourceCatalog.read(c) if c else None for c in (catalog, known))
    second = background_alt[0] if len(background_alt) == 1 else list(background_alt) or None
    with shared_executor(jobs) as jobs:
        comparison = Comparison(
            detector=_detector(model, found, jobs), galdiff=galdiff, iso=iso,
            background_alt=second, known=others, threshold=ts, jobs=jobs, cache=folder / "cache",
        )  # fmt: skip
        cube = read_counts(counts, **options)
        result = comparison.run(cube, found)
    if known is None and not cube.simulated:
        result.catalog = result.catalog.associate(known_names())
    report.write(result, folder, overwrite=overwrite)
    for what, text in report.summary(result):
        click.echo(f"{what + ':':<28}{text}")
    click.echo(f"{folder}: compare.html, compare.fits and more")


def _detector(model, catalog, jobs):
    if model is None or catalog is not None:
        return None
    from fermiml.detect.detector import SourceDetector

    return SourceDetector.from_pretrained(model, jobs=jobs)
