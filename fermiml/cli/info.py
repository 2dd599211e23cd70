"""`fermiml info`: what a file is, what is known, what will be assumed."""

import json

import click

from fermiml.cli.base import Command, quick_imports
from fermiml.cli.counts import counts_options, read_quietly
from fermiml.errors import InputError


@click.command(cls=Command)
@click.argument("file")
@counts_options
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def info(file, as_json, **options):
    """Show what FILE is, and what will be assumed about it.

    FILE is a gtbin cube or map (WCS or HEALPix), a fermipy folder or its YAML, a gammapy
    map, dataset or YAML, FT1 events, or @list.txt with the names of FT1 files; or a catalog
    of sources (FITS, VOTable, ECSV or CSV).
    """
    with quick_imports():
        from fermiml.catalog.fitsio import is_catalog

    catalog = is_catalog(file)
    facts = _facts_of_catalog(file, options) if catalog else _facts_of_counts(file, options)
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    click.secho(facts["source"], bold=True)
    _print_rows([("kind", facts["kind"])])
    if catalog:
        _print_catalog(facts)
    else:
        _print_counts(facts)


def _facts_of_counts(file, options):
    with quick_imports():
        from fermiml.sky.describe import describe

    return describe(read_quietly(file, **options))


def _facts_of_catalog(file, options):
    from fermiml.catalog.catalog import SourceCatalog
    from fermiml.catalog.facts import facts

    given = ", ".join(f"--{name}" for name, value in options.items() if value not in (None, ()))
    if given:
        raise InputError(f"{file}: is a source catalog; {given}: only for counts")
    return facts(SourceCatalog.read(file), file)


def _print_catalog(facts):
    _print_rows((key, facts[key]["text"]) for key in _CATALOG_ROWS)
    for number, card in enumerate(facts["history"]):
        _print_rows([("" if number else "history", card)])
    brightest = facts["brightest"]
    if not brightest["rows"]:
        return
    best = "brightest" if "Flux" in brightest["by"] else "most significant"
    click.echo(f"\n  the {best}, by {brightest['by']}:\n")
    columns = zip(brightest["head"], *brightest["rows"], strict=True)
    columns = [cells for cells in columns if any(cells[1:])]
    widths = [max(map(len, cells)) for cells in columns]
    for line in zip(*columns, strict=True):
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo(f"  {'  '.join(cells)}".rstrip())


def _print_counts(facts):
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


_CATALOG_ROWS = (
    "sources", "sky", "energy", "time", "irf", "made by", "measured", "classes",
    "associated", "flags", "columns",
)  # fmt: skip
_ROWS = (
    "sky", "centre", "observed", "energy", "counts", "event class", "event type", "time", "zenith",
    "selection", "psf", "exposure", "energy dispersion", "background",
)  # fmt: skip


def _print_rows(rows):
    for key, text in rows:
        click.echo(f"  {key:<19}{text}")
