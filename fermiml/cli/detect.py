"""`fermiml detect`: from counts to a catalog."""

import click

from fermiml.cli.base import Command, catalog_output, jobs_options
from fermiml.cli.counts import counts_options, read_counts
from fermiml.files import check_new


@click.command(cls=Command)
@click.argument("counts", type=click.Path())
@counts_options
@click.option("--model", metavar="NAME", help="Network: one of `fermiml models`, or a folder.")
@click.option("--localizer", metavar="NAME", help="kmeans, log, dbscan, centroid, peaks, ...")
@click.option(
    "--threshold",
    type=float,
    metavar="P",
    help="Least ML_Prob; by default the network's point of 95 % purity.",
)
@click.option("--known", metavar="CAT", help="Catalog of known sources: rows get their names.")
@click.option("--no-photometry", is_flag=True, help="Only positions and probabilities.")
@jobs_options("Regions whose fluxes are measured", default="the usable cores")
@catalog_output("fermiml.fits")
def detect(
    counts, model, localizer, threshold, known, no_photometry, jobs, output, overwrite, **options
):  # fmt: skip
    """Find the sources in COUNTS and write a catalog in the columns of 4FGL.

    COUNTS is whatever `fermiml info` understands: a gtbin cube or map, a fermipy folder, a
    gammapy dataset, or events. An interrupted run resumes when the command is repeated.
    """  # fmt: skip
    check_new(output, overwrite, inputs=[counts])
    from pathlib import Path

    from fermiml import SourceCatalog, SourceDetector
    from fermiml.executors import shared_executor
    from fermiml.networks.pretrained import DEFAULT
    from fermiml.photometry.measure import held

    known = SourceCatalog.read(known) if known else None
    cube = read_counts(counts, **options)
    settings = {"localizer": localizer, "threshold": threshold, "photometry": not no_photometry}
    folder = None if no_photometry else Path(output).expanduser().with_suffix(".parts")
    with held(folder) as parts, shared_executor(jobs) as jobs:
        detector = SourceDetector.from_pretrained(
            model or DEFAULT, **settings, jobs=jobs, parts=parts
        )
        catalog = detector.run(cube)
        if known is not None:
            catalog = catalog.associate(known)
        catalog.write(output, overwrite=overwrite)
        if parts is not None:
            parts.forget()
    click.echo(f"{output}: {count(catalog)}")


def count(catalog):
    """Count the rows, the real sources expected among them, and those that photometry doubts."""
    import numpy as np

    from fermiml.catalog.flags import MLFlag

    number = len(catalog)
    real = float(catalog.table["ML_Prob"].sum()) if number else 0.0
    text = f"{number} source{'s' * (number != 1)}, of which {real:.1f} are expected to be real"
    low = int(np.sum(np.asarray(catalog.table["ML_Flags"] & MLFlag.LOW_TS) > 0))
    return f"{text}; {low} with TS < 9 in the photometry (bit 2 of ML_Flags)" if low else text
