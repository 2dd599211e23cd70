"""`fermiml models`: the shipped networks and those of other packages, and their ONNX form."""

import click

from fermiml.cli.base import Group

_WIDTH = 14  # of the column of names


class _Models(Group):
    """`fermiml models` lists, and `fermiml models NAME` describes: no command need be named."""

    def parse_args(self, ctx, args):
        if all(arg.startswith("-") for arg in args):
            args = [*args, "list"]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx, args):
        if args[0] not in self.commands:
            args = ["show", *args]
        return super().resolve_command(ctx, args)


@click.group(cls=_Models, subcommand_metavar="[NAME | COMMAND ...]")
def models():
    """List the networks, or describe one.

    The description of NAME gives its training, operating points and performance.
    """


@models.command("list")
def list_networks():
    """List the networks, with what each is best at; the same as no command."""
    from fermiml.detect.finder import FINDERS
    from fermiml.networks import get_architecture, pretrained

    for each in pretrained.names():
        card = pretrained.card(each)
        mark = " (default)" if each == pretrained.DEFAULT else ""
        click.echo(f"{each:<{_WIDTH}}{card['best_at']}{mark}")
        summary = get_architecture(card["network"]).SUMMARY
        for line in (summary, *pretrained.headline(card)):
            click.echo(f"{'':<{_WIDTH}}{line}")
    for each, part in FINDERS.loadable():
        summary = getattr(part, "summary", "a finder")
        click.echo(f"{each:<{_WIDTH - 1}} {summary}, of {FINDERS.origin(each)}")


@models.command()
@click.argument("name")
def show(name):
    """Describe a network; the same as NAME alone."""
    from fermiml.detect.finder import FINDERS, check_known
    from fermiml.networks import pretrained

    check_known(name)
    click.echo(_card(name) if name in FINDERS else pretrained.describe(name))


@models.command()
@click.argument("name")
@click.option(
    "-o", "--output", type=click.Path(), metavar="FILE.onnx",
    help="The ONNX file; by default NAME.onnx.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
def export(name, output, overwrite):
    """Write a network to an ONNX file, for other programs and languages.

    It needs the package onnx: pip install 'fermiml[onnx]'.
    """
    from pathlib import Path

    from fermiml.files import check_new
    from fermiml.networks import onnx_graph, pretrained

    path = check_new(output or f"{Path(name).name}.onnx", overwrite, endings=[".onnx"])
    onnx_graph.write(pretrained.load(name), path, overwrite)
    click.echo(f"{path}: {name} in ONNX")


def _card(name):
    """Format the description of a network from another package as text."""
    import yaml

    from fermiml.detect.finder import FINDERS, load_finder

    finder = load_finder(name)
    facts = ("summary", "localizer", "identity", "operating")
    known = {"origin": FINDERS.origin(name)}
    known |= {fact: getattr(finder, fact) for fact in facts if hasattr(finder, fact)}
    return yaml.safe_dump(known, sort_keys=False, width=100).rstrip()
