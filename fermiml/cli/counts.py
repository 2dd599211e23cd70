"""Options of every command that reads counts, and the reading itself."""

import logging

import click

from fermiml.errors import InputError

log = logging.getLogger(__name__)

_OPTIONS = [
    click.option("--exposure", multiple=True, metavar="F",
                 help="gtexpcube2 or gtltcube output; repeat for each component."),
    click.option("--psf", multiple=True, metavar="F",
                 help="gtpsf output or a gammapy PSFMap; repeat for each component."),
    click.option("--background", multiple=True, metavar="F",
                 help="Expected counts on the same grid (gtmodel); repeat for each component."),
    click.option("--irf", metavar="NAME", help="IRF to use instead of the one in the header."),
    click.option("--evtype", type=int, metavar="N",
                 help="Event type bits to use instead of those in the header; selects FT1 events."),
    click.option("--center", metavar="POS",
                 help="FT1 only: centre as RA,DEC in deg, or gal:L,B."),
    click.option("--width", type=float, metavar="DEG", help="FT1 only: width of the field."),
    click.option("--binsz", type=float, metavar="DEG", help="FT1 only: pixel size."),
    click.option("--emin", type=float, metavar="MEV", help="FT1 only: lowest energy."),
    click.option("--emax", type=float, metavar="MEV", help="FT1 only: highest energy."),
    click.option("--zmax", type=float, metavar="DEG", help="FT1 only: largest zenith angle."),
    click.option("--tmin", metavar="TIME", help="FT1 only: start time, a date (UTC) or MET in s."),
    click.option("--tmax", metavar="TIME", help="FT1 only: stop time, a date (UTC) or MET in s."),
]  # fmt: skip


model_option = click.option(
    "--model", metavar="NAME", help="Network: one of `fermiml models`, or a folder."
)
_LOCALIZER = click.option(
    "--localizer", metavar="NAME",
    help="Localizer: kmeans, log, dbscan, centroid, peaks or convergence; by default the "
    "network's own.",
)  # fmt: skip


def counts_options(command):
    """Add the options, which the command receives as the keyword arguments of `read_counts`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def network_options(command):
    """Add --model and --localizer."""
    return model_option(_LOCALIZER(command))


def read_counts(counts, **options):
    """Read a SkyCube with the values of the options, and print what was used and assumed."""
    cube = read_quietly(counts, **options)
    say_response(cube)
    return cube


def say_response(cube):
    """Print where the response came from, and what was assumed."""
    from fermiml.sky.describe import response_lines

    for line in response_lines(cube):
        log.info("%s", line)


def read_quietly(counts, **options):
    """Read a SkyCube with the values of the options."""
    from fermiml.sky.cube import SkyCube

    return SkyCube.read(counts, **read_options(**options))


def read_options(*, center=None, exposure=(), psf=(), background=(), **options):
    """Convert the values of the options to those of `SkyCube.read`."""
    for name, value in (("exposure", exposure), ("psf", psf), ("background", background)):
        if value:
            options[name] = value[0] if len(value) == 1 else list(value)
    if center is not None:
        options["center"] = position(center, "--center")
    return options


def read_counts_and_events(counts, **options):
    """Do as `read_counts`, and return also the events with times: None without usable ones."""
    from fermiml.sky.read.dispatch import is_events, read_cube_and_loaded

    if not is_events(counts):
        return read_counts(counts, **options), None
    cube, loaded = read_cube_and_loaded(counts, **read_options(**options))
    say_response(cube)
    try:
        return cube, loaded.timed()
    except InputError as error:
        log.warning("the Sun and the Moon are not looked for: %s", error)
        return cube, None


def without_bodies(catalog, events, cube):
    """Flag the rows that are the Sun or the Moon, if there are events with times."""
    if not len(catalog) or events is None:
        return catalog
    from fermiml.time.sun_moon import flagged

    return flagged(catalog, events, cube.components[0].psf)


def position(text, option):
    """Read RA,DEC or gal:L,B, the value of an option."""
    from astropy.coordinates import SkyCoord

    frame, _, numbers = text.rpartition(":")
    try:
        lon, lat = (float(part) for part in numbers.replace(",", " ").split())
        if frame not in ("", "gal") or not -90 <= lat <= 90:
            raise ValueError
    except ValueError:
        raise InputError(
            f"{option} {text!r} is not a position; write RA,DEC in deg, or gal:L,B"
        ) from None
    return SkyCoord(lon, lat, unit="deg", frame="galactic" if frame else "icrs")


def check_inside(catalog, path, cube):
    """Raise InputError if a catalog has sources, but none in the observed area."""
    if len(catalog) and not cube.observed(catalog.positions).any():
        raise InputError(f"{path}: none of its {len(catalog)} sources is inside {cube.source}")
