"""`fermiml inject`: artificial sources in the user's own data."""

import click

from fermiml.cli.base import Command, jobs_options
from fermiml.cli.counts import counts_options, network_options, read_counts


@click.command(cls=Command)
@click.argument("counts")
@counts_options
@click.option("-o", "--output", required=True, type=click.Path(), help="Folder for the results.")
@click.option("--class", "kind", type=click.Choice(["AGN", "PSR"]), default="AGN",
              show_default=True, help="Spectra of bright sources of this class.")  # fmt: skip
@click.option("--index", type=float, help="Power laws of this photon index instead.")
@click.option("--flux", metavar="LOW,HIGH", help="Photon fluxes, 1-100 GeV (ph cm-2 s-1); by "
              "default those of an expected TS of 3 to 300.")  # fmt: skip
@click.option("--rounds", type=click.IntRange(min=1), metavar="N", help="Number of rounds of "
              "injection; by default 10, or up to 50 until there are 200 sources.")  # fmt: skip
@click.option("--apart", type=float, default=2.0, show_default=True, metavar="DEG",
              help="Minimum distance between injected sources.")  # fmt: skip
@click.option("--away", type=float, default=0.7, show_default=True, metavar="DEG",
              help="Minimum distance from detected and known sources.")  # fmt: skip
@click.option("--known", metavar="CAT", help="Catalog of known sources to avoid.")
@network_options
@click.option(
    "--threshold", type=float, metavar="P", help="Minimum ML_Prob; by default the network's own."
)
@click.option("--photometry", is_flag=True, help="Also measure fluxes of detections (slower).")
@jobs_options("Rounds to run")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True,
              help="The same seed gives the same sources.")  # fmt: skip
def inject(counts, output, kind, index, flux, rounds, apart, away, known, model, localizer,
           threshold, photometry, jobs, seed, **options):  # fmt: skip
    """Measure the sensitivity of COUNTS with artificial sources.

    They are injected into COUNTS and detected again. The output folder contains injected.fits
    (every source, with the result), detected.fits (detections in the original COUNTS),
    sensitivity.fits (maps of the flux of 50 % and 90 % completeness), summary.json,
    completeness.png and sensitivity.png. An interrupted run resumes when the command is repeated.
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
        raise InputError(f"--flux {text!r} is not a pair of fluxes: write LOW,HIGH") from None
    return low, high
