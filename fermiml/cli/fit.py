"""`fermiml fit`: a likelihood fit of the sources of a catalog."""

import logging

import click

from fermiml.cli.base import Command, catalog_output, jobs_options
from fermiml.cli.counts import check_inside, counts_options, position, read_counts
from fermiml.wording import counted

log = logging.getLogger(__name__)


@click.command(cls=Command)
@click.argument("catalog", metavar="[CATALOG]", type=click.Path())
@click.argument("counts", metavar="COUNTS", required=False)  # by itself with --at alone
@counts_options
@click.option("--galdiff", metavar="F", help="Model of the Galaxy (gll_iem, a MapCube).")
@click.option("--iso", metavar="F", help="Isotropic spectrum (iso_*.txt).")
@click.option(
    "--known",
    metavar="CAT",
    help="Catalog of more sources for the model, such as 4FGL, also outside the data.",
)
@click.option(
    "--engine",
    metavar="NAME",
    default="gammapy",
    show_default=True,
    help="Engine: gammapy, fermipy (needs the Fermitools), or one from another package.",
)
@click.option(
    "--at", multiple=True, metavar="POS",
    help="TS, flux and 95 % upper limit at RA,DEC in deg, or gal:L,B; repeatable.",
)  # fmt: skip
@click.option(
    "--index", type=click.FloatRange(0, 5), default=2.2, show_default=True,
    help="Photon index for --at.",
)  # fmt: skip
@jobs_options("Regions to fit")
@catalog_output(None, "The catalog; by default fit.fits, or none with --at.")
def fit(
    catalog, counts, galdiff, iso, known, engine, at, index, jobs, output, overwrite, **options
):  # fmt: skip
    """Fit the sources of CATALOG to COUNTS.

    Measures TS, positions, spectra, and fluxes in bands. COUNTS is any input of `fermiml info`,
    preferably with --exposure and --psf; a missing response comes from the IRF named in the header.
    The background is --background (expected counts), or is built from --galdiff and --iso, or else
    is the coarse embedded model. An interrupted run resumes when the command is repeated.

    With --engine fermipy, COUNTS is the YAML of a fermipy analysis or a folder that contains one.

    With --at, only these positions are measured, each as a point source; the sources of CATALOG,
    which is then optional, form the model. The table is printed; -o also writes it.
    """  # fmt: skip
    from fermiml.catalog.catalog import SourceCatalog
    from fermiml.files import FITS, check_new
    from fermiml.likelihood.base import ENGINES

    if counts is None:
        if not at:
            raise click.UsageError("Missing argument 'COUNTS'.")
        catalog, counts = None, catalog
    output = output or (None if at else "fit.fits")
    if output:
        check_new(output, overwrite, [catalog, counts], FITS)
    ENGINES.check(engine)
    sources = SourceCatalog.read(catalog) if catalog else None
    settings = {"galdiff": galdiff, "iso": iso, "known": known, "jobs": jobs}
    settings = {name: value for name, value in settings.items() if value is not None}
    if at:
        table = _limits(sources, counts, engine, settings, options, at, index)
        _print_limits(table)
        if output:
            _write_limits(table, output, overwrite)
        return
    result = _fitted(sources, counts, engine, settings, options, output, overwrite)
    table = result.table
    fitted = int((table["TS_Engine"] != "").sum())
    click.echo(f"{output}: {fitted} of {counted(len(table), 'source')} fitted, "
               f"{int((table['TS'] > 25).sum())} with TS > 25")  # fmt: skip


def _fitted(sources, counts, engine, settings, options, output, overwrite):
    """Fit and write the catalog; finished parts of the fit are saved until it is written."""
    from pathlib import Path

    from fermiml.likelihood.base import settings_of
    from fermiml.likelihood.likelihood_fit import LikelihoodFit
    from fermiml.likelihood.parts import held
    from fermiml.sky.cube import SkyCube

    settings, data = _prepared(engine, settings, counts, options)
    resumes = "parts" in settings_of(engine)
    folder = Path(output).expanduser().with_suffix(".parts") if resumes else None
    with held(folder) as kept:
        parts = {"parts": kept} if resumes else {}
        if isinstance(data, SkyCube):
            check_inside(sources, "CATALOG", data)
        result = LikelihoodFit(engine, **settings, **parts).run(sources, data)
        result.write(output, overwrite=overwrite)
        if resumes:
            kept.forget()
    return result


def _prepared(engine, settings, counts, options):
    """Return the settings that an engine takes, and its data; the catalog `known` is read."""
    from fermiml.catalog.catalog import SourceCatalog
    from fermiml.likelihood.base import ENGINES, settings_of

    takes, reads_cubes = settings_of(engine), ENGINES.load(engine).reads_cubes
    settings = dict(settings)
    if "jobs" not in takes and not isinstance(settings.get("jobs"), str):
        settings.pop("jobs", None)  # the result is the same
    _check_options(engine, takes, reads_cubes, settings, options)
    if "known" in settings:
        settings["known"] = SourceCatalog.read(settings["known"])
    return settings, read_counts(counts, **options) if reads_cubes else counts


def _limits(sources, counts, engine, settings, options, at, index):
    """Measure the table of limits at the positions of --at."""
    from astropy.coordinates import SkyCoord

    from fermiml.likelihood.likelihood_fit import LikelihoodFit

    positions = SkyCoord([position(text, "--at").icrs for text in at])
    if sources is None and "known" not in settings:
        log.warning("no CATALOG and no --known: the model has no other sources, and what reaches "
                    "the positions from those is counted as theirs")  # fmt: skip
    settings, data = _prepared(engine, settings, counts, options)
    return LikelihoodFit(engine, **settings).limits(positions, data, sources, index)


def _print_limits(table):
    from fermiml.sky.energy_text import range_text

    click.echo(f"{'RA':>9}{'Dec':>10}{'TS':>10}{'flux':>11}{'error':>11}{'95 % limit':>12}")
    for row in table:
        click.echo(
            f"{row['RAJ2000']:9.4f}{row['DEJ2000']:10.4f}{row['TS']:10.2f}{row['Flux']:11.3g}"
            f"{_known(row['Unc_Flux'], '.2g'):>11}{_known(row['Flux_UL95'], '.3g'):>12}"
            f"{'' if row['Converged'] else '  not converged'}"
        )
    energies = range_text(table.meta["EMIN"], table.meta["EMAX"])
    click.echo(f"photon flux, {energies} (cm-2 s-1), of power laws of index "
               f"{table['Index'][0]:.3g}; limit: -2 ln L has risen by 2.71")  # fmt: skip


def _known(value, form):
    """Format a number; a flux at its bound, 0, has no error."""
    return format(value, form) if value == value else "-"


def _write_limits(table, output, overwrite):
    from astropy.io import fits

    from fermiml.files import replacing

    hdu = fits.table_to_hdu(table)
    hdu.name = "LIMITS"
    with replacing(output, overwrite) as temporary:
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(temporary, checksum=True)


def _check_options(engine, takes, reads_cubes, settings, options):
    """Reject options that an engine does not take."""
    from fermiml.errors import InputError

    refused = [name for name in settings if name not in takes]
    refused = ["cluster" if name == "jobs" else name for name in refused]  # a number is not refused
    refused += [] if reads_cubes else [name for name, value in options.items() if value]
    if refused:
        names = ", ".join(f"--{name}" for name in refused)
        why = "takes no such option" if reads_cubes else "reads these from COUNTS"
        raise InputError(f"{names}: --engine {engine} {why}")
