"""How much do detections depend on where the patches fall? The same fields, cut differently.

    python benchmarks/skies.py -o SKIES selection
    python benchmarks/detection/tiling.py SKIES/selection --fields 6

Of each field, some rows and columns are left out at one corner, by which all patches move. What is
compared are candidates more than 1 deg inside both: how much ML_Prob changes, and how many are lost
or gained at the default threshold. A change of ML_Prob is also told apart into what comes from the
network's score and what from the TS of the photometry.
"""

import argparse
import logging
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.coordinates import SkyCoord
from gammapy.maps import WcsGeom, WcsNDMap

from fermiml import SourceDetector
from fermiml.catalog import crossmatch
from fermiml.detect import calibration
from fermiml.networks.pretrained import DEFAULT
from fermiml.simulate.read_fields import fields_of, read_sky

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine

INSIDE = 1.0  # deg from the edge of both data
SAME = 0.2  # deg between the two positions of a candidate
LEAST = 0.1  # ML_Prob, in one of both


def cut(cube, number):
    """The cube without its first `number` rows and columns."""
    window = slice(number, None), slice(number, None)
    return replace(cube, components=[_cut_component(c, window) for c in cube.components])


def _cut_component(component, window):
    old = component.counts.geom
    mask = component.mask[window]
    wcs = old.wcs[window]
    wcs.array_shape = mask.shape
    geom = WcsGeom(wcs, npix=mask.shape[::-1], axes=old.axes)
    counts = WcsNDMap(geom, np.ascontiguousarray(component.counts.data[:, *window]))
    return replace(component, counts=counts, mask=mask, background=None)


def propose(cube, detector):
    """All candidates: positions, scores, TS, probabilities; and the CPU time."""
    start = time.process_time()
    table = detector.propose(cube)
    spent = time.process_time() - start
    position = SkyCoord(table["RAJ2000"], table["DEJ2000"], unit="deg", frame="fk5")
    return position, table, spent


def inside(position, cube):
    """Which positions are well inside of a cube."""
    geom = cube.components[0].geom
    x, y = geom.coord_to_pix(position)
    margin = INSIDE / cube.components[0].pixel_size
    height, width = geom.data_shape[-2:]
    return (np.minimum(x, y) > margin) & (x < width - 1 - margin) & (y < height - 1 - margin)


def compare(first, second, cube, point, threshold):
    """Rows of ML_Prob before and after (NaN where there is none), and the change by its cause."""
    (one, before, _), (other, after, _) = first, second
    pairs = crossmatch.pairs_within(one, other, SAME)
    pairs = crossmatch.take(pairs, crossmatch.one_to_one(pairs, -pairs.separation))
    a, b = pairs.first, pairs.second
    rows = [(before["ML_Prob"][i], after["ML_Prob"][j], *causes(before[i], after[j], point))
            for i, j in zip(a, b, strict=True) if inside(one[i], cube)]  # fmt: skip
    nan = np.nan
    for i in set(range(len(one))) - set(a.tolist()):
        if inside(one[i], cube):
            rows.append((before["ML_Prob"][i], nan, nan, nan))
    for j in set(range(len(other))) - set(b.tolist()):
        if inside(other[j], cube):
            rows.append((nan, after["ML_Prob"][j], nan, nan))
    rows = np.array(rows)
    return rows[np.fmax(rows[:, 0], rows[:, 1]) > LEAST]


def causes(before, after, point):
    """What changes if only the score changes, and if only the photometry does."""
    names = "ML_TS", "ML_TS_Ext", "Npred"
    old, score, ts = (
        calibration.probability([row["ML_Score"]], {n: [other[n]] for n in names}, point)[0]
        for row, other in ((before, before), (after, before), (before, after))
    )
    return score - old, ts - old


def report(rows, threshold):
    """Print what changes of all candidates, of those near the threshold, and of the good ones."""
    before, after, score, ts = np.concatenate(rows).T
    change = np.abs(after - before)
    mean = np.nanmean([before, after], axis=0)
    for name, chosen in (
        ("ML_Prob 0.1-0.5", mean < 0.5),
        ("0.5-0.9", (mean >= 0.5) & (mean < 0.9)),
        ("above 0.9", mean >= 0.9),
        ("all", mean > 0),
    ):
        both = chosen & np.isfinite(change)
        of_score, of_ts = (np.nanpercentile(np.abs(v[both]), 90) for v in (score, ts))
        middle, high, most = np.percentile(change[both], [50, 90, 100])
        print(f"{name:<16} {both.sum():4d} of {chosen.sum():4d} in both; |change| median "
              f"{middle:.3f}, 90 % {high:.3f}, largest {most:.3f}, above 0.1: "
              f"{np.sum(change[both] > 0.1)}; 90 % of the score's {of_score:.3f}, "
              f"of the TS's {of_ts:.3f}")  # fmt: skip
    above, still = before >= threshold, after >= threshold
    print(f"at the threshold {threshold:.2f}: {above.sum()} before, {np.sum(above & ~still)} lost, "
          f"{np.sum(still & ~above)} gained; of those above 0.9, "
          f"{np.sum((before >= 0.9) & ~still)} lost")  # fmt: skip


def main():
    """Detect in the same fields, cut differently."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("skies", type=Path)
    parser.add_argument("--network", default=DEFAULT)
    parser.add_argument("--fields", type=int, default=6)
    parser.add_argument("--cuts", type=int, nargs="*", default=[7, 13], help="pixels left out")
    options = parser.parse_args()
    logging.getLogger("fermiml").setLevel(logging.ERROR)
    print(machine("none"))
    detector = SourceDetector.from_pretrained(options.network)
    point = detector.finder.operating["photometry"]
    rows, spent = {number: [] for number in options.cuts}, []
    for folder in fields_of(options.skies)[: options.fields]:
        cube = read_sky(folder, background="none").cube
        whole = propose(cube, detector)
        spent.append(whole[-1])
        for number in options.cuts:
            less = cut(cube, number)
            found = propose(less, detector)
            rows[number].append(compare(whole, found, less, point, detector.threshold))
    for number in options.cuts:
        print(f"{number} pixels left out")
        report(rows[number], detector.threshold)
    print(f"CPU time of a field: {np.median(spent):.1f} s")


if __name__ == "__main__":
    main()
