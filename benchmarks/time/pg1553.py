"""Light curves of real data, ten months around PG 1553+113: numbers and figure of the manual.

    FERMIML_TEST_DATA=FOLDER python benchmarks/time/pg1553.py

Monthly fluxes of the sources of 4FGL-DR4 (which fermipy brings) with their mean spectra, background
from the coarse v07 model and the isotropic spectrum in FOLDER.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np
from astropy.coordinates import SkyCoord

from fermiml import LightCurve, SkyCube, SourceCatalog
from fermiml.model.from_catalog import find
from fermiml.plot import style
from fermiml.plot.light_curves import plot_light_curve
from fermiml.time.variability import threshold

sys.path.insert(0, str(Path(__file__).parents[1]))
from machine import machine

FIGURE = Path(__file__).parents[2] / "docs" / "figures" / "light_curve_pg1553.png"
SYSTEMATIC = 0.07  # of monthly exposure that goes with good time
CENTER = SkyCoord(238.93, 11.19, unit="deg")  # PG 1553+113


def main():
    folder = Path(os.environ["FERMIML_TEST_DATA"])
    real, diffuse = folder / "real" / "pg1553_100mev", folder / "diffuse"
    print(machine(None))
    catalog = SourceCatalog.read(find("4FGL-DR4"))
    cube = SkyCube.read(real / "ft1_00.fits.gz", exposure=real / "bexpmap_roi_00.fits.gz",
                        center=CENTER, width=7, time_bins="monthly")  # fmt: skip
    model = {"galdiff": diffuse / "gll_iem_v07_allsky_1p5deg_fixed.fits",
             "iso": diffuse / "iso_P8R3_SOURCE_V3_v1.txt"}  # fmt: skip
    begin = time.process_time()
    result = LightCurve(**model).run(catalog, cube)
    table, before = result.catalog.table[result.rows], catalog.table[result.rows]
    spent = time.process_time() - begin
    doubtful = LightCurve(**model, systematic=SYSTEMATIC).run(catalog, cube).catalog.table
    months = table["Flux_History"].shape[1]
    print(f"{len(table)} sources, {months} months, {spent:.1f} s of CPU; "
          f"99 % threshold {threshold(months):.1f}")  # fmt: skip
    best = np.argsort(-table["Variability_Index"])
    for i in best:
        row, index = table[i], doubtful["Variability_Index"][result.rows[i]]
        print(f"{row['Source_Name']} ({row['ASSOC1']}): index {row['Variability_Index']:.1f}, "
              f"with {SYSTEMATIC:.0%} {index:.1f}; fractional variability "
              f"{row['Frac_Variability']:.2f} +- {row['Unc_Frac_Variability']:.2f}; mean flux "
              f"{np.nanmean(row['Flux_History']):.2e}, in 4FGL-DR4's 14 years "
              f"{np.nanmean(before['Flux_History'][i]):.2e}")  # fmt: skip
    figure = style.new_figure(11, 3)
    for ax, row in zip(figure.subplots(1, 3), best[:3], strict=True):
        plot_light_curve(result.catalog, result.rows[row], ax)
        ax.set_title(f"{table['Source_Name'][row]} ({table['ASSOC1'][row]})", fontsize=9)
    style.save(figure, FIGURE, overwrite=True)


if __name__ == "__main__":
    main()
