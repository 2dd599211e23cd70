"""Entry point of the `fermiml` command."""

import click

from fermiml.cli.base import Group
from fermiml.cli.compare import compare
from fermiml.cli.demo import demo
from fermiml.cli.detect import detect
from fermiml.cli.evaluate import evaluate
from fermiml.cli.export import export
from fermiml.cli.fermipy import fermipy
from fermiml.cli.fit import fit
from fermiml.cli.info import info
from fermiml.cli.inject import inject
from fermiml.cli.lightcurve import lightcurve
from fermiml.cli.models import models
from fermiml.cli.plot import plot
from fermiml.cli.report import report
from fermiml.cli.send import send
from fermiml.cli.simulate import simulate
from fermiml.cli.train import train
from fermiml.cli.transients import transients

# What a bug report needs; the first ones are always installed.
_VERSIONS = ("fermiml", "numpy", "astropy", "gammapy", "healpy", "regions", "scipy")
_OPTIONAL = ("fermipy", "keras", "tensorflow")


def _print_versions(ctx, _param, wanted):
    if not wanted or ctx.resilient_parsing:
        return
    import platform
    from importlib import metadata

    installed = {
        each.name.lower().replace("_", "-"): each.version for each in metadata.distributions()
    }
    for name in _VERSIONS + _OPTIONAL:
        # TensorFlow without its code for GPUs is a distribution of another name.
        version = installed.get(name) or installed.get(f"{name}-cpu", "not installed")
        click.echo(f"{name:<11}{version}")
    click.echo(f"{'python':<11}{platform.python_version()}")
    ctx.exit()


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_print_versions,
    help="Print the versions of fermiml and the packages it uses, and exit.",
)  # fmt: skip
def main():
    """Find gamma-ray sources in Fermi-LAT data with neural networks.

    fermiml COMMAND --help describes a command.
    """


main.add_command(compare)
main.add_command(demo)
main.add_command(detect)
main.add_command(evaluate)
main.add_command(export)
main.add_command(fermipy)
main.add_command(fit)
main.add_command(info)
main.add_command(inject)
main.add_command(lightcurve)
main.add_command(models)
main.add_command(plot)
main.add_command(report)
main.add_command(send)
main.add_command(simulate)
main.add_command(train)
main.add_command(transients)
