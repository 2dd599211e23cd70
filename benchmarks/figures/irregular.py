"""Draw the patterns of irregular extended sources: docs/figures/irregular.png.

python benchmarks/figures/irregular.py
"""

from pathlib import Path

import numpy as np

from fermiml.model import irregular
from fermiml.model.sources import IRREGULAR
from fermiml.plot import style

FIGURE = Path(__file__).parents[2] / "docs" / "figures" / "irregular.png"
REACH = 2.5  # 68 % radii
COLUMNS = 8


def main():
    """Draw the figure."""
    step = np.linspace(-REACH, REACH, 120)
    rows = irregular.PATTERNS // COLUMNS
    figure = style.new_figure(8, 3)
    for number, ax in enumerate(figure.subplots(rows, COLUMNS).ravel()):
        image = irregular.blobs(IRREGULAR + number).brightness(step + 1j * step[:, None])
        ax.imshow(np.sqrt(image), origin="lower", cmap="magma")
        ax.axis("off")
    style.save(figure, FIGURE, overwrite=True, dpi=90)


if __name__ == "__main__":
    main()
