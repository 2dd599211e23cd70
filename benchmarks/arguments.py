"""Command lines that scripts have in common."""

import argparse
import logging
from pathlib import Path


def skies_and_networks(doc):
    """Read the folder of skies and the names of networks; fermiml's warnings are not shown."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("skies", type=Path)
    parser.add_argument("networks", nargs="+")
    logging.getLogger("fermiml").setLevel(logging.ERROR)
    return parser.parse_args()
