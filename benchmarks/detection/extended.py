"""Test bit 8 of ML_Flags on extended sources and gas clumps.

    python benchmarks/skies.py -o SKIES clumps
    python benchmarks/detection/extended.py SKIES/clumps [--model lat-best]

First the photometry alone: its candidates are all true sources of Asimov TS > 9 and all clumps,
displaced by 0.05 deg; the table gives the fraction of the significant ones (ML_TS > 25) that is
flagged. Then the network's detections at its default threshold, by what lies within 0.3 deg.
"""

import argparse
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import yaml
from astropy import units as u
from astropy.coordinates import SkyCoord

from fermiml import SourceDetector
from fermiml.catalog.flags import MLFlag
from fermiml.evaluate import metrics
from fermiml.photometry.measure import measure
from fermiml.simulate import diffuse_models, fields
from fermiml.simulate.read_fields import fields_of, read_sky

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine

SCATTER = 0.05  # deg
SIZES = (0.0, 0.1, 0.2, 0.5, 9.0)  # deg: radius of a disk, 68 % radius of a Gaussian


def clumps_of(folder):
    """The gas clumps of a field: the first thing that its random numbers decided."""
    config = yaml.safe_load((folder / "field.yaml").read_text())["config"]
    rng = np.random.default_rng([config["seed"], int(folder.name.rpartition("_")[2])])
    clumps = diffuse_models.galactic(fields.diffuse_settings(config, rng), rng)[1]
    return SkyCoord(clumps.lon, clumps.lat, unit="deg", frame="galactic"), clumps.size


def objects(folder):
    """A field's cube, and what lies in it: positions, kinds, sizes (deg)."""
    sky = read_sky(folder, background="none")
    cube, truth = sky.cube, sky.truth
    truth = truth.filter((truth.table["TS_Asimov"] > 9) & truth.table["Inside"])
    size = truth.extensions()
    clump, clump_size = clumps_of(folder)
    inside = cube.components[0].observed(clump)
    # One that sits on a source cannot be told from it.
    inside[inside] = (
        clump[inside].match_to_catalog_sky(truth.positions.galactic)[1].deg > metrics.RADIUS
    )
    place = SkyCoord(
        np.concatenate([truth.positions.galactic.l.deg, clump.l.deg[inside]]),
        np.concatenate([truth.positions.galactic.b.deg, clump.b.deg[inside]]),
        unit="deg", frame="galactic",
    )  # fmt: skip
    kind = np.where(size > 0, "extended source", "point source")
    kind = np.concatenate([kind, np.full(inside.sum(), "clump")])
    return cube, place, kind, np.concatenate([size, clump_size[inside]])


def flagged(table):
    """Which rows have bit 8."""
    return np.asarray(table["ML_Flags"]) & MLFlag.DIFFUSE > 0


def photometry_of(folder, rng):
    """(kind, size, |b|, bit 8) of the significant candidates of a field."""
    cube, place, kind, size = objects(folder)
    angle = rng.uniform(0, 360, len(place)) * u.deg
    scatter = rng.rayleigh(SCATTER, len(place)) * u.deg
    table = measure(cube, place.directional_offset_by(angle, scatter))
    chosen = np.asarray(table["ML_TS"]) > 25
    return kind[chosen], size[chosen], np.abs(place.b.deg[chosen]), flagged(table)[chosen]


def detections_of(folder, detector):
    """(what is there, bit 8) of the detections in a field."""
    cube, place, kind, size = objects(folder)
    catalog = detector.run(cube)
    order, apart, _ = catalog.positions.galactic.match_to_catalog_sky(place)
    there = np.where(apart.deg < np.maximum(metrics.RADIUS, size[order]), kind[order], "nothing")
    return there, flagged(catalog.table)


def show(title, bit):
    """One row: number and share with bit 8."""
    share = f"{bit.mean():.2f}" if len(bit) else "-"
    print(f"| {title} | {len(bit)} | {share} |")


def main():
    """Measure all fields, print two tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("skies", type=Path)
    parser.add_argument("--model", default="lat-best")
    options = parser.parse_args()
    folders = fields_of(options.skies)
    rng = np.random.default_rng(1)
    rows = [np.concatenate(x) for x in zip(*[photometry_of(f, rng) for f in folders], strict=True)]
    kind, size, latitude, bit = rows
    print(machine(1), f"\n{len(folders)} fields\n\n| candidate, ML_TS > 25 | number | bit 8 |")
    print("|---|---|---|")
    for zone, (low, high) in metrics.ZONES.items():
        here = (kind == "point source") & (latitude >= low) & (latitude < high)
        show(f"point source, {zone}", bit[here])
    for name in ("extended source", "clump"):
        for low, high in pairwise(SIZES):
            here = (kind == name) & (size > low) & (size <= high)
            show(f"{name}, {low:g}-{high:g} deg", bit[here])
    detector = SourceDetector.from_pretrained(options.model)
    found = [detections_of(f, detector) for f in folders]
    there, bit = (np.concatenate(x) for x in zip(*found, strict=True))
    print("\n| detection at | number | bit 8 |\n|---|---|---|")
    for name in ("point source", "extended source", "clump", "nothing"):
        show(name, bit[there == name])


if __name__ == "__main__":
    main()
