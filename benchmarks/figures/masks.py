"""Draw the masks that a network finds over the counts of a field, beside the true ones.

python benchmarks/figures/masks.py SKIES/instances/field_0003 -o docs/figures
"""

import argparse
from pathlib import Path

import numpy as np

from fermiml.detect.finder import load_finder
from fermiml.evaluate.sky_instances import masks_in
from fermiml.features.views import Views
from fermiml.simulate import mask_file
from fermiml.simulate.read_fields import read_sky
from fermiml.sky.patches import PIXEL

COMPACT, EXTENDED = "#56b4e9", "#e69f00"  # safe for colour-blind readers
LEAST_TS = 25.0


def outline(ax, masks, colours):
    """Draw the borders of masks."""
    side = np.arange(masks.shape[-1]) * PIXEL if len(masks) else None
    for mask, colour in zip(masks, colours, strict=True):
        ax.contour(side, side, mask, levels=[0.5], colors=[colour], linewidths=1.1)


def main():
    """Draw the first patch of the field."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("field", type=Path)
    parser.add_argument("--model", default="lat-mask")
    parser.add_argument("--threshold", default=0.5, type=float, help="Least score.")
    parser.add_argument("-o", "--output", default=".", type=Path)
    options = parser.parse_args()
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    sky = read_sky(options.field, background="none")
    view, masks = Views(sky.cube)[0], mask_file.read_of(options.field)
    rows, true = masks_in(view.patch, sky, masks)
    bright = sky.ts[rows] > LEAST_TS
    wide = [masks[name].extended for name in sky.truth.table["Source_Name"][rows][bright]]
    (found,) = load_finder(options.model).find(view.features[None])
    found = found[found.score >= options.threshold]
    figure, axes = plt.subplots(1, 2, figsize=(11, 5.8), sharey=True, layout="constrained")
    counts = view.patch.counts.sum(axis=(0, 1))
    side = counts.shape[0] * PIXEL
    for ax, title, shown, extended in (
        (axes[0], f"true sources of Asimov TS > {LEAST_TS:g}", true[bright], wide),
        (axes[1], f"{options.model}, score > {options.threshold:g}", found.mask, found.extent > 0),
    ):
        ax.imshow(np.sqrt(counts), origin="lower", cmap="gray", extent=(0, side, 0, side))
        outline(ax, shown, np.where(extended, EXTENDED, COMPACT))
        ax.set(title=title, xlabel="deg")
    axes[0].set_ylabel("deg")
    figure.savefig(options.output / "instances.png", dpi=80)


if __name__ == "__main__":
    main()
