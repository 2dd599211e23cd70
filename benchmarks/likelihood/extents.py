"""Forms, sizes and positions of extended sources in `fermiml fit`, against the truth.

    python benchmarks/likelihood/extents.py [--number 24]

A disk, a Gaussian or a ring of 0.2 to 1 deg lies among five points in a field of 8 deg at b = 45
deg (10 years, 1-100 GeV), over known diffuse emission. The fit starts 0.1 deg beside it, with a
form drawn at random and a size that is wrong by a factor of up to 1.5; the points start 0.03 deg
off, without a spectrum.
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
from fermiml.model.sources import DISK, GAUSS, MODEL_FORMS, POINT, RADIUS_68, RING, concatenate

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
    """What a detection might give: positions, and a form and a size of the first source."""
    off = np.where(sources.form == POINT, 0.03, 0.1) * np.exp(1j * rng.uniform(0, 2 * np.pi, 6))
    lon = sources.lon + off.real / np.cos(np.radians(sources.lat))
    table = SourceCatalog.from_table({"GLON": lon, "GLAT": sources.lat + off.imag}).table
    form = rng.choice(list(RADIUS_68))
    radius = sources.size * RADIUS_68[sources.form[0]] * np.exp(rng.uniform(-0.4, 0.4))
    table["ML_Ext_Form"] = [MODEL_FORMS[form], *[""] * POINTS]
    table["ML_Ext_Size"] = radius / RADIUS_68[form]
    table["Extended_Source_Name"] = np.where(sources.size > 0, table["Source_Name"], "")
    return SourceCatalog(table, extended=extended_table(table))


def main():
    """Fit scenes, and print one line for each, then pulls."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--number", type=int, default=24)
    number = parser.parse_args().number
    logging.getLogger("fermiml").setLevel(logging.ERROR)
    print("form         r68 (deg)   started as   fitted as      fitted   error    TS_ext"
          "   off / 95 % radius   flux / true")  # fmt: skip
    right, pulls, inside, fluxes = [], [], [], []
    for i in range(number):
        rng = np.random.default_rng([SEED, i])
        true = scene(rng)
        cube = sky.cube(true, seed=i, width=WIDTH, edges=tuple(np.geomspace(1e3, 1e5, 13)))
        given = seeds(true, rng)
        row = sky.fit(given, cube, bands=False).table[0]
        lon = (row["GLON"] - true.lon[0]) * np.cos(np.radians(true.lat[0]))
        off = np.hypot(lon, row["GLAT"] - true.lat[0]) / row["Conf_95_SemiMajor"]
        form, truth = MODEL_FORMS[true.form[0]], true.size[0] * RADIUS_68[true.form[0]]
        scale = {MODEL_FORMS[f]: radius for f, radius in RADIUS_68.items()}[row["ML_Ext_Form"]]
        size, error = row["ML_Ext_Size"] * scale, row["Unc_ML_Ext_Size"] * scale
        print(f"{form:<12}{truth:>10.3f}   {given.table['ML_Ext_Form'][0]:<13}"
              f"{row['ML_Ext_Form']:<13}{size:>8.3f}{error:>8.3f}{row['ML_TS_Ext']:>10.0f}{off:>20.2f}"
              f"{row['Flux1000'] / true.flux1000[0]:>14.2f}", flush=True)  # fmt: skip
        right.append(row["ML_Ext_Form"] == form)
        pulls.append((size - truth) / error)
        inside.append(off < 1)
        fluxes.append((row["Flux1000"] - true.flux1000[0]) / row["Unc_Flux1000"])
    pulls, fluxes = np.array(pulls), np.array(fluxes)
    print(f"\nforms: {np.mean(right):.2f} right; "
          f"68 % radii: {np.mean(np.abs(pulls) < 1):.2f} within one error, "
          f"{np.mean(np.abs(pulls) < 2):.2f} within two, mean pull {pulls.mean():.2f}, width "
          f"{pulls.std():.2f}; positions in the 95 % radius: {np.mean(inside):.2f}; "
          f"flux: mean pull {fluxes.mean():.2f}, width {fluxes.std():.2f}")  # fmt: skip
    print(machine(SEED))


if __name__ == "__main__":
    main()
