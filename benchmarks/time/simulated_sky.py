"""Light curves of a simulated sky whose active galaxies vary, beside the true ones.

fermiml simulate sim.yaml -o sky      (observation: {events: true}, variability: nominal)
fermiml lightcurve sky/truth.fits sky/events.fits ... -o lc.fits
python benchmarks/time/simulated_sky.py sky/truth.fits sky/events.fits lc.fits
"""

import argparse

import numpy as np

from fermiml import SourceCatalog
from fermiml.fitsfile import open_fits
from fermiml.model.from_catalog import sources_of
from fermiml.sky.selection import Selection
from fermiml.sky.times import good_time

LEAST = 100.0  # Asimov TS, for the pulls


def true_curves(truth, gti, edges):
    """Relative flux of every variable source in intervals: name -> array."""
    with open_fits(truth) as hdus:
        bins, curves = hdus["LIGHTCURVE_BINS"].data, hdus["LIGHTCURVES"].data
        steps = np.append(bins["START"], bins["STOP"][-1]).astype(float)
        relative = {str(row["Source_Name"]).strip(): np.array(row["Relative_Flux"], float)
                    for row in curves}  # fmt: skip
    seconds = good_time(steps, gti)
    number = np.digitize((steps[1:] + steps[:-1]) / 2, edges) - 1
    inside = (number >= 0) & (number < len(edges) - 1)

    def mean(values):
        return np.bincount(number[inside], values[inside], minlength=len(edges) - 1)

    return {name: mean(flux * seconds) / mean(seconds) for name, flux in relative.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("truth", "events", "lightcurve"):
        parser.add_argument(name)
    arguments = parser.parse_args()
    with open_fits(arguments.events) as hdus:
        gti = Selection.from_hdus(hdus).gti
    catalog = SourceCatalog.read(arguments.lightcurve)
    table, edges = catalog.table, np.array(catalog.table.meta["Hist_Start"])
    truth = true_curves(arguments.truth, gti, edges)
    unit = sources_of(catalog).flux((100.0, 1e5))[:, 0]
    bright = np.flatnonzero(np.isfinite(table["Flux_History"][:, 0]) & (table["TS_Asimov"] > LEAST))
    pulls = []
    for row in bright[np.argsort(-table["TS_Asimov"][bright])]:
        true = truth.get(str(table["Source_Name"][row]), np.ones(len(edges) - 1))
        flux, errors = table["Flux_History"][row] / unit[row], table["Unc_Flux_History"][row]
        below = (flux < true) | np.isnan(errors[:, 0])
        pulls.append((flux - true) * unit[row] / np.where(below, errors[:, 1], -errors[:, 0]))
        print(f"{table['Source_Name'][row]}: Asimov TS {table['TS_Asimov'][row]:.0f}, index "
              f"{table['Variability_Index'][row]:.1f}, pulls {np.mean(pulls[-1]):.2f} +- "
              f"{np.std(pulls[-1]):.2f}")  # fmt: skip
    print(f"{len(pulls)} sources: pulls {np.mean(pulls):.3f}, standard deviation "
          f"{np.std(pulls):.3f}")  # fmt: skip


if __name__ == "__main__":
    main()
