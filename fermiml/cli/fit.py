"""`fermiml fit`: a likelihood for the sources of a catalog."""

import click

from fermiml.cli.base import Command, catalog_output, jobs_option
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
@jobs_option()
@catalog_output("fit.fits")
def fit(catalog, counts, galdiff, iso, known, engine, jobs, output, overwrite, **options):
    """Fit the sources of CATALOG to COUNTS: TS, positions, spectra, fluxes in bands.

    COUNTS: what `fermiml info` reads, best with --exposure and --psf; what is missing comes
    from the IRF that the header names. The background is --background (expected counts), or
    built from --galdiff and --iso, or else the coarse embedded model. An interrupted run goes
    on where it was when the command is repeated.

    With --engine fermipy, COUNTS is the YAML of a fermipy analysis or a folder with one.
    """  # fmt: skip
    models = {"galdiff": galdiff, "iso": iso, "known": known}
    from fermiml.catalog.catalog import SourceCatalog
    from fermiml.files import check_new

    check_new(output, overwrite, inputs=[counts])
    sources = SourceCatalog.read(catalog)
    if engine == "fermipy":
        result = _with_fermipy(sources, counts, {**options, **models})
        result.write(output, overwrite=overwrite)
    else:
        result = _with_gammapy(sources, counts, jobs, output, overwrite, models, options)
    table = result.table
    fitted = int((table["TS_Engine"] != "").sum())
    click.echo(f"{output}: {fitted} of {len(table)} sources fitted, "
               f"{int((table['TS'] > 25).sum())} with TS > 25")  # fmt: skip


def _with_fermipy(sources, counts, options):
    from fermiml.errors import InputError
    from fermiml.fermipy.catalog_fit import fit

    given = [f"--{name}" for name, value in options.items() if value]
    if given:
        raise InputError(f"{', '.join(given)}: with --engine fermipy the YAML says that")
    return fit(sources, counts)


def _with_gammapy(sources, counts, jobs, output, overwrite, models, options):
    from pathlib import Path

    from fermiml.catalog.catalog import SourceCatalog
    from fermiml.likelihood import gammapy_engine, parts

    known = models.pop("known")
    known = None if known is None else SourceCatalog.read(known)
    cube = read_counts(counts, **options)
    with parts.held(Path(output).expanduser().with_suffix(".parts")) as kept:
        result = gammapy_engine.fit(sources, cube, known=known, jobs=jobs, parts=kept, **models)
        result.write(output, overwrite=overwrite)
        kept.forget()
    return result
