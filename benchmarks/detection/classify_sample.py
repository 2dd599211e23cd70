"""Make the training sample of the classifier: sources of known class, measured like candidates.

    python benchmarks/detection/classify_sample.py -o SAMPLE [train short held]

simulates fields in which half of the sources are pulsars, in SAMPLE/<set>/field_0000 and so on, and
measures their sources at the true positions. AGN and pulsars have the same flux and position
distributions, so that only their spectra differ: the classifier learns a likelihood ratio from the
sample, to which it adds the real fractions as a prior. Both sets use the longitudes of the
training skies and one of their diffuse models; a third, `held`, those of the selection skies.

    python benchmarks/detection/classify_sample.py --measure FOLDER ...

measures the sources of existing fields.

Each field gets a table, class.fits, beside its counts: columns of the photometry, TRUE_CLASS,
TS_Asimov, and PATCH (band, y, x), the counts of the 7x7 pixels of 0.1 deg around the source.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table, vstack

from fermiml import SkyCube, SkySimulator, SourceCatalog
from fermiml.model.sources import Sources, concatenate
from fermiml.photometry.measure import measure
from fermiml.simulate import fields, sky_settings, splits

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
import skies as benchmark_skies

SETS = {  # split, years, fields by zone, seed
    "train": ("train", 14, {"high": 8, "middle": 6, "plane": 6}, 700),
    "short": ("train", 2, {"high": 4, "middle": 2, "plane": 2}, 710),
    "held": ("selection", 14, {"high": 2, "middle": 1, "plane": 1}, 720),  # for classes_with_time
}
RADIUS = 16.0  # deg around a field's centre
DENSITY = 0.3  # sources per deg2
CLASSES = {"bll": 0.25, "fsrq": 0.25, "PSR": 0.25, "MSP": 0.25}
FLUX = (1.5e-10, 3e-8)  # ph cm-2 s-1, 1-100 GeV
SLOPE = 1.6  # of dN/dS
PULSARS = ("PSR", "MSP")
LEAST = 9.0  # Asimov TS
HALF = 3  # pixels on each side of a source in its patch


def configuration(name):
    """The checked configuration of a set."""
    split, years, number, seed = SETS[name]
    return sky_settings.check(
        {
            "seed": seed,
            "sky": {
                "centers": benchmark_skies.centers(split, number),
                "width": 20.0,
                "projection": "ZEA",
            },
            "energy": {"edges": list(benchmark_skies.EDGES)},
            "observation": {"years": years},
            "diffuse": dict(splits.split(split).diffuse[0]),
            "wrong": {"model": "none"},
        }
    )


def prepare(settings):
    """A setup with as many pulsars as AGN."""
    setup = fields.prepare(settings)
    rng = np.random.default_rng([settings["seed"], 1])
    return replace(setup, own=_sources(settings["sky"]["centers"], setup.shapes, rng))


def _sources(centers, shapes, rng):
    """Sources around each of the centres; brighter ones near the plane, where fewer are seen."""
    parts = []
    for lon, lat in centers:
        cap = SkyCoord(lon, lat, unit="deg", frame="galactic")
        total = rng.poisson(DENSITY * np.pi * RADIUS**2)
        for name, share in CLASSES.items():
            number = rng.binomial(total, share)
            place = cap.directional_offset_by(
                rng.uniform(0, 360, number) * u.deg, RADIUS * np.sqrt(rng.random(number)) * u.deg
            )
            flux = _fluxes(rng, number) * (1 + 3 * np.exp(-np.abs(place.b.deg) / 4))
            drawn = shapes[name][rng.integers(len(shapes[name]), size=number)]
            parts.append(Sources.points(place.l.deg, place.b.deg, flux, drawn, name))
    return concatenate(parts)


def _fluxes(rng, number):
    low, high = np.array(FLUX) ** (1 - SLOPE)
    return (low + rng.random(number) * (high - low)) ** (1 / (1 - SLOPE))


def measured(folder):
    """The table of a field's sources."""
    cube = SkyCube.read(
        folder / "counts.fits", exposure=folder / "bexpmap.fits", psf=folder / "psf.fits"
    )
    truth = SourceCatalog.read(folder / "truth.fits").table
    seen = (truth["TS_Asimov"] > LEAST) & truth["Inside"] & (truth["Extended_Source_Name"] == "")
    truth = truth[seen]
    position = SkyCoord(truth["RAJ2000"], truth["DEJ2000"], unit="deg", frame="fk5")
    table = measure(cube, position)
    table["TRUE_CLASS"] = np.where(np.isin(truth["CLASS1"], PULSARS), "PSR", "AGN")
    table["TS_Asimov"] = np.asarray(truth["TS_Asimov"], np.float32)
    table["PATCH"] = _patches(cube, position)
    return table


def _patches(cube, position):
    """Counts (source, band, y, x) of the pixels around each position, NaN off the data."""
    (banded,) = cube.bands()
    x, y = banded.component.geom.to_image().coord_to_pix(position)
    pad = [(0, 0), (HALF, HALF), (HALF, HALF)]
    padded = np.pad(banded.counts.astype(np.float32), pad, constant_values=np.nan)
    step = np.arange(2 * HALF + 1)
    rows = np.round(y).astype(int)[:, None, None] + step[:, None]
    columns = np.round(x).astype(int)[:, None, None] + step
    return np.moveaxis(padded[:, rows, columns], 0, 1)


def make(folders):
    """Measure what is not measured yet."""
    for folder in folders:
        if not (folder / "class.fits").is_file():
            measured(folder).write(folder / "class.fits")
            print(folder, flush=True)


def read(folders):
    """One table of all sources in the fields below some folders, with their field's number."""
    tables = []
    for path in sorted(p for f in folders for p in Path(f).glob("field_*/class.fits")):
        table = Table.read(path, character_as_bytes=False)
        table.meta.clear()
        tables.append(table.filled(np.nan) if table.has_masked_columns else table)
        tables[-1]["FIELD"] = len(tables)
    return vstack(tables)


def main():
    """Simulate and measure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sets", nargs="*", default=list(SETS), help=", ".join(SETS))
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--measure", type=Path, nargs="+")
    options = parser.parse_args()
    for folder in options.measure or ():
        make(sorted(path.parent for path in folder.glob("*/truth.fits")))
    for name in options.sets if options.output else ():
        options.output.mkdir(parents=True, exist_ok=True)
        make(SkySimulator(configuration(name), prepare=prepare).run(options.output / name))


if __name__ == "__main__":
    main()
