"""Test the upper limits of `LikelihoodFit.limits`: how often is the true flux below them?

    python benchmarks/likelihood/upper_limits.py --fields 12

Every field has 25 sources, 2.5 deg apart on a true diffuse model (14 years, 12 deg, 6 bins a
decade), all of the same Asimov TS (0: none at all) and of index 2.2; each in turn is the target,
the others are in the model. From 500 MeV there is always a background; from 30 GeV there are
hardly any photons.
"""

import argparse
import logging
import sys
import time
from pathlib import Path

import numpy as np
from gammapy.maps import WcsNDMap

from fermiml import LikelihoodFit, SkyCube, SourceCatalog
from fermiml.model import point_sources
from fermiml.model.sources import Shapes, Sources
from fermiml.simulate import fields, sky_settings
from fermiml.sky.cube import Component, EnergyDispersion, Origin

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine

SEED = 11
ASIMOV = (0.0, 1.0, 4.0, 9.0)
LOWEST = (500.0, 30_000.0)  # MeV


def empty_field(lowest):
    """A field of diffuse emission alone, and positions in it (Galactic, deg)."""
    settings = sky_settings.check(
        {
            "seed": SEED,
            "sky": {"centers": [[100.0, 45.0]], "width": 14.0},
            "energy": {"min": lowest, "max": 1e6, "bins_per_decade": 6},
            "observation": {"years": 14},
            "population": {"preset": "none"},
        }
    )
    ((_, geom),) = fields.geometries(settings)
    (field,), _ = fields.simulate_field(fields.prepare(settings), geom, np.random.default_rng(SEED))
    step = 2.5 * (np.arange(5) - 2.0)
    column, row = (g.ravel() for g in np.meshgrid(step, step))
    return field, 100 + column / np.cos(np.radians(45 + row)), 45 + row


def sources_of_ts(field, lon, lat, ts):
    """Sources of an Asimov TS; of 0.01 for 0, where they are not simulated."""
    shapes = Shapes(*(np.full(lon.size, value) for value in (1000.0, 2.2, 0.0, 0.0)))
    flux = np.full(lon.size, 1e-11)
    for _ in range(30):
        sources = Sources.points(lon, lat, flux, shapes, "bll")
        alone = [
            point_sources.asimov_ts(field.observation, one, field.background
                                    + point_sources.total(field.observation, one))[0].sum()
            for one in (sources[[i]] for i in range(lon.size))
        ]  # fmt: skip
        ratio = max(ts, 0.01) / np.array(alone)
        if np.all(np.abs(np.log(ratio)) < 1e-3):
            break
        flux = flux * ratio**0.6  # TS goes with the flux or its square
    return sources


def cube_of(field, expected, rng):
    """Poisson counts."""
    o, given = field.observation, Origin("simulated")
    return SkyCube([Component(
        "all", WcsNDMap(o.geom, rng.poisson(expected)), field.selection,
        mask=np.ones(o.pixels.shape, bool), psf=o.psf, exposure=o.exposure_map,
        edisp=EnergyDispersion(o.true_edges, o.dispersion),
        background=WcsNDMap(o.geom, field.background),
        origins={"psf": given, "exposure": given, "edisp": given},
    )], "simulated")  # fmt: skip


def coverage(lowest, ts, number):
    """Which limits are above the true flux, and all TS."""
    field, lon, lat = empty_field(lowest)
    sources = sources_of_ts(field, lon, lat, ts)
    expected = field.background + 0.0
    if ts > 0:
        expected += point_sources.total(field.observation, sources)
    catalog = SourceCatalog.from_table({
        "GLON": lon, "GLAT": lat, "SpectrumType": ["PowerLaw"] * lon.size,
        "Pivot_Energy": sources.shapes.pivot, "PL_Flux_Density": sources.amplitude,
        "PL_Index": sources.shapes.index,
    })  # fmt: skip
    true = (ts > 0) * sources.flux((lowest, 1e6))[:, 0]
    above, found = [], []
    for realisation in range(number):
        rng = np.random.default_rng([SEED, int(lowest), int(ts), realisation])
        table = LikelihoodFit().limits(catalog.positions, cube_of(field, expected, rng),
                                       catalog if ts > 0 else None)  # fmt: skip
        above.extend(table["Flux_UL95"] > true)
        found.extend(table["TS"])
    photons = point_sources.total(field.observation, sources).sum() / lon.size * (ts > 0)
    return np.array(above), np.array(found), photons


def main():
    """Print the table of docs/fit.md."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--fields", type=int, default=12, help="fields for each row")
    options = parser.parse_args()
    logging.getLogger("fermiml").setLevel(logging.ERROR)  # each target replaces its own source
    print(machine(SEED))
    print("from (GeV)  Asimov TS  photons  positions  true flux below the limit  TS > 2.71  CPU s")
    for lowest in LOWEST:
        for ts in ASIMOV:
            start = time.process_time()
            above, found, photons = coverage(lowest, ts, options.fields)
            print(f"{lowest / 1e3:10g} {ts:10g} {photons:8.1f} {len(above):10} "
                  f"{above.mean():14.3f} +- {np.std(above) / np.sqrt(len(above)):.3f} "
                  f"{np.mean(found > 2.71):14.3f} {time.process_time() - start:8.0f}",
                  flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
