"""A flare in a simulated sky and its light curve, with and without the spacecraft file.

    python benchmarks/time/injected_flare.py FOLDER

Simulates the sky of docs/light_curves.md into FOLDER, measures weekly fluxes of its sources, prints
what is found of the flare, and draws the figure of that page.
"""

import sys
import time
from pathlib import Path

import numpy as np
from astropy.table import Table

from fermiml import LightCurve, SkyCube, SkySimulator, SourceCatalog
from fermiml.model.from_catalog import sources_of
from fermiml.plot import style
from fermiml.plot.light_curves import plot_light_curve
from fermiml.sky.selection import modified_julian
from fermiml.sky.times import DAY
from fermiml.time.variability import threshold

sys.path.insert(0, str(Path(__file__).parents[1]))
from machine import machine

FIGURE = Path(__file__).parents[2] / "docs" / "figures" / "light_curve_flare.png"
WEEKS = 52
LEAST = 25.0  # Asimov TS of the sources that are in the model
SETTINGS = """\
seed: 8
sky: {centers: [[60, 50]], width: 8, projection: ZEA}
energy: {min: 300, max: 1e5, bins_per_decade: 8}
observation: {years: 1, events: true, spacecraft: true}
population: {preset: nominal, flares: 1}
"""


def measure(sky, catalog, **options):
    """Light curves of the sources of a catalog."""
    cube = SkyCube.read(sky / "events.fits", exposure=sky / "bexpmap.fits", time_bins=WEEKS,
                        **options)  # fmt: skip
    begin = time.process_time()
    result = LightCurve().run(catalog, cube)
    print(f"{len(result.rows)} sources, {time.process_time() - begin:.1f} s of CPU time")
    return result.catalog


def tell(catalog, row, text):
    """Print how variable a source is."""
    values = catalog.table[row]
    limit = threshold(np.isfinite(values["Flux_History"]).sum())
    print(f"{text}: {values['Source_Name']}, Asimov TS {values['TS_Asimov']:.0f}, index "
          f"{values['Variability_Index']:.1f} (99 % threshold {limit:.1f})")  # fmt: skip


def tell_flare(catalog, row, true):
    """Print what was found of the flare, beside the truth."""
    table, source = catalog.table[row], sources_of(catalog[[row]])
    scale = float(source.flux((1e3, 1e5))[0, 0] / source.flux((1e2, 1e5))[0, 0])
    edges = np.array(catalog.table.meta["Hist_Start"])
    seconds = np.diff(edges)
    low, high = true["Start"], true["Start"] + true["Duration"]
    during = (edges[1:] > low - seconds[0]) & (edges[:-1] < high + seconds[0])
    fluence = np.nansum((table["Flux_History"] * seconds)[during]) * scale
    error = np.sqrt(np.nansum((table["Unc_Flux_History"][:, 1] * seconds)[during] ** 2)) * scale
    print(f"fluence (1-100 GeV) {fluence:.4f} +- {error:.4f}, true {true['Fluence']:.4f} cm-2; "
          f"duration {true['Duration'] / DAY:.1f} d; peak "
          f"{(table['Time_Peak'] - true['Peak_Time']) / DAY:+.1f} d from the true one")  # fmt: skip


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "flare.yaml").write_text(SETTINGS)
    print(machine(8))
    (sky,) = SkySimulator(folder / "flare.yaml").run(folder / "sky")
    truth = SourceCatalog.read(sky / "truth.fits")
    catalog = truth.filter((truth.table["TS_Asimov"] > LEAST) & truth.table["Inside"])
    flare = Table.read(sky / "truth.fits", hdu="TRANSIENTS")[0]
    pointed = measure(sky, catalog, scfile=sky / "spacecraft.fits")
    unpointed = measure(sky, catalog)
    row = pointed.row_of(str(flare["Source_Name"]))
    steady = next(i for i in range(len(catalog)) if i != row)  # the brightest
    tell(pointed, row, "the flare")
    tell_flare(pointed, row, flare)
    tell(pointed, steady, "steady, with the spacecraft file")
    tell(unpointed, steady, "steady, without")
    others = np.setdiff1d(np.arange(len(catalog)), row)
    for name, found in (("with", pointed), ("without", unpointed)):
        index = np.asarray(found.table["Variability_Index"][others])
        print(f"{name} the spacecraft file {np.sum(index > threshold(WEEKS))} of the "
              f"{len(others)} steady sources vary; mean index {index.mean():.1f}")  # fmt: skip
    draw(pointed, unpointed, row, steady, flare)


def draw(pointed, unpointed, row, steady, flare):
    """Draw the flare, and a steady source with and without the spacecraft file."""
    figure = style.new_figure(11, 3)
    axes = figure.subplots(1, 3)
    plot_light_curve(pointed, row, axes[0])
    span = modified_julian(np.array([flare["Start"], flare["Start"] + flare["Duration"]]))
    axes[0].axvspan(*span, color=style.VERMILION, alpha=0.2, lw=0)
    axes[0].set_title("the flare; shaded: 90 % of its fluence", fontsize=9)
    for ax, catalog, text in ((axes[1], pointed, "with"), (axes[2], unpointed, "without")):
        plot_light_curve(catalog, steady, ax)
        ax.set_title(f"a steady source, {text} spacecraft file", fontsize=9)
    axes[2].set_ylim(*axes[1].get_ylim())
    style.save(figure, FIGURE, overwrite=True)


if __name__ == "__main__":
    main()
