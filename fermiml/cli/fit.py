"""`fermiml fit`: a likelihood for the sources of a catalog."""

import click

from fermiml.cli.base import Command, catalog_output, jobs_options
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
    metavar="NAME",
    default="gammapy",
    show_default=True,
    help="What fits: gammapy, fermipy (needs the Fermitools), or another package's.",
)
@jobs_options("Regions that are fitted")
@catalog_output("fit.fits")
def fit(catalog, counts, galdiff, iso, known, engine, jobs, output, overwrite, **options):
    """Fit the sources of CATALOG to COUNTS: TS, positions, spectra, fluxes in bands.

    COUNTS: what `fermiml info` reads, best with --exposure and --psf; what is missing comes
    from the IRF that the header names. The background is --background (expected counts), or
    built from --galdiff and --iso, or else the coarse embedded model. An interrupted run
    resumes when the command is repeated.

    With --engine fermipy, COUNTS is the YAML of a fermipy analysis or a folder with one.
    """  # fmt: skip
    from fermiml.catalog.catalog import SourceCatalog
    from fermiml.files import check_new
    from fermiml.likelihood.base import ENGINES

    check_new(output, overwrite, inputs=[counts])
    ENGINES.check(engine)
    sources = SourceCatalog.read(catalog)
    settings = {"galdiff": galdiff, "iso": iso, "known": known, "jobs": jobs}
    settings = {name: value for name, value in settings.items() if value is not None}
    result = _fitted(sources, counts, engine, settings, options, output, overwrite)
    table = result.table
    fitted = int((table["TS_Engine"] != "").sum())
    click.echo(f"{output}: {fitted} of {len(table)} sources fitted, "
               f"{int((table['TS'] > 25).sum())} with TS > 25")  # fmt: skip


def _fitted(sources, counts, engine, settings, options, output, overwrite):
    """Fit and write the catalog; finished parts of the fit are kept until it is written."""
    from pathlib import Path

    from fermiml.catalog.catalog import SourceCatalog
    from fermiml.likelihood.base import ENGINES, settings_of
    from fermiml.likelihood.likelihood_fit import LikelihoodFit
    from fermiml.likelihood.parts import held

    takes, reads_cubes = settings_of(engine), ENGINES.load(engine).reads_cubes
    if "jobs" not in takes and not isinstance(settings.get("jobs"), str):
        settings.pop("jobs", None)  # the result is the same
    _check_options(engine, takes, reads_cubes, settings, options)
    if "known" in settings:
        settings["known"] = SourceCatalog.read(settings["known"])
    data = read_counts(counts, **options) if reads_cubes else counts
    resumes = "parts" in takes
    folder = Path(output).expanduser().with_suffix(".parts") if resumes else None
    with held(folder) as kept:
        parts = {"parts": kept} if resumes else {}
        result = LikelihoodFit(engine, **settings, **parts).run(sources, data)
        result.write(output, overwrite=overwrite)
        if resumes:
            kept.forget()
    return result


def _check_options(engine, takes, reads_cubes, settings, options):
    """Refuse options that an engine does not take."""
    from fermiml.errors import InputError

    names = {"jobs": "cluster"}  # a number of jobs is never refused
    refused = [names.get(name, name) for name in settings if name not in takes]
    refused += [] if reads_cubes else [name for name, value in options.items() if value]
    if refused:
        names = ", ".join(f"--{name}" for name in refused)
        why = "takes no such option" if reads_cubes else "has that from COUNTS"
        raise InputError(f"{names}: --engine {engine} {why}")
