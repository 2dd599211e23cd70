"""Extended sources that fermiml found in real data, against those of a published catalog.

    fermiml detect counts.fits --exposure bexpmap.fits --psf psf.fits -o ml.fits
    python benchmarks/detection/extended_real.py counts.fits ml.fits gll_psch_v13.fit.gz \\
        --figure docs/figures/extended_real.png

Prints, for the published extended sources in the data by size, how many are one extended row, and
how many hold rows that are points; then each pair; then extended rows where nothing extended is
published.
"""

import argparse
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np

from fermiml import SkyCube, SourceCatalog
from fermiml.plot import sky, style

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine

SIZES = (0.0, 0.3, 0.6, 1.0, 3.5)  # deg
LEAST = 0.3  # deg: so far may the centres at least be apart


def published(path, cube):
    """The extended rows of a catalog that are in the data, their forms and names."""
    catalog = SourceCatalog.read(path)
    inside = cube.components[0].observed(catalog.positions)
    catalog = catalog.filter(inside & (catalog.extensions() > 0))
    rows = {str(row["Source_Name"]).strip(): row for row in catalog.extended}
    names = np.char.strip(np.asarray(catalog.table["Extended_Source_Name"], str))
    return catalog, [str(rows[name]["Model_Form"]).strip() for name in names], names


def pairs_of(ours, theirs):
    """For each published source the number of our extended row there, or -1; each row once."""
    apart = theirs.positions[:, None].separation(ours.positions).deg
    allowed = np.maximum(0.5 * theirs.extensions(), LEAST)
    apart[apart > allowed[:, None]] = np.inf
    apart[:, ours.extensions() == 0] = np.inf
    found = np.full(len(theirs), -1)
    for number in np.argsort(apart, axis=None):
        i, row = np.unravel_index(number, apart.shape)
        if np.isfinite(apart[i, row]) and found[i] < 0 and row not in found:
            found[i] = row
    return found


def show(ours, theirs, found):
    """By size: how many are one row, and the rows within."""
    within = theirs.positions[:, None].separation(ours.positions).deg < theirs.extensions()[:, None]
    print("\n| published radius (deg) | number | as one extended row | in rows that are points |"
          " no row within |\n|---|---|---|---|---|")  # fmt: skip
    for low, high in pairwise(SIZES):
        chosen = (theirs.extensions() > low) & (theirs.extensions() <= high)
        one, some = found[chosen] >= 0, within[chosen].any(axis=1)
        print(f"| {low:g}-{high:g} | {chosen.sum()} | {one.sum()} | {np.sum(~one & some)} | "
              f"{np.sum(~one & ~some)} |")  # fmt: skip


def draw(cube, ours, theirs, path):
    """Draw both over the counts of a field."""
    figure = style.new_figure(10, 5.5)
    ax = figure.add_subplot(projection=sky.projection(cube))
    sky.plot_counts(cube, None, ax, colorbar=False)
    sky.plot_sources(theirs, ax, color=style.VERMILION, marker="x", label="published as extended")
    sky.plot_sources(ours, ax, color=style.BLUE, label="rows of fermiml")
    ax.legend(loc="lower left", fontsize=8)
    style.save(figure, path, overwrite=True, dpi=80)


def main():
    """Print tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("counts", type=Path)
    parser.add_argument("catalog", type=Path)
    parser.add_argument("published", type=Path)
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    ours = SourceCatalog.read(options.catalog)
    cube = SkyCube.read(options.counts)
    theirs, forms, names = published(options.published, cube)
    if options.figure:
        draw(cube, ours, theirs, options.figure)
    print(machine("none"))
    found = pairs_of(ours, theirs)
    show(ours, theirs, found)
    print("\n| published | form | radius (deg) | here | radius | TS_ext | ML_Prob |"
          "\n|---|---|---|---|---|---|---|")  # fmt: skip
    for i in np.argsort(theirs.extensions()):
        if found[i] >= 0:
            row = ours.table[found[i]]
            print(f"| {names[i]} | {forms[i]} | {theirs.extensions()[i]:.2f} | "
                  f"{row['ML_Ext_Form']} | {row['ML_Ext_Size']:.2f} +- "
                  f"{row['Unc_ML_Ext_Size']:.2f} | {row['ML_TS_Ext']:.0f} | "
                  f"{row['ML_Prob']:.2f} |")  # fmt: skip
    print("\n| extended here only | GLON | GLAT | form | radius (deg) | TS_ext | ML_Prob |"
          "\n|---|---|---|---|---|---|---|")  # fmt: skip
    for number in np.setdiff1d(np.flatnonzero(ours.extensions() > 0), found):
        row = ours.table[number]
        print(f"| {row['Source_Name']} | {row['GLON']:.2f} | {row['GLAT']:.2f} | "
              f"{row['ML_Ext_Form']} | {row['ML_Ext_Size']:.2f} | {row['ML_TS_Ext']:.0f} | "
              f"{row['ML_Prob']:.2f} |")  # fmt: skip


if __name__ == "__main__":
    main()
