"""`fermiml fit`: a likelihood for the sources of a catalog."""

import click

from fermiml.cli.base import Command, catalog_output
from fermiml.cli.counts import counts_options, read_counts


@click.command(cls=Command)
@click.argument("catalog", type=click.Path())
@click.argument("counts")
@counts_options
@click.option("--galdiff", metavar="F", help="Model of the Galaxy (gll_iem, a MapCube).")
@click.option("--iso", metavar="F", help="Isotropic spectrum (iso_*.txt).")
@click.option(
    "--known",
    metavar="CAT",
    help="More sources for the model, e.g. 4FGL: also those outside the data.",
)
@click.option(
    "--engine",
    type=click.Choice(["gammapy", "fermipy"]),
    default="gammapy",
    show_default=True,
    help="What fits; fermipy needs the Fermitools.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Regions that are fitted at the same time.",
)
@catalog_output("fit.fits")
def fit(catalog, counts, galdiff, iso, known, engine, jobs, output, overwrite, **options):
    """Fit the sources of CATALOG to COUNTS: TS, positions, spectra, fluxes in bands.

    COUNTS: what `fermiml info` reads, best with --exposure and --psf; what is missing comes
    from the IRF that the header names. The background is --background (expected counts), or
    built from --galdiff and --iso, or else the coarse embedded model. An interrupted run goes
    on where it was when the command is repeated.
    """  # fmt: skip
    from pathlib import Path

    from fermiml.catalog.catalog import SourceCatalog
    from fermiml.errors import InputError
    from fermiml.files import check_new
    from fermiml.likelihood import gammapy_engine
    from fermiml.likelihood.parts import Parts

    if engine == "fermipy":
        raise InputError("--engine fermipy is not there yet; use gammapy")
    check_new(output, overwrite)
    sources = SourceCatalog.read(catalog)
    others = None if known is None else SourceCatalog.read(known)
    cube = read_counts(counts, **options)
    parts = Path(output).expanduser().with_suffix(".parts")
    result = gammapy_engine.fit(
        sources, cube, known=others, galdiff=galdiff, iso=iso, jobs=jobs, parts=parts
    )
    result.write(output, overwrite=overwrite)
    Parts(parts).forget()
    table = result.table
    fitted = int((table["TS_Engine"] != "").sum())
    click.echo(f"{output}: {fitted} of {len(table)} sources fitted, "
               f"{int((table['TS'] > 25).sum())} with TS > 25")  # fmt: skip
