"""Networks measured in the language of instances: average precision, density, deblending.

    python benchmarks/skies.py -o SKIES instances
    python benchmarks/detection/instances.py SKIES/instances lat-mask lat-best

The skies have extended sources, and masks of all sources. Networks without masks of their own get a
disc of 0.25 deg radius around each detection. Nothing but the network runs: no photometry.
"""

import sys
from pathlib import Path
from types import SimpleNamespace

from fermiml.detect.finder import load_finder
from fermiml.evaluate import instance_tables, sky_instances
from fermiml.simulate import mask_file
from fermiml.simulate.read_fields import fields_of, read_sky

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from arguments import skies_and_networks
from machine import machine


def scores_of(name, folders):
    """The scores of a network on all fields."""
    finder, patches = load_finder(name), []
    for folder in folders:
        sky = read_sky(folder, background="none")
        patches += sky_instances.collect(finder, sky, mask_file.read_of(folder))
    return SimpleNamespace(instances=sky_instances.summary(patches))


def main():
    """Print the tables."""
    options = skies_and_networks(__doc__)
    folders = fields_of(options.skies)
    rows = [(options.skies.name, name, scores_of(name, folders)) for name in options.networks]
    print(machine(640), f"{len(folders)} fields", *instance_tables.markdown(rows), sep="\n\n")


if __name__ == "__main__":
    main()
