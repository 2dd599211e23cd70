"""Make the training sample of the classifier: sources of known class, measured like candidates.

    python benchmarks/detection/classify_sample.py -o SAMPLE [train short low held]

simulates fields with equal numbers of BL Lacs, FSRQs, pulsars (half of them millisecond ones),
supernova remnants with nebulae, and other sources, in SAMPLE/<set>/field_0000 and so on, and
measures the sources at their true positions. All classes have the same flux and position
distributions, so that only spectrum and size differ: the classifier learns likelihoods from the
sample, to which it adds the real fractions as a prior. Every source has the spectrum of a bright
one of 4FGL-DR4. Three of four of these serve the training sets, which use the longitudes of the
training skies and one of their diffuse models; every fourth serves `held` and `held_low`, with the
longitudes and the model of the selection skies.

    python benchmarks/detection/classify_sample.py --measure FOLDER ...

measures the sources of existing fields.

Each field gets a table, class.fits, beside its counts: columns of the photometry, TRUE_CLASS,
TS_Asimov, LIKE (which spectrum a source has), and PATCH (band, y, x), the counts of the 7x7 pixels
of 0.1 deg around it.
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
from fermiml.catalog.source_classes import MEMBERS, kinds_of
from fermiml.model import from_catalog
from fermiml.model.sources import DISK, POINT, Sources, concatenate
from fermiml.photometry.measure import measure
from fermiml.simulate import fields, sky_settings, splits

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
import skies as benchmark_skies

LOW_EDGES = (100, 140, 200, 300, *benchmark_skies.EDGES)
SETS = {  # split, years, fields by zone, seed, energy edges
    "train": ("train", 14, {"high": 10, "middle": 8, "plane": 8}, 700, benchmark_skies.EDGES),
    "short": ("train", 2, {"high": 4, "middle": 2, "plane": 2}, 710, benchmark_skies.EDGES),
    "low": ("train", 14, {"high": 3, "middle": 2, "plane": 2}, 730, LOW_EDGES),
    "held": ("selection", 14, {"high": 4, "middle": 3, "plane": 3}, 720, benchmark_skies.EDGES),
    "held_low": ("selection", 14, {"high": 1, "middle": 1, "plane": 1}, 740, LOW_EDGES),
}
TRAINING = ("train", "short", "low")
RADIUS = 16.0  # deg around a field's centre
DENSITY = 0.3  # sources per deg2
CLASSES = {"bll": 0.2, "fsrq": 0.2, "PSR": 0.1, "MSP": 0.1, "snr": 0.2, "other": 0.2}
# Remnants and other classes have few bright sources: fainter ones serve, too.
BRIGHT = from_catalog.BRIGHT | {"snr": (MEMBERS["SNR"], 10.0), "other": (MEMBERS["OTH"], 10.0)}
HELD_EVERY = 4
FLUX = (1.5e-10, 3e-8)  # ph cm-2 s-1, 1-100 GeV
SLOPE = 1.6  # of dN/dS
EXTENDED = 0.3  # fraction of the remnants: that of 4FGL-DR4
LARGEST = 0.5  # deg, of extended ones: larger ones are more than one candidate
LEAST = 9.0  # Asimov TS
HALF = 3  # pixels on each side of a source in its patch


def configuration(name):
    """The checked configuration of a set."""
    split, years, number, seed, edges = SETS[name]
    return sky_settings.check(
        {
            "seed": seed,
            "sky": {
                "centers": benchmark_skies.centers(split, number),
                "width": 20.0,
                "projection": "ZEA",
            },
            "energy": {"edges": list(edges)},
            "observation": {"years": years},
            "diffuse": dict(splits.split(split).diffuse[0]),
            "wrong": {"model": "none"},
        }
    )


def spectra(held):
    """Spectral shapes by class: every fourth bright source of 4FGL-DR4, or the other three."""
    shapes = from_catalog.bright_shapes(from_catalog.find("4FGL-DR4"), BRIGHT)
    return {name: shape[(np.arange(len(shape)) % HELD_EVERY == 0) == held]
            for name, shape in shapes.items()}  # fmt: skip


def prepare(settings):
    """A setup with as many sources of one class as of another, for training."""
    return _prepare(settings, held=False)


def prepare_held(settings):
    """The same with other spectra, for tests."""
    return _prepare(settings, held=True)


def _prepare(settings, held):
    setup = fields.prepare(settings)
    rng = np.random.default_rng([settings["seed"], 1])
    return replace(setup, own=_sources(settings["sky"]["centers"], spectra(held), rng))


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
            points = Sources.points(place.l.deg, place.b.deg, flux, drawn, name)
            parts.append(_with_sizes(points, rng) if name == "snr" else points)
    return concatenate(parts)


def _with_sizes(points, rng):
    """Disks with the sizes of 4FGL's extended sources, as far as one candidate can be one."""
    size = np.clip(10 ** rng.normal(-0.29, 0.38, len(points)), 0.03, LARGEST)
    form = np.where(rng.random(len(points)) < EXTENDED, DISK, POINT)
    return points.extended_to(form, np.where(form == DISK, size, 0.0))


def _fluxes(rng, number):
    low, high = np.array(FLUX) ** (1 - SLOPE)
    return (low + rng.random(number) * (high - low)) ** (1 / (1 - SLOPE))


def measured(folder):
    """The table of a field's sources."""
    cube = SkyCube.read(
        folder / "counts.fits", exposure=folder / "bexpmap.fits", psf=folder / "psf.fits"
    )
    truth = SourceCatalog.read(folder / "truth.fits").table
    truth = truth[(truth["TS_Asimov"] > LEAST) & truth["Inside"]]
    position = SkyCoord(truth["RAJ2000"], truth["DEJ2000"], unit="deg", frame="fk5")
    table = measure(cube, position)
    table["TRUE_CLASS"] = kinds_of(truth["CLASS1"])
    table["LIKE"] = np.asarray(truth["Pivot_Energy"], np.float32)  # each spectrum has its own
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
        prepared = prepare_held if name.startswith("held") else prepare
        simulator = SkySimulator(configuration(name), prepare=prepared)
        make(simulator.run(options.output / name))


if __name__ == "__main__":
    main()
