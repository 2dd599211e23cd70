"""Draw the patterns of irregular extended sources: docs/figures/irregular.png.

python benchmarks/figures/irregular.py
"""

from pathlib import Path

import matplotlib
import numpy as np

from fermiml.model import irregular
from fermiml.model.sources import IRREGULAR

FIGURE = Path(__file__).parents[2] / "docs" / "figures" / "irregular.png"
REACH = 2.5  # 68 % radii
COLUMNS = 8


def main():
    """Draw the figure."""
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    step = np.linspace(-REACH, REACH, 120)
    rows = irregular.PATTERNS // COLUMNS
    _, axes = plt.subplots(rows, COLUMNS, figsize=(8, 3), layout="constrained")
    for number, ax in enumerate(axes.ravel()):
        image = irregular.blobs(IRREGULAR + number).brightness(step + 1j * step[:, None])
        ax.imshow(np.sqrt(image), origin="lower", cmap="magma")
        ax.axis("off")
    plt.savefig(FIGURE, dpi=90)


if __name__ == "__main__":
    main()
