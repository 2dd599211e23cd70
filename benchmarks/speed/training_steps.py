"""Size of networks, and CPU time that a step of their training takes for each patch.

    python benchmarks/speed/training_steps.py FIELDS config/architectures/*.yaml

FIELDS is a folder of training fields. Every recipe is trained for some steps on one batch, on one
core; to make the patches is not counted (the networks share that).
"""

import argparse
import os
import sys
import time
from pathlib import Path

from fermiml.train import recipe, trainer

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine

STEPS = 6


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("fields", type=Path)
    parser.add_argument("recipes", type=Path, nargs="+")
    options = parser.parse_args()
    os.environ["FERMIML_JOBS"] = "1"
    print(
        machine(1),
        "\n\n| recipe | network | thousand weights | CPU s per patch |\n|---|---|---|---|",
    )
    for path in options.recipes:
        settings = recipe.read(path)
        settings["training"]["fields"] = [str(options.fields)]
        model, _ = trainer._compiled(settings)
        batch = trainer._Batches(settings, "training").batch(0, 0)
        model.train_on_batch(*batch)
        start = time.process_time()
        for _ in range(STEPS):
            model.train_on_batch(*batch)
        spent = (time.process_time() - start) / STEPS / settings["training"]["batch"]
        size = model.count_params() / 1000
        print(f"| {path.stem} | `{settings['network']}` | {size:.0f} | {spent:.3f} |", flush=True)


if __name__ == "__main__":
    main()
