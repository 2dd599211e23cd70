"""Skies with close pairs of sources and single ones, for `blends.py`.

    python benchmarks/detection/blend_skies.py -o SKIES

makes SKIES/blends-selection and SKIES/blends-test: fields of 10 deg off the plane, 14 years, with
the longitudes, diffuse models and sources of the nominal skies. On a grid of places with no source
of TS > 25 within a degree, pairs and single sources are added; what is fainter stays.
`pairs.fits` beside a field's files has a row for each place.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from fermiml.model import point_sources
from fermiml.model.sources import Sources, concatenate
from fermiml.simulate import fields, skies, sky_settings, splits
from fermiml.sky.sphere import unit_vectors

SEEDS = {"selection": 870, "test": 670}
FIELDS = {"selection": 32, "test": 20}
WIDTH = 10.0  # deg
EDGES = (500, 700, 1000, 1400, 2000, 3000, 4600, 7000, 10_000, 14_000, 20_000, 35_000, 60_000,
         110_000, 230_000, 480_000, 1_000_000)  # fmt: skip
LATITUDES = (15.0, 75.0)
GRID = 2.2 * np.arange(-1.5, 2)  # deg from the centre
JITTER = 0.2  # deg
ALONE = 1.0  # deg, without a source of estimated TS above
BRIGHT = 25.0
SEPARATIONS = (0.25, 1.2)  # 68 % radii of the PSF at 2 GeV
RATIOS = (1.0, 5.0)  # of the fluxes of a pair
FAINTER = (80.0, 400.0)  # estimated TS of the fainter one, if it were alone
PAIR_ENERGY = 2000.0  # MeV


@dataclass(frozen=True)
class Places:
    """Positions (SkyCoord) of what is added, and whether it is a pair."""

    center: SkyCoord
    pair: np.ndarray
    separation: np.ndarray  # deg
    ratio: np.ndarray
    significance: np.ndarray  # estimated TS of the fainter one
    angle: np.ndarray  # deg


def configuration(split, number):
    """The checked configuration of the fields of a split."""
    rng = np.random.default_rng([SEEDS[split], 1])
    centers = []
    low, high = np.sin(np.radians(LATITUDES))
    while len(centers) < number:
        lon = rng.uniform(0, 360)
        lat = np.degrees(np.arcsin(rng.uniform(low, high))) * rng.choice([-1, 1])
        if splits.split(split).holds(lon):
            centers.append([round(float(lon), 2), round(float(lat), 2)])
    return sky_settings.check({
        "seed": SEEDS[split],
        "sky": {"centers": centers, "width": WIDTH, "projection": "ZEA"},
        "energy": {"edges": list(EDGES)},
        "observation": {"years": 14},
        "population": {"preset": "nominal"},
        "diffuse": dict(splits.split(split).diffuse[0]),
        "wrong": {"model": "gas", "hi": "HI4PI", "dust": "SFD"},
    })  # fmt: skip


def places(observation, bright, background, radius, rng):
    """Draw what is added to a field; `radius` (deg) holds 68 % of the PSF."""
    middle = observation.pixels.center[0]
    x, y = (np.ravel(v) for v in np.meshgrid(GRID, GRID))
    x, y = (v + rng.uniform(-JITTER, JITTER, len(v)) for v in (x, y))
    center = middle.spherical_offsets_by(x * u.deg, y * u.deg).galactic
    known = bright[point_sources.estimate_ts(observation, bright, background) > BRIGHT]
    if len(known):
        others = unit_vectors(known.lon, known.lat)
        nearest = (unit_vectors(center.l.deg, center.b.deg) @ others.T).max(axis=1)
        center = center[nearest < np.cos(np.radians(ALONE))]
    number = len(center)
    return Places(
        center,
        np.arange(number) % 2 == 0,
        rng.uniform(*SEPARATIONS, number) * radius,
        np.exp(rng.uniform(*np.log(RATIOS), number)),
        np.exp(rng.uniform(*np.log(FAINTER), number)),
        rng.uniform(0, 360, number),
    )


def added(observation, drawn, shapes, background, rng):
    """Make the sources of the places: the fainter ones, then the brighter ones or the single ones.

    A single source has the flux of the pair that it is not.
    """
    half = np.where(drawn.pair, 0.5 * drawn.separation, 0.0) * u.deg
    ends = [drawn.center.directional_offset_by((drawn.angle + turn) * u.deg, half)
            for turn in (0, 180)]  # fmt: skip
    kinds = rng.choice(["bll", "fsrq"], (2, len(drawn.pair)))
    rows = rng.integers(10_000, size=kinds.shape)
    fainter = _points(ends[0], np.full(len(drawn.pair), 1e-9), kinds[0], rows[0], shapes)
    fainter = _scaled(observation, fainter, background, drawn.significance)
    flux = fainter.flux1000 * np.where(drawn.pair, drawn.ratio, 1 + drawn.ratio)
    brighter = _points(ends[1], flux, kinds[1], rows[1], shapes)
    return fainter[drawn.pair], brighter


def _points(position, flux, kinds, rows, shapes):
    parts = [Sources.points(position.l.deg[i : i + 1], position.b.deg[i : i + 1], flux[i : i + 1],
                            shapes[kind][[rows[i] % len(shapes[kind])]], kind)
             for i, kind in enumerate(kinds)]  # fmt: skip
    return concatenate(parts)


def _scaled(observation, sources, background, significance):
    """Return sources with fluxes for which their estimated TS is as wanted."""
    flux = sources.flux1000
    for _ in range(6):
        ts = point_sources.estimate_ts(observation, sources, background)
        flux = flux * (significance / ts) ** 0.6
        sources = Sources.points(sources.lon, sources.lat, flux, sources.shapes, sources.class1)
    return sources


def simulate(setup, geom, number, folder, output):
    """Simulate a field into its folder."""
    rng = np.random.default_rng([setup.config["seed"], number])
    with skies.building(folder, output) as temporary:
        made, bright = fields.simulate_field(setup, geom, rng)
        observation = made[0].observation
        background = made[0].galactic + made[0].isotropic
        radius = float(observation.psf.containment_radius(PAIR_ENERGY, 0.68)[0])
        drawn = places(observation, bright, background, radius, rng)
        sources = concatenate(list(added(observation, drawn, setup.shapes, background, rng)))
        made = [fields.with_sources(field, sources) for field in made]
        skies.write_field(setup, made, concatenate([bright, sources]), {}, geom, rng, temporary)
        _table(drawn, sources, radius).write(temporary / "pairs.fits")


def _table(drawn, sources, radius):
    """The places: position, and those of the sources (NaN where there is no second one)."""
    number, pairs = len(drawn.pair), np.flatnonzero(drawn.pair)
    first, second = sources[np.arange(len(pairs), len(sources))], sources[np.arange(len(pairs))]
    columns = {"Pair": drawn.pair, "Separation": np.where(drawn.pair, drawn.separation, 0.0),
               "R68": np.full(number, radius)}  # fmt: skip
    for name, rows, part in (("1", slice(None), first), ("2", pairs, second)):
        for key, values in (("GLON", part.lon), ("GLAT", part.lat), ("S1", part.flux1000)):
            columns[f"{key}_{name}"] = np.full(number, np.nan)
            columns[f"{key}_{name}"][rows] = values
    return Table(columns)


def make(split, number, output):
    """Make the fields of a split, or what is missing of them; return their folders."""
    config = configuration(split, number)
    setup, folders = fields.prepare(config), []
    with skies.claim(config, output, overwrite=False):
        for i, (name, geom) in enumerate(fields.geometries(config)):
            folders.append(output / name)
            if not (folders[-1] / "truth.fits").is_file():
                simulate(setup, geom, i, folders[-1], output)
    return folders


def main():
    """Make both sets."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    for split, number in FIELDS.items():
        made = make(split, number, options.output / f"blends-{split}")
        print(f"blends-{split}: {len(made)} fields")


if __name__ == "__main__":
    main()
