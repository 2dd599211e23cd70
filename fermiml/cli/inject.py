"""`fermiml inject`: artificial sources in the user's own data."""

import click

from fermiml.cli.base import Command, jobs_options
from fermiml.cli.counts import counts_options, read_counts


@click.command(cls=Command)
@click.argument("counts")
@counts_options
@click.option("-o", "--output", required=True, type=click.Path(), help="Folder for the results.")
@click.option("--class", "kind", type=click.Choice(["AGN", "PSR"]), default="AGN",
              show_default=True, help="Spectra like those of its bright sources.")  # fmt: skip
@click.option("--index", type=float, help="Power laws of this photon index instead.")
@click.option("--flux", metavar="LOW,HIGH", help="Photon fluxes, 1-100 GeV (ph cm-2 s-1); by "
              "default such that the sources are neither hopeless nor certain.")  # fmt: skip
@click.option("--rounds", type=click.IntRange(min=1), metavar="N", help="How often sources are "
              "injected; by default 10 times, or up to 50 until there are 200.")  # fmt: skip
@click.option("--apart", type=float, default=2.0, show_default=True, metavar="DEG",
              help="Least distance between injected sources.")  # fmt: skip
@click.option("--away", type=float, default=0.7, show_default=True, metavar="DEG",
              help="Least distance from detected and known sources.")  # fmt: skip
@click.option("--known", metavar="CAT", help="Catalog of sources to keep away from, too.")
@click.option("--model", metavar="NAME", help="Network: a shipped one, or a folder.")
@click.option("--localizer", metavar="NAME", help="kmeans, log, dbscan, centroid or peaks.")
@click.option("--threshold", type=float, metavar="P", help="Least ML_Prob.")
@click.option("--photometry", is_flag=True, help="Measure the fluxes of what is found (slower).")
@jobs_options("Rounds that are worked on")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True,
              help="The same seed gives the same sources.")  # fmt: skip
def inject(counts, output, kind, index, flux, rounds, apart, away, known, model, localizer,
           threshold, photometry, jobs, seed, **options):  # fmt: skip
    """Put artificial sources into COUNTS and detect them: what can be found in these data?

    Writes to the folder: injected.fits (every source and what was found of it), detected.fits
    (COUNTS as they are), sensitivity.fits (fluxes of 50 % and 90 % completeness, place by
    place), summary.json, completeness.png and sensitivity.png. A run that was interrupted goes
    on where it was when the command is repeated.
    """
    from dataclasses import asdict

    from fermiml import Injection, SourceCatalog, SourceDetector
    from fermiml.inject import injection_outputs
    from fermiml.inject.injection import Settings
    from fermiml.networks.pretrained import DEFAULT

    settings = Settings(kind, index, _fluxes(flux), rounds, apart, away, seed)
    positions = SourceCatalog.read(known).positions if known else None
    cube = read_counts(counts, **options)
    given = {"localizer": localizer, "threshold": threshold, "photometry": photometry}
    detector = SourceDetector.from_pretrained(model or DEFAULT, **given)
    result = Injection(detector, jobs=jobs, **asdict(settings)).run(cube, output, positions)
    injection_outputs.write(result, output)
    click.echo(injection_outputs.describe(result))


def _fluxes(text):
    from fermiml.errors import InputError

    if text is None:
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--flux {text!r} is no pair of fluxes: write LOW,HIGH") from None
    return low, high
