"""Sizes and positions of extended sources in `fermiml fit`, against the truth.

    python benchmarks/likelihood/extents.py [--number 24]

A disk, a Gaussian or a ring of 0.2 to 1 deg lies among five points in a field of 8 deg at b = 45
deg (10 years, 1-100 GeV), over known diffuse emission. The fit starts 0.1 deg beside it, with a
size that is wrong by a factor of up to 1.5; the points start 0.03 deg off, without a spectrum.
"""

import argparse
import logging
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1]))
from machine import machine
from makers import smallskies as sky

from fermiml import SourceCatalog
from fermiml.catalog.extended_sources import extended_table
from fermiml.model.sources import DISK, GAUSS, MODEL_FORMS, POINT, RING, concatenate

SEED = 19
POINTS = 5
WIDTH = 8.0  # deg


def scene(rng):
    """One extended source, and points around it."""
    form, size = rng.choice([DISK, GAUSS, RING]), np.exp(rng.uniform(*np.log([0.2, 1.0])))
    flux = 1e-9 * np.exp(rng.uniform(-0.7, 1.7)) * max(size / 0.4, 1)
    body = sky.power_laws(sky.LON, sky.LAT, flux, rng.uniform(1.9, 2.5)).extended_to([form], [size])
    lon = sky.LON + rng.uniform(-3, 3, POINTS) / np.cos(np.radians(sky.LAT))
    lat = sky.LAT + rng.uniform(-3, 3, POINTS)
    points = sky.power_laws(
        lon, lat, rng.uniform(2e-10, 2e-9, POINTS), rng.uniform(1.9, 2.5, POINTS)
    )
    return concatenate([body, points])


def seeds(sources, rng):
    """What a detection might give: positions, and the form of the first source with a size."""
    off = np.where(sources.form == POINT, 0.03, 0.1) * np.exp(1j * rng.uniform(0, 2 * np.pi, 6))
    lon = sources.lon + off.real / np.cos(np.radians(sources.lat))
    table = SourceCatalog.from_table({"GLON": lon, "GLAT": sources.lat + off.imag}).table
    table["ML_Ext_Form"] = [MODEL_FORMS[sources.form[0]], *[""] * POINTS]
    table["ML_Ext_Size"] = sources.size * np.exp(rng.uniform(-0.4, 0.4))
    table["Extended_Source_Name"] = np.where(sources.size > 0, table["Source_Name"], "")
    return SourceCatalog(table, extended=extended_table(table))


def main():
    """Fit scenes, and print one line for each, then pulls."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--number", type=int, default=24)
    number = parser.parse_args().number
    logging.getLogger("fermiml").setLevel(logging.ERROR)
    print("form           size (deg)   fitted   error    TS_ext   off / 95 % radius   flux / true")
    pulls, inside, fluxes = [], [], []
    for i in range(number):
        rng = np.random.default_rng([SEED, i])
        true = scene(rng)
        cube = sky.cube(true, seed=i, width=WIDTH, edges=tuple(np.geomspace(1e3, 1e5, 13)))
        row = sky.fit(seeds(true, rng), cube, bands=False).table[0]
        lon = (row["GLON"] - true.lon[0]) * np.cos(np.radians(true.lat[0]))
        off = np.hypot(lon, row["GLAT"] - true.lat[0]) / row["Conf_95_SemiMajor"]
        size, error = row["ML_Ext_Size"], row["Unc_ML_Ext_Size"]
        print(f"{MODEL_FORMS[true.form[0]]:<14}{true.size[0]:>10.3f}{size:>11.3f}{error:>8.3f}"
              f"{row['ML_TS_Ext']:>10.0f}{off:>16.2f}"
              f"{row['Flux1000'] / true.flux1000[0]:>20.2f}", flush=True)  # fmt: skip
        pulls.append((size - true.size[0]) / error)
        inside.append(off < 1)
        fluxes.append((row["Flux1000"] - true.flux1000[0]) / row["Unc_Flux1000"])
    pulls, fluxes = np.array(pulls), np.array(fluxes)
    print(f"\nsizes: {np.mean(np.abs(pulls) < 1):.2f} within one error, "
          f"{np.mean(np.abs(pulls) < 2):.2f} within two, mean pull {pulls.mean():.2f}, width "
          f"{pulls.std():.2f}; positions in the 95 % radius: {np.mean(inside):.2f}; "
          f"flux: mean pull {fluxes.mean():.2f}, width {fluxes.std():.2f}")  # fmt: skip
    print(machine(SEED))


if __name__ == "__main__":
    main()
