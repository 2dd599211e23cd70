"""Validate `fermiml inject`: its prediction for the sources of a simulated field.

    fermiml inject FIELD/counts.fits --exposure FIELD/bexpmap.fits --psf FIELD/psf.fits \
        --background FIELD/background.fits --rounds 12 -o INJECTED        # for each field
    python benchmarks/detection/inject_check.py FIELD:INJECTED ... -o docs/figures/inject_check

The completeness measured with injected sources is evaluated at the flux and position of every true
AGN of the field (Asimov TS does not enter), and compared with the number of them that the same
detector found in the original data. Unlike injected sources, true sources may also be close to
other sources. Prints a table in Markdown and draws a figure.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from astropy.io import fits
from gammapy.maps import WcsNDMap

from fermiml import SourceCatalog
from fermiml.evaluate import metrics
from fermiml.inject import sensitivity
from fermiml.inject.artificial_sources import CLASSES
from fermiml.plot import performance, style
from fermiml.simulate.read_fields import read_sky

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine


def check(field, folder):
    """Predicted completeness of the true AGN of a field, and which of them were found."""
    sky = read_sky(field, background="none")
    table = SourceCatalog.read(folder / "injected.fits").table
    detected = SourceCatalog.read(folder / "detected.fits").positions
    found_by = np.asarray(table["Found"], bool)
    fit = sensitivity.fit_completeness(table["S1"] / table["S1_Reference"], found_by)
    with fits.open(folder / "sensitivity.fits") as hdus:
        half = WcsNDMap.from_hdulist(hdus, hdu="S1_50")
    truth = sky.truth.table
    position = sky.truth.positions
    use = np.isin(np.asarray(truth["CLASS1"], str), CLASSES["AGN"])
    use &= sky.cube.components[0].away_from_edge(position)
    ratio = np.asarray(truth["S1"], float) / half.interp_by_coord(position.galactic)
    predicted = 1 / (1 + ratio ** -fit[1])
    match = metrics.match(detected, position, np.full(len(position), np.inf))
    found = np.zeros(len(position), bool)
    found[match[match >= 0]] = True
    use &= np.isfinite(predicted)
    return predicted[use], found[use]


def main():
    """Print the table, draw the figure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pairs", nargs="+", help="FIELD:INJECTED")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    print(machine(1))
    print("| field | true AGN | predicted to be found | found |\n|---|---|---|---|")
    parts = []
    for pair in options.pairs:
        field, folder = map(Path, pair.split(":"))
        predicted, found = check(field, folder)
        parts.append((predicted, found))
        error = np.sqrt(np.sum(predicted * (1 - predicted)))
        print(f"| {field.name} | {len(found)} | {predicted.sum():.1f} +- {error:.1f} "
              f"| {found.sum()} |")  # fmt: skip
    predicted, found = (np.concatenate(p) for p in zip(*parts, strict=True))
    figure = style.new_figure(4.5, 4)
    rows = metrics.reliability(predicted, found, low=0.01, high=1.0)
    ax = performance.plot_reliability({"true AGN": rows}, figure.add_subplot())
    ax.set(xlabel="predicted completeness", ylabel="found")
    style.save(figure, options.output.with_suffix(".png"), overwrite=True, dpi=80)


if __name__ == "__main__":
    main()
