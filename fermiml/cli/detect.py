"""`fermiml detect`: from counts to a catalog."""

import click

from fermiml.cli.base import Command, catalog_output, jobs_options, quick_imports
from fermiml.cli.counts import (
    counts_options,
    network_options,
    read_counts_and_events,
    without_bodies,
)
from fermiml.files import FITS, check_new
from fermiml.wording import counted


@click.command(cls=Command)
@click.argument("counts", type=click.Path())
@counts_options
@network_options
@click.option(
    "--threshold",
    type=float,
    metavar="P",
    help="Minimum ML_Prob; by default that of the network for 95 % purity.",
)
@click.option(
    "--purity",
    type=float,
    metavar="F",
    help="Choose the threshold so that this fraction of the catalog is real; 0.95 by default.",
)
@click.option(
    "--known", metavar="CAT",
    help="Catalog of known sources, to name the rows; by default 4FGL-DR4, or none for simulated "
    "data. none: no names.",
)  # fmt: skip
@click.option(
    "--classes-by-position", is_flag=True,
    help="Classes from the Galactic latitude, too, not only from the spectrum.",
)  # fmt: skip
@click.option("--no-photometry", is_flag=True, help="Positions and probabilities only.")
@click.option("--no-extended", is_flag=True, help="Leave extended sources as points.")
@jobs_options("Regions to measure", default="the usable cores")
@catalog_output("fermiml.fits")
def detect(
    counts, model, localizer, threshold, purity, known, classes_by_position, no_photometry,
    no_extended, jobs, output, overwrite, **options,
):  # fmt: skip
    """Detect sources in COUNTS and write a catalog in 4FGL columns.

    COUNTS is any input of `fermiml info`: a gtbin cube or map, a fermipy folder, a
    gammapy dataset, or events. An interrupted run resumes when the command is repeated.
    """  # fmt: skip
    check_new(output, overwrite, [counts], FITS)
    from pathlib import Path

    with quick_imports():
        import numpy as np

        from fermiml import SourceCatalog, SourceDetector
        from fermiml.catalog import names
        from fermiml.executors import shared_executor
        from fermiml.networks.pretrained import DEFAULT
        from fermiml.photometry.measure import held
        from fermiml.sky.describe import obstacles

    others = SourceCatalog.read(known) if known not in (None, "none") else None
    cube, events = read_counts_and_events(counts, **options)
    if known is None and not cube.simulated:
        known, others = names.RELEASE, names.known_names()
    settings = {"localizer": localizer, "threshold": threshold, "purity": purity,
                "photometry": not no_photometry, "extended": not no_extended,
                "classes_by_position": classes_by_position}  # fmt: skip
    text = ""
    folder = None if no_photometry else Path(output).expanduser().with_suffix(".parts")
    with held(folder) as parts, shared_executor(jobs) as jobs:
        detector = SourceDetector.from_pretrained(
            model or DEFAULT, **settings, jobs=jobs, parts=parts
        )
        catalog = without_bodies(detector.run(cube), events, cube)
        if others is not None:
            catalog = catalog.associate(others)
            new = int(np.isnan(catalog.table["ASSOC_PROB_BAY"]).sum())
            text = f"; {new} not in {known}"
        catalog.write(output, overwrite=overwrite)
        if parts is not None:
            parts.forget()
    click.echo(f"{output}: {count(catalog)}{text}")
    if not len(catalog):
        for reason in obstacles(cube):
            click.echo(f"nothing can be found: {reason}")


def count(catalog):
    """Count the rows, the real sources expected among them, and those of low photometric TS."""
    import numpy as np

    from fermiml.catalog.flags import MLFlag

    number = len(catalog)
    real = float(catalog.table["ML_Prob"].sum()) if number else 0.0
    text = f"{counted(number, 'source')}, of which {real:.1f} are expected to be real"
    low = int(np.sum(np.asarray(catalog.table["ML_Flags"] & MLFlag.LOW_TS) > 0))
    return f"{text}; {low} with TS < 9 in the photometry (bit 2 of ML_Flags)" if low else text
