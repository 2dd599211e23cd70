"""Compare detections in real LAT data with published catalogs.

    FERMIML_TEST_DATA=... python benchmarks/detection/real_data.py [--model NAME] -o docs/figures

For each data set: the detections at the network's default threshold; how many of them are sources
of the catalog; how many of the sources whose Asimov TS in this cube exceeds 25 are found (TS
with official diffuse models and the catalog's spectra, so it assumes that no source varied); and
how many detections would match by chance (positions shifted by 3 deg in longitude). Nothing was
trained or tuned on these data. Needs fermipy (its catalogs). Writes real_data.json and a figure of
each data set.
"""

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from fermiml import SourceCatalog, SourceDetector
from fermiml.files import write_text
from fermiml.model import convolve, diffuse, from_catalog, point_sources
from fermiml.model.observation import Observation
from fermiml.plot import sky, style
from fermiml.sky.bands import EDGES

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine
from simulation import reality

DETECTABLE = 25.0
RADIUS = 0.3  # deg


_KNOWN = {case.name: case for case in reality.CASES}


@dataclass(frozen=True)
class Comparison:
    """A data set, and the catalog it is compared with."""

    data: reality.Case
    title: str
    catalog: str = "4FGL-DR4"
    name: str = "4FGL-DR4"  # of the catalog
    radius: float = RADIUS


CASES = (
    Comparison(
        replace(
            _KNOWN["j2024_ft1"],
            options={
                "center": SkyCoord(47, -19, unit="deg", frame="galactic"),
                "width": 10.0,
                "emin": 500.0,
                "emax": 5e5,
            },
        ),
        "A field at b = -19 deg: 1-500 GeV, 8.9 years",
    ),
    Comparison(_KNOWN["pg1553_100mev"], "Around PG 1553+113: 100 MeV-300 GeV, 10 months"),
    Comparison(replace(_KNOWN["3fhl_gc"], irf=None), "The Galactic centre: 10-500 GeV, 7 years"),
    Comparison(
        reality.Case("gc_clean_psf23", "gc_clean_psf23", "iso_P8R3_SOURCE_V3_v1.txt"),
        "The Galactic centre: PSF2 and PSF3 events above 4 GeV, 16 years",
    ),
    Comparison(
        reality.Case(
            "3fhl_allsky",
            "3fhl_allsky/fermi_3fhl_counts_cube_hpx.fits.gz",
            "iso_P8R2_SOURCE_V6_v06.txt",
            exposure="3fhl_allsky/fermi_3fhl_exposure_cube_hpx.fits.gz",
            psf="3fhl_allsky/fermi_3fhl_psf_gc.fits.gz",
        ),
        "The whole sky: 10 GeV-2 TeV, 7 years",
        catalog="catalogs/gll_psch_v13.fit.gz",
        name="3FHL",
        radius=0.7,  # the pixels measure 0.9 deg
    ),
)


def known_sources(case, folder, cube):
    """Positions of the catalog's sources in the data, and the Asimov TS of each there."""
    path = from_catalog.find(case.catalog) if "/" not in case.catalog else _existing(folder, case)
    sources, _ = from_catalog.own_sources(path)
    position = SkyCoord(sources.lon, sources.lat, unit="deg", frame="galactic")
    near = position.separation(cube.center).deg < _radius(cube) + 5
    sources, position = sources[near], position[near]
    model = reality.galactic(folder).intensity
    flat = diffuse.isotropic_file(folder / "diffuse" / case.data.isotropic).intensity
    total = np.zeros(len(sources))
    for component in cube.components:
        observation = Observation.like(component)
        expected = convolve.expect(observation, model) + convolve.expect(observation, flat)
        expected += point_sources.total(observation, sources)
        ts, _ = point_sources.asimov_ts(observation, sources, expected)
        total += ts[:, component.energy_edges[:-1] > 0.95 * EDGES[0]].sum(axis=1)
    inside = cube.components[0].away_from_edge(position)
    return position[inside], total[inside]


def _existing(folder, case):
    """A file of the folder, gzipped or not."""
    path = folder / case.catalog
    return path if path.exists() else path.with_suffix("")


def _radius(cube):
    """Radius (deg) around the centre that holds the data."""
    component = cube.components[0]
    observed = np.flatnonzero(component.mask)
    some = observed[:: max(1, len(observed) // 5000)]
    return component.positions_of(some).separation(cube.center).deg.max()


def compare(case, catalog, cube, position, ts):
    """How detections and catalog go together."""
    inside = cube.components[0].away_from_edge(catalog.positions)
    detected = catalog.positions[inside].galactic
    return {
        "detections": len(detected),
        "in the catalog": _matched(detected, position, case.radius),
        "by chance": _by_chance(detected, position, case.radius),
        "catalog, TS > 25": int((ts > DETECTABLE).sum()),
        "found of these": _matched(position[ts > DETECTABLE], detected, case.radius),
        "expected real": float(catalog.table["ML_Prob"][inside].sum()),
        "median separation": _separation(detected, position, case.radius),
    }


def _nearest(first, second):
    if not len(first) or not len(second):
        return np.full(len(first), 180.0)
    return first.match_to_catalog_sky(second)[1].deg


def _matched(first, second, radius):
    return int((_nearest(first, second) < radius).sum())


def _by_chance(detected, position, radius, shift=3.0):
    moved = [
        SkyCoord(detected.l + s * shift * u.deg, detected.b, frame="galactic") for s in (-1, 1)
    ]
    return float(np.mean([_matched(m, position, radius) for m in moved]))


def _separation(detected, position, radius):
    distance = _nearest(detected, position)
    distance = distance[distance < radius]
    return float(np.median(distance)) if len(distance) else None


def plot(case, cube, catalog, position, ts, path):
    """Smoothed counts with detections (95 % ellipses) and known sources of TS > 25 (crosses)."""
    known = position[ts > DETECTABLE]
    known = SourceCatalog.from_table({"GLON": known.l.deg, "GLAT": known.b.deg})
    figure = style.new_figure(9, 8)
    ax = figure.add_subplot(projection=sky.projection(cube))
    sky.plot_counts(cube, catalog, ax, label="fermiml")
    sky.plot_sources(
        known, ax, color=style.VERMILION, marker="x", label=f"{case.name}, expected TS > 25"
    )
    ax.legend(loc="upper right")
    ax.set_title(case.title)
    style.save(figure, path, overwrite=True)


def main():
    """Print and write the table, draw the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="lat-best")
    parser.add_argument("--only", help="one data set")
    parser.add_argument("-o", "--output", default=".", type=Path)
    options = parser.parse_args()
    folder = Path(os.environ["FERMIML_TEST_DATA"])
    detector = SourceDetector.from_pretrained(options.model)
    results = {"machine": machine(seed=0), "model": options.model}
    for case in CASES:
        if options.only not in (None, case.data.name):
            continue
        cube = reality.read(case.data, folder)
        start = time.perf_counter()
        catalog = detector.run(cube)
        seconds = time.perf_counter() - start
        if case.catalog == "4FGL-DR4":
            catalog = catalog.associate(SourceCatalog.read(from_catalog.find(case.catalog)))
        position, ts = known_sources(case, folder, cube)
        results[case.data.name] = compare(case, catalog, cube, position, ts) | {"seconds": seconds}
        print(case.data.name, json.dumps(results[case.data.name]), flush=True)
        plot(case, cube, catalog, position, ts, options.output / f"real_{case.data.name}.png")
    write_text(options.output / "real_data.json", json.dumps(results, indent=1), overwrite=True)


if __name__ == "__main__":
    main()
