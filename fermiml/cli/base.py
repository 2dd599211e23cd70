"""The options of all commands (-v, -q, --debug), and one-line errors with exit code 2."""

import functools
import gc
import io
import locale
import logging
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from fermiml.errors import FermimlError, InputError, in_one_line

_SHARED = ("verbose", "quiet", "debug")
_INTERRUPTED = 130  # what a shell expects of a program that ended with Ctrl-C: 128 + SIGINT


def _shared_options():
    return [
        click.Option(["-v", "--verbose"], is_flag=True, help="Print more messages."),
        click.Option(["-q", "--quiet"], is_flag=True, help="Print only errors."),
        click.Option(["--debug"], is_flag=True, help="Show the traceback of an error."),
    ]


class _SharedOptions:
    """Adds the shared options, which may come before or after the name of the subcommand."""

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
    """Work in an ASCII-only locale: other characters are written as escapes, and the text files of
    packages that we need (regions) are read as UTF-8."""
    if locale.getencoding().lower() in ("ascii", "us-ascii", "ansi_x3.4-1968"):
        with suppress(locale.Error):
            locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _set_up_log(shared):
    """Send messages to stderr, at the level set by -v and -q."""
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


@contextmanager
def quick_imports():
    """Import without garbage collection: modules are many objects, all of which stay."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # so that later collections do not look through them either
        gc.enable()


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


def files_beside(output, overwrite, inputs, *suffixes):
    """Check that a catalog and files beside it, which have its name and other suffixes, can be
    written; return the paths of all, and of the folder in which an interrupted run resumes."""
    from fermiml.files import FITS, check_new

    output = Path(output).expanduser()
    plain = output.with_name(output.name.removesuffix(".gz"))
    beside = [plain.with_suffix(suffix) for suffix in suffixes]
    check_new(output, overwrite, inputs, FITS)
    for path in beside:
        check_new(path, overwrite, inputs)
    return output, *beside, plain.with_suffix(".parts")


def jobs_options(what, default="1"):
    """Build the options for how many pieces of work run at the same time, and where.

    The command gets them as one argument ``jobs``: a number, the text of a cluster, or None.
    """

    def add(command):
        @functools.wraps(command)
        def with_jobs(*args, jobs, cluster, **options):
            if jobs and cluster:
                raise InputError("--jobs and --cluster: give only one of them")
            return command(*args, jobs=cluster or jobs, **options)

        with_cluster = click.option(
            "--cluster", metavar="C", help="Run on a dask cluster: local:N, the address of a "
            "scheduler (tcp://host:port), or a YAML file (SLURM, PBS, LSF, HTCondor, SSH).",
        )(with_jobs)  # fmt: skip
        return click.option(
            "--jobs", type=click.IntRange(min=1), metavar="N",
            help=f"{what} at the same time.  [default: FERMIML_JOBS, or {default}]",
        )(with_cluster)  # fmt: skip

    return add
