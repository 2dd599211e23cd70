"""Draw extended sources of simulated fields: the rows before and after they became one.

    python benchmarks/figures/extended_source.py SKIES/plane/field_0001 1 \\
        SKIES/gas/field_0000 94.8,0.9 -o docs/figures/extended.png

Each field is followed by the number of one of its true extended sources, in the order of their
Asimov TS, or by a position l,b (deg).
"""

import argparse
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

from fermiml import SourceDetector
from fermiml.plot import style
from fermiml.plot.sky import plot_counts, plot_sources, projection
from fermiml.simulate.read_fields import read_sky

BEFORE, AFTER, TRUE = style.VERMILION, style.BLUE, "black"
LOWEST = 1000.0  # MeV, of the counts that are drawn
FAINTEST = 9.0  # Asimov TS of the true sources that are drawn
LEAST = 25.0  # ML_TS of the rows that are drawn
MARGIN = 1.0  # deg around an object


def catalogs_of(cube):
    """All significant rows without and with the search for objects, whatever their ML_Prob."""
    for extended in (False, True):
        found = SourceDetector.from_pretrained(threshold=0, extended=extended).run(cube)
        yield found.filter(found.table["ML_TS"] > LEAST)


def target(truth, what):
    """Position and radius (deg) of what is to be drawn."""
    if "," in what:
        lon, lat = map(float, what.split(","))
        return SkyCoord(lon, lat, unit="deg", frame="galactic"), 1.0
    sizes = truth.extensions()
    order = np.argsort(-np.where(sizes > 0, truth.table["TS_Asimov"], -1))
    return truth.positions[order[int(what)]].galactic, sizes[order[int(what)]]


def draw(figure, grid, folder, what):
    """Draw the two panels of an object; `grid` are the figure's rows, columns and the panel."""
    sky = read_sky(Path(folder), background="none")
    truth = sky.truth.filter(sky.truth.table["TS_Asimov"] > FAINTEST)
    center, size = target(truth, what)
    corners = center.directional_offset_by([225, 45] * u.deg, np.sqrt(2) * (size + MARGIN) * u.deg)
    looks = ((BEFORE, "rows, points only"), (AFTER, "rows, extended sources as one"))
    for number, (catalog, (colour, label)) in enumerate(
        zip(catalogs_of(sky.cube), looks, strict=True)
    ):
        rows, columns, first = grid
        ax = figure.add_subplot(rows, columns, first + number, projection=projection(sky.cube))
        plot_counts(sky.cube, None, ax, emin=LOWEST, colorbar=False)
        x, y = ax.wcs.world_to_pixel(corners.icrs)
        ax.set(xlim=sorted(x), ylim=sorted(y))
        plot_sources(truth, ax, color=TRUE, marker="x", label="true sources of TS > 9")
        plot_sources(catalog, ax, color=colour, label=label)
        ax.legend(loc="lower left", fontsize=8)


def main():
    """Draw all objects below each other."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("objects", nargs="+", help="a field and what to draw of it, by turns")
    parser.add_argument("-o", "--output", type=Path, default=Path("extended.png"))
    options = parser.parse_args()
    pairs = list(zip(options.objects[::2], options.objects[1::2], strict=True))
    figure = style.new_figure(10, 5 * len(pairs))
    for row, (folder, what) in enumerate(pairs):
        draw(figure, (len(pairs), 2, 2 * row + 1), folder, what)
    style.save(figure, options.output, overwrite=True, dpi=80)


if __name__ == "__main__":
    main()
