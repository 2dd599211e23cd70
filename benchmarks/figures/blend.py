"""Draw pairs of sources of a field: what was found before and after blends were resolved.

    python benchmarks/figures/blend.py SKIES/blends-test/field_0018 6 8 4 -o docs/figures

The numbers are rows of the field's pairs.fits, one panel each.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table

from fermiml import SourceDetector
from fermiml.photometry.blend_calibration import BlendCalibration
from fermiml.simulate.read_fields import read_sky

BEFORE, AFTER, TRUE = "#e69f00", "#56b4e9", "#f0e442"  # safe for colour-blind readers
HALF = 0.5  # deg, half of a panel's side
LOWEST = 1000.0  # MeV, of the counts that are drawn
FAINTEST = 4.0  # Asimov TS of the true sources that are drawn


def offsets(center, position):
    """Deg to the west (as on the sky, east is left) and to the north."""
    frame = center.icrs.skyoffset_frame()
    there = position.icrs.transform_to(frame)
    return -there.lon.wrap_at(180 * u.deg).deg, there.lat.deg


def draw_counts(ax, cube, center):
    """Draw the counts above an energy, in small squares of the panel."""
    counts = cube.components[0].counts
    used = cube.components[0].energy_edges[:-1] >= 0.999 * LOWEST
    steps = np.arange(-HALF, HALF, 0.02) + 0.01
    x, y = np.meshgrid(steps, steps)
    frame = center.icrs.skyoffset_frame()
    place = SkyCoord(-x * u.deg, y * u.deg, frame=frame).galactic
    bins = slice(int(np.argmax(used)), len(used))
    image = counts.slice_by_idx({"energy": bins}).sum_over_axes(keepdims=False)
    shown = np.sqrt(image.get_by_coord(place))
    ax.imshow(shown, origin="lower", cmap="gray", extent=(-HALF, HALF, -HALF, HALF))


def draw_rows(ax, center, catalog, colour, label):
    """Draw the 95 % ellipses of the rows in a panel."""
    from matplotlib.patches import Ellipse

    x, y = offsets(center, catalog.positions)
    for i in np.flatnonzero(np.maximum(np.abs(x), np.abs(y)) < HALF):
        row = catalog.table[i]
        ax.add_patch(Ellipse(
            (x[i], y[i]), 2 * row["Conf_95_SemiMinor"], 2 * row["Conf_95_SemiMajor"],
            angle=row["Conf_95_PosAng"], fill=False, color=colour, lw=1.6, label=label,
        ))  # fmt: skip
        label = None


def draw(ax, sky, place, before, after):
    """Draw the panel of a pair."""
    center = SkyCoord(place["GLON_1"], place["GLAT_1"], unit="deg", frame="galactic")
    draw_counts(ax, sky.cube, center)
    draw_rows(ax, center, before, BEFORE, "rows before")
    draw_rows(ax, center, after, AFTER, "rows with blends resolved")
    real = sky.ts > FAINTEST
    x, y = offsets(center, sky.truth.positions[real])
    size = 30 + 10 * np.log(sky.ts[real])
    ax.scatter(x, y, size, marker="+", color=TRUE, label="true sources of TS > 4")
    radii, ratio = place["Separation"] / place["R68"], place["S1_1"] / place["S1_2"]
    ax.set(xlim=(-HALF, HALF), ylim=(-HALF, HALF), xlabel="deg to the west",
           title=f"{radii:.2f} PSF radii apart, fluxes {ratio:.1f} to 1")  # fmt: skip


def main():
    """Draw the panels."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("field", type=Path)
    parser.add_argument("places", type=int, nargs="+")
    parser.add_argument("-o", "--output", default=".", type=Path)
    options = parser.parse_args()
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    sky = read_sky(options.field, background="none")
    places = Table.read(options.field / "pairs.fits")[options.places]
    never = replace(BlendCalibration.load(), threshold=2.0)
    found = [SourceDetector.from_pretrained(blends=b).run(sky.cube) for b in (never, None)]
    figure, axes = plt.subplots(1, len(places), figsize=(4.4 * len(places), 4.9),
                                layout="constrained", squeeze=False)  # fmt: skip
    for ax, place in zip(axes[0], places, strict=True):
        draw(ax, sky, place, *found)
    axes[0, 0].set_ylabel("deg to the north")
    axes[0, 0].legend(loc="lower left", fontsize=8)
    figure.savefig(options.output / "blend.png", dpi=80)


if __name__ == "__main__":
    main()
