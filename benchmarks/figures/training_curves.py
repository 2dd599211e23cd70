"""Plot the training curves of the shipped networks, from the curve.csv stored with their weights.

python benchmarks/figures/training_curves.py -o docs/figures
"""

import argparse
import csv
from pathlib import Path

import numpy as np

from fermiml.networks import pretrained

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")  # safe for colour-blind readers


def read_curve(name):
    """Patches seen, loss and loss on the selection skies after every epoch."""
    with (pretrained.locate(name) / "curve.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    patches = np.cumsum([int(row["patches"]) for row in rows])
    losses = [[float(row.get(key, "nan")) for row in rows] for key in ("loss", "selection_loss")]
    return patches, *losses


def main():
    """Draw all networks, each with axes of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", default=".", type=Path)
    options = parser.parse_args()
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = pretrained.names()
    figure, axes = plt.subplots(1, len(names), figsize=(4.2 * len(names), 3.4), squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        patches, loss, selection = read_curve(name)
        axis.plot(patches / 1000, loss, color=COLOURS[0], label="training skies")
        axis.plot(patches / 1000, selection, color=COLOURS[1], ls="--", label="selection skies")
        shown = np.concatenate([loss[len(loss) // 10 :], selection[len(loss) // 10 :]])
        axis.set(title=name, xlabel="thousand patches", ylim=(0, 1.3 * np.nanmax(shown)))
        axis.legend()
    axes[0, 0].set_ylabel("loss")
    figure.tight_layout()
    figure.savefig(options.output / "training_curves.png", dpi=75)
    for name in names:
        print(f"{name}: {read_curve(name)[0][-1]} patches")


if __name__ == "__main__":
    main()
