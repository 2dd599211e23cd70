"""`fermiml transients`: sources that shine for part of the time."""

import click

from fermiml.cli.base import Command, catalog_output, files_beside, jobs_options
from fermiml.cli.counts import counts_options, read_options, say_response


@click.command(cls=Command)
@click.argument("events", type=click.Path())
@counts_options
@click.option(
    "--scfile", metavar="F", help="Spacecraft file (FT2), for windows shorter than 60 days."
)
@click.option("--shortest", metavar="T", default="1d", show_default=True,
              help="Shortest window, such as 12h or 1d.")  # fmt: skip
@click.option("--longest", metavar="T", default="1yr", show_default=True,
              help="Longest window; each window is twice as long as the one before.")  # fmt: skip
@click.option(
    "--false-alarms", type=float, metavar="RATE",
    help="Accepted false alarms per deg2 and year.  [default: 1e-4, which is 0.1 in 10 x 10 deg "
    "over ten years]",
)  # fmt: skip
@click.option(
    "--catalog", metavar="CAT",
    help="Catalog of known sources, to name the rows; by default 4FGL-DR4, or none for simulated "
    "data. none: no names.",
)  # fmt: skip
@jobs_options("Parts of the field to search")
@catalog_output("transients.fits", "The catalog; a figure (.png) is written beside it.")
def transients(
    events, scfile, shortest, longest, false_alarms, catalog, jobs, output, overwrite, **options
):
    """Find sources in EVENTS that shine for part of the time.

    Such sources are novae and flares, for example. EVENTS is an FT1 file, or an @list of them. An
    interrupted run resumes when the command is repeated.
    """
    from fermiml.catalog import names
    from fermiml.catalog.catalog import SourceCatalog
    from fermiml.plot import style
    from fermiml.sky.read.dispatch import read_cube_and_events
    from fermiml.time import transients as search

    output, figure, folder = files_beside(output, overwrite, [events], ".png")
    known = SourceCatalog.read(catalog) if catalog not in (None, "none") else None
    settings = {"shortest": shortest, "longest": longest, "jobs": jobs}
    if false_alarms is not None:
        settings["false_alarms"] = false_alarms
    with search.held(folder) as parts:
        searcher = search.TransientSearch(**settings, parts=parts)
        cube, timed = read_cube_and_events(events, **read_options(**options))
        say_response(cube)
        found = searcher.run((cube, timed), scfile=scfile)
        if catalog is None and not cube.simulated:
            known = names.known_names()
        result = found.catalog if known is None else search.named(found.catalog, known)
        result.write(output, overwrite=overwrite)
        style.save(found.plot(), figure, overwrite)
        parts.forget()
    click.echo(f"{output}: {_count(result, found, searcher.false_alarms)}")


def _count(catalog, found, rate):
    """Count the rows, those that chance would make, and the known sources among them."""
    import numpy as np

    from fermiml.wording import counted

    known = int(np.isfinite(catalog.table["ASSOC_PROB_BAY"]).sum())
    text = counted(len(catalog), "transient")
    text += f" ({rate * found.area_time:.2g} expected by chance)"
    return f"{text}; {known} of known sources" if known else text
