"""Forms, sizes and positions of extended sources in `fermiml fit`, against the truth.

    python benchmarks/likelihood/extents.py [--number 24]
    python benchmarks/likelihood/extents.py --fermipy DIR [--number 24]

A disk, a Gaussian or a ring of 0.2 to 1 deg lies among five points in a field of 8 deg at b = 45
deg (10 years, 1-100 GeV), over known diffuse emission. The fit starts 0.1 deg beside it, with a
form drawn at random and a size that is wrong by a factor of up to 1.5; the points start 0.03 deg
off, without a spectrum.

With `--fermipy` the Fermitools fit the same scenes, in the 14 years of an analysis in DIR, which is
made there if there is none; what is expected of the sources comes from fermiml all the same. They
know no rings: the last line is about the other scenes.
"""

import argparse
import logging
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1]))
from machine import machine
from makers import smallskies as sky

from fermiml import LikelihoodFit, SourceCatalog
from fermiml.catalog.extended_sources import extended_table
from fermiml.model import point_sources
from fermiml.model.observation import Observation
from fermiml.model.sources import DISK, GAUSS, MODEL_FORMS, POINT, RADIUS_68, RING, concatenate

SEED = 19
POINTS = 5
WIDTH = 8.0  # deg
RADII = {MODEL_FORMS[form]: radius for form, radius in RADIUS_68.items()}


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


class Gammapy:
    """Cubes in memory, and the fit of fermiml's own."""

    def data(self, true, seed):
        """Return the counts of a scene."""
        return sky.cube(true, seed=seed, width=WIDTH, edges=tuple(np.geomspace(1e3, 1e5, 13)))

    def fit(self, given, cube):
        """Fit a scene."""
        return sky.fit(given, cube, bands=False)


class Fermitools:
    """An analysis whose counts are replaced by those of a scene."""

    def __init__(self, folder):
        from fermiml.fermipy import GTAnalysis, example
        from fermiml.fermipy.data import cube_of

        config = folder / "config.yaml"
        if not config.is_file():
            config = example.make(
                folder, SEED, (sky.LON, sky.LAT), WIDTH, population={"preset": "none"}
            )
        self._gta = GTAnalysis(str(config), logging={"verbosity": 1})
        self._gta.setup()
        self._gta.write_roi("begin", make_plots=False)
        self._diffuse = self._gta.components[0].model_counts_map().data
        self._seen = Observation.like(cube_of(self._gta).components[0], dispersion=False)

    def data(self, true, seed):
        """Give the counts of a scene to the analysis, and return that."""
        self._gta.load_roi("begin")
        expected = np.maximum(self._diffuse, 0) + point_sources.total(self._seen, true)
        counts = np.random.default_rng(seed).poisson(expected).astype(float)
        self._gta.components[0].like.logLike.setCountsMap(np.ravel(counts))
        return self._gta

    def fit(self, given, gta):
        """Fit a scene."""
        return LikelihoodFit("fermipy").run(given, gta)


def main():
    """Fit scenes, and print one line for each, then pulls."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--number", type=int, default=24)
    parser.add_argument("--fermipy", type=Path, metavar="DIR")
    given = parser.parse_args()
    logging.getLogger("fermiml").setLevel(logging.ERROR)
    engine = Fermitools(given.fermipy) if given.fermipy else Gammapy()
    print("form         r68 (deg)   started as   fitted as      fitted   error    TS_ext"
          "   off / 95 % radius   flux / true   CPU s")  # fmt: skip
    lines = []
    for i in range(given.number):
        rng = np.random.default_rng([SEED, i])
        true = scene(rng)
        start, data = seeds(true, rng), engine.data(true, i)
        began = time.process_time()
        row = engine.fit(start, data).table[0]
        if "Unc_ML_Ext_Size" not in row.colnames:
            print(f"scene {i} could not be fitted", flush=True)
            continue
        line = measured(true, start.table[0], row, time.process_time() - began)
        if not (given.fermipy and line["form"] == "Ring"):
            lines.append(line)
    print_summary(lines)
    print(machine(SEED))


def measured(true, start, row, seconds):
    """Compare a row with the truth, and print that."""
    lon = (row["GLON"] - true.lon[0]) * np.cos(np.radians(true.lat[0]))
    off = np.hypot(lon, row["GLAT"] - true.lat[0]) / row["Conf_95_SemiMajor"]
    form, truth = MODEL_FORMS[true.form[0]], true.size[0] * RADIUS_68[true.form[0]]
    scale = RADII[row["ML_Ext_Form"]]
    size, error = row["ML_Ext_Size"] * scale, row["Unc_ML_Ext_Size"] * scale
    print(f"{form:<12}{truth:>10.3f}   {start['ML_Ext_Form']:<13}{row['ML_Ext_Form']:<13}"
          f"{size:>8.3f}{error:>8.3f}{row['ML_TS_Ext']:>10.0f}{off:>20.2f}"
          f"{row['Flux1000'] / true.flux1000[0]:>14.2f}{seconds:>8.0f}", flush=True)  # fmt: skip
    return {
        "form": form, "right": row["ML_Ext_Form"] == form, "pull": (size - truth) / error,
        "inside": off < 1, "flux": (row["Flux1000"] - true.flux1000[0]) / row["Unc_Flux1000"],
    }  # fmt: skip


def print_summary(lines):
    """Print the fractions that are right, and the pulls."""
    right, pulls, inside, fluxes = (
        np.array([line[key] for line in lines]) for key in ("right", "pull", "inside", "flux")
    )
    print(f"\nforms: {np.mean(right):.2f} of {len(lines)} right; "
          f"68 % radii: {np.mean(np.abs(pulls) < 1):.2f} within one error, "
          f"{np.mean(np.abs(pulls) < 2):.2f} within two, mean pull {pulls.mean():.2f}, width "
          f"{pulls.std():.2f}; positions in the 95 % radius: {np.mean(inside):.2f}; "
          f"flux: mean pull {fluxes.mean():.2f}, width {fluxes.std():.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
