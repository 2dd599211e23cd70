"""`fermiml lightcurve`: light curves of the sources of a catalog."""

import click

from fermiml.cli.base import Command, catalog_output, files_beside, jobs_options
from fermiml.cli.counts import counts_options, read_options, say_response


@click.command(cls=Command)
@click.argument("catalog", type=click.Path())
@click.argument("events", nargs=-1, required=True)
@click.option(
    "--source", "names", multiple=True, metavar="NAME",
    help="Measure only this source; repeatable.",
)  # fmt: skip
@click.option(
    "--time-bins", metavar="BINS",
    help="For FT1: a number of intervals, yearly (default), monthly, or edges (dates, MJD or MET, "
    "separated by commas, or the name of a text file).",
)  # fmt: skip
@click.option(
    "--scfile", metavar="F", help="Spacecraft file (FT2), for intervals shorter than 60 days."
)
@counts_options
@click.option("--galdiff", metavar="F", help="Model of the Galaxy (gll_iem, a MapCube).")
@click.option("--iso", metavar="F", help="Isotropic spectrum (iso_*.txt).")
@click.option("--known", metavar="CAT", help="Catalog of more sources for the model, such as 4FGL.")
@click.option(
    "--systematic", type=click.FloatRange(0, 1), default=0.0, show_default=True, metavar="F",
    help="Systematic error of an interval, as a fraction of the flux, for the variability index.",
)  # fmt: skip
@jobs_options("Regions to measure")
@catalog_output(
    "lightcurve.fits", "The catalog; a figure (.png) and a table (.csv) are written beside it."
)
def lightcurve(
    catalog, events, names, time_bins, scfile, galdiff, iso, known, systematic, jobs, output,
    overwrite, **options,
):  # fmt: skip
    """Measure the light curves of the sources of CATALOG.

    Gives their fluxes in intervals of time, and their variability. EVENTS are FT1 files or an @list
    of them, or one counts cube for each interval (several files, an @list, a folder with fermipy's
    lightcurve_* folders). CATALOG is preferably the result of a fit to the whole time: positions
    and spectral shapes are fixed, and only norms are free. An interrupted run resumes when the
    command is repeated.
    """
    from fermiml.catalog.catalog import SourceCatalog
    from fermiml.sky.read.intervals import read_with_times
    from fermiml.time.curve_regions import held
    from fermiml.time.light_curve import LightCurve

    output, figure, table, folder = files_beside(
        output, overwrite, [catalog, *events], ".png", ".csv"
    )
    sources = SourceCatalog.read(catalog)
    settings = {"known": SourceCatalog.read(known) if known else None, "galdiff": galdiff,
                "iso": iso, "systematic": systematic, "jobs": jobs}  # fmt: skip
    options = read_options(**options)
    if scfile is not None:
        options["scfile"] = scfile
    data = events[0] if len(events) == 1 else list(events)
    cube = read_with_times(data, time_bins, **options)
    say_response(cube)
    with held(folder) as kept:
        result = LightCurve(parts=kept, **settings).run(sources, cube, list(names) or None)
        result.catalog.write(output, overwrite=overwrite)
        _write_beside(result, names, figure, table, overwrite)
        kept.forget()
    _tell(result, output, figure, table)


def _write_beside(result, names, figure, table, overwrite):
    """Write the figure of one source, or of all, and the table."""
    from fermiml.catalog.export import to_csv
    from fermiml.files import write_text
    from fermiml.plot import style
    from fermiml.plot.light_curves import plot_all

    drawn = result.plot(names[0]).figure if len(names) == 1 else plot_all(result.catalog)
    style.save(drawn, figure, overwrite)
    write_text(table, to_csv(result.table), overwrite=overwrite)


def _tell(result, output, figure, table):
    """Print a line for each of the most variable sources, and one for all."""
    import numpy as np

    from fermiml.time.variability import threshold

    rows = result.catalog.table[result.rows]
    counted = np.isfinite(rows["Flux_History"]).sum(axis=1)
    limits = np.array([threshold(count) for count in counted])
    variable = rows[rows["Variability_Index"] > limits]
    variable.sort("Variability_Index", reverse=True)
    for row in variable[:20]:
        click.echo(f"{row['Source_Name']}: index {row['Variability_Index']:.1f}, "
                   f"fractional variability {row['Frac_Variability']:.2f}, "
                   f"peak {row['Flux_Peak']:.2g} ph cm-2 s-1")  # fmt: skip
    count = rows["Flux_History"].shape[1]
    click.echo(f"{output}: {len(rows)} light curves of {count} intervals, {len(variable)} sources "
               f"vary (99 % confidence); also {figure.name}, {table.name}")  # fmt: skip
