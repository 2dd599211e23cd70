"""What all commands share: -v, -q, --debug, and errors in one line with exit code 2."""

import io
import locale
import logging
import sys
from contextlib import suppress

import click

from fermiml.errors import FermimlError, in_one_line

_SHARED = ("verbose", "quiet", "debug")
_INTERRUPTED = 130  # what a shell expects of a program that ended with Ctrl-C: 128 + SIGINT


def _shared_options():
    return [
        click.Option(["-v", "--verbose"], is_flag=True, help="Say more."),
        click.Option(["-q", "--quiet"], is_flag=True, help="Say only what went wrong."),
        click.Option(["--debug"], is_flag=True, help="Show the traceback of an error."),
    ]


class _SharedOptions:
    """Adds the shared options; they may stand before or after the subcommand's name."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.params.extend(_shared_options())

    def invoke(self, ctx):
        given = {name: ctx.params.pop(name) for name in _SHARED}
        ctx.obj = {name: given[name] or (ctx.obj or {}).get(name) for name in _SHARED}
        _set_up_text()
        _set_up_log(ctx.obj)
        return super().invoke(ctx)


class Command(_SharedOptions, click.Command):
    """A subcommand: sets up the log, and turns errors that have a reason into one line."""

    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except (FermimlError, OSError, ImportError) as error:
            # A pipe that is no longer read is no error of the user's; click knows it.
            if ctx.obj["debug"] or isinstance(error, BrokenPipeError):
                raise
            click.echo(f"fermiml: error: {in_one_line(error)}", err=True)
            ctx.exit(2)
        except KeyboardInterrupt:
            click.echo("fermiml: interrupted", err=True)
            ctx.exit(_INTERRUPTED)


class Group(_SharedOptions, click.Group):
    """The `fermiml` command itself."""

    command_class = Command


def _set_up_text():
    """Work where the locale knows ASCII alone: letters beyond it are written as escapes, and the
    text files of packages that we need (regions) are read as the UTF-8 that they are."""
    if locale.getencoding().lower() in ("ascii", "us-ascii", "ansi_x3.4-1968"):
        with suppress(locale.Error):
            locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _set_up_log(shared):
    """Send messages to stderr, as many as -v and -q ask for."""
    level = logging.INFO
    if shared["quiet"]:
        level = logging.ERROR
    elif shared["verbose"] or shared["debug"]:
        level = logging.DEBUG
    handler = logging.StreamHandler()
    if level > logging.DEBUG:  # what other libraries say is for -v
        handler.addFilter(logging.Filter("fermiml"))
    logging.basicConfig(format="fermiml: %(message)s", handlers=[handler])
    logging.getLogger("fermiml").setLevel(level)


def catalog_output(default, text="The catalog."):
    """Build the options of a command that writes one catalog: its name, whether to overwrite."""

    def add(command):
        command = click.option("--overwrite", is_flag=True, help="Replace an existing catalog.")(
            command
        )
        return click.option(
            "-o", "--output", default=default, show_default=True, type=click.Path(), help=text,
        )(command)  # fmt: skip

    return add


def jobs_option(default=1):
    """Build the option for how many regions of sky a command fits at the same time."""
    return click.option(
        "--jobs", type=click.IntRange(min=1), default=default, show_default=True, metavar="N",
        help="Regions that are fitted at the same time.",
    )  # fmt: skip
