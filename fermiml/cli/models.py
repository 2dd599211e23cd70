"""`fermiml models`: the shipped networks, and those of other packages."""

import click

from fermiml.cli.base import Command


@click.command(cls=Command)
@click.argument("name", required=False)
def models(name):
    """List the networks, or describe one.

    The description of NAME gives its training, operating points and performance.
    """
    from fermiml.detect.finder import FINDERS, check_known
    from fermiml.networks import get_architecture, pretrained

    if name:
        check_known(name)
        click.echo(_card(name) if name in FINDERS else pretrained.describe(name))
        return
    for each in pretrained.names():
        card = pretrained.card(each)
        mark = " (default)" if each == pretrained.DEFAULT else ""
        click.echo(f"{each:<14}{get_architecture(card['network']).SUMMARY}{mark}")
        for line in pretrained.headline(card):
            click.echo(f"{'':<14}{line}")
    for each, part in FINDERS.loadable():
        click.echo(f"{each:<13} {getattr(part, 'summary', 'a finder')}, of {FINDERS.origin(each)}")


def _card(name):
    """Format the description of a network from another package as text."""
    import yaml

    from fermiml.detect.finder import FINDERS, load_finder

    finder = load_finder(name)
    facts = ("summary", "localizer", "identity", "operating")
    known = {"origin": FINDERS.origin(name)}
    known |= {fact: getattr(finder, fact) for fact in facts if hasattr(finder, fact)}
    return yaml.safe_dump(known, sort_keys=False, width=100).rstrip()
