"""`fermiml info`: what a file is, what is known, what will be assumed."""

import json

import click

from fermiml.cli.base import Command
from fermiml.cli.counts import counts_options, read_quietly


@click.command(cls=Command)
@click.argument("file")
@counts_options
@click.option("--json", "as_json", is_flag=True, help="Print the same as JSON.")
def info(file, as_json, **options):
    """Show what FILE is, what is known about it and what will be assumed.

    FILE is a gtbin cube or map (WCS or HEALPix), a fermipy folder or its YAML, a gammapy
    map, dataset or YAML, FT1 events, or @list.txt with the names of FT1 files.
    """
    from fermiml.sky.describe import describe

    facts = describe(read_quietly(file, **options))
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    click.secho(facts["source"], bold=True)
    _print_rows([("kind", facts["kind"])])
    for component in facts["components"]:
        if len(facts["components"]) > 1:
            click.secho(f"\n  component {component['name']}", bold=True)
        _print_component(component)


def _print_component(facts):
    _print_rows((key, facts[key]["text"]) for key in _ROWS)
    click.echo(
        f"\n  {'band (GeV)':<12}{'here (GeV)':<18}{'covered':>8}{'counts':>12}{'r68 (deg)':>11}"
    )
    for band in facts["bands"]:
        here = "{:.4g} - {:.4g}".format(*band["here_gev"]) if band["here_gev"] else "-"
        radius = f"{band['r68_deg']:.3f}" if band["r68_deg"] else "-"
        click.echo(
            f"  {band['nominal']:<12}{here:<18}{band['covered']:>8.0%}"
            f"{band['counts']:>12.0f}{radius:>11}"
        )
    click.echo(f"  {'outside the bands':<38}{facts['remainder']:>12.0f}")
    click.echo()
    for note in facts["notes"]:
        click.secho(f"  ! {note}", fg="yellow")


_ROWS = (
    "sky", "centre", "observed", "energy", "counts", "event class", "event type", "time", "zenith",
    "selection", "psf", "exposure", "energy dispersion", "background",
)  # fmt: skip


def _print_rows(rows):
    for key, text in rows:
        click.echo(f"  {key:<19}{text}")
