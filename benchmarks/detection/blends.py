"""Close pairs of sources: found as two, or as one; calibration of ML_Prob_Blend.

    python benchmarks/detection/blend_skies.py -o SKIES
    python benchmarks/detection/blends.py fit --skies SKIES --cache CACHE
    python benchmarks/detection/blends.py judge --skies SKIES --cache CACHE

`fit` measures data/blends.yaml on the selection fields; `judge` counts, on the test fields, what
becomes of pairs and of single sources without and with the splits. Catalogs of fields are cached.

A pair (both of Asimov TS > 64) is found as two if, at the default threshold, both sources are
matched one to one and each lies within the 99 % ellipse of its row. As for ML_Prob, what is real
has an Asimov TS > 4. A row is truly two sources if both positions of its split are within 0.3 PSF
radii of two real sources that are no other row's, or if two such sources of TS > 25 are within one
radius of it. A split is false if one of its rows is real by no such source within its 99 % ellipse.
"""

import argparse
import sys
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table
from sklearn.linear_model import LogisticRegression

from fermiml import SourceDetector
from fermiml.catalog.catalog import SourceCatalog
from fermiml.catalog.ellipses import containment
from fermiml.evaluate import metrics
from fermiml.photometry.blend_calibration import BlendCalibration, features, pairs_of
from fermiml.photometry.split import RADIUS
from fermiml.simulate.read_fields import fields_of, read_sky

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from blend_skies import SEEDS
from machine import machine

PAIR = 64.0  # Asimov TS of both sources of a pair that counts
TOLERANCE = 0.3  # radii, within which a position of a split is right
LISTED = 0.5  # ML_Prob of the rows that calibrate
FALSE = 0.01  # of the single rows, that the selection fields may have split
SEPARATIONS = (0.25, 0.4, 0.6, 0.9, 1.2)  # 68 % radii
RATIOS = (1.0, 2.2, 5.0)
BINS = (0.0, 0.02, 0.1, 0.5, 0.9, 1.0)
AROUND = 1.2  # deg around a pair, within which no row stands for the natural population
SHIPPED = Path(__file__).parents[2] / "data" / "blends.yaml"


@dataclass(frozen=True)
class Field:
    """The rows of a field beside its truth."""

    rows: Table
    true: SkyCoord
    ts: np.ndarray
    places: Table  # what was added
    radius: float  # deg
    inside: np.ndarray  # which rows are away from the edge

    @property
    def catalog(self):
        """The rows as a catalog."""
        return SourceCatalog.from_table(self.rows)

    def listed(self, least):
        """Numbers of the rows of at least a probability, and the true source of each (-1: none)."""
        kept = np.flatnonzero(np.asarray(self.rows["ML_Prob"]) >= least)
        return kept, metrics.match(self.catalog.positions[kept], self.true, self.ts)

    def sources(self, number):
        """Rows of the true sources that were added: the brighter ones, or the fainter ones."""
        known = np.isfinite(self.places[f"GLON_{number}"])
        lon, lat = (np.nan_to_num(self.places[f"{axis}_{number}"]) for axis in ("GLON", "GLAT"))
        place = SkyCoord(lon, lat, unit="deg", frame="galactic")
        return np.where(known, place.match_to_catalog_sky(self.true.galactic)[0], -1)


def read(split, skies, cache, detector, kind):
    """Detect in the fields of a split, or read what is cached."""
    for folder in fields_of(skies / f"blends-{split}"):
        sky = read_sky(folder, background="none")
        path = cache / f"{split}-{folder.name}-{kind}.fits"
        if not path.is_file():
            table = detector.propose(sky.cube)
            table.meta = {}
            table.write(path)
        rows, places = Table.read(path), Table.read(folder / "pairs.fits")
        position = SkyCoord(rows["RAJ2000"], rows["DEJ2000"], unit="deg", frame="fk5")
        inside = sky.cube.components[0].away_from_edge(position)
        yield Field(rows, sky.truth.positions, sky.ts, places, float(places["R68"][0]), inside)


def calibrating(field):
    """Of the rows that were tested: features, whether they are two, whether a pair was added."""
    kept, match = field.listed(LISTED)
    position, pairs = field.catalog.positions, pairs_of(field.rows)
    used = kept[np.isfinite(field.rows["ML_TS_Split"][kept]) & field.inside[kept]]
    two = [_are_two(field, [p[row] for p in pairs], position[row], match[kept != row])
           for row in used]  # fmt: skip
    added = field.true[np.setdiff1d(field.sources("2"), -1)]
    near = position[used].match_to_catalog_sky(added)[1].deg < AROUND
    return features(field.rows[used], field.radius), np.array(two), near


def _are_two(field, pair, position, others):
    """Whether a row is two sources; `others` are the sources of the other rows."""
    free = np.setdiff1d(np.flatnonzero(field.ts > metrics.REAL), others)
    true, reach = field.true[free], field.radius
    there = np.array([place.separation(true).deg < TOLERANCE * reach for place in pair])
    right = there.any(axis=1).all() and there.any(axis=0).sum() > 1
    missed = (field.ts[free] > metrics.DETECTABLE) & (position.separation(true).deg < reach)
    return bool(right or missed.sum() > 1)


def fit(fields):
    """Measure a `BlendCalibration`."""
    columns, two, near = (np.concatenate(x) for x in zip(*map(calibrating, fields), strict=True))
    # As many are two as in the population itself, where no pairs were added.
    natural = two[~near].mean()
    weight = np.where(two & near, natural / (1 - natural) * np.sum(~two) / two.sum(), 1.0)
    model = LogisticRegression(C=10.0, max_iter=5000).fit(columns, two, weight)
    numbers = model.intercept_[0], *model.coef_[0]
    probability = model.predict_proba(columns)[:, 1]
    threshold = np.quantile(probability[~two], 1 - FALSE)
    print(f"{len(two)} rows, of which {two.sum()} are two; {natural:.3f} of those around which "
          f"nothing was added")  # fmt: skip
    return BlendCalibration(*map(float, numbers), threshold=float(max(threshold, 0.5)))


def fates(field, threshold):
    """Of the pairs that count: separation (radii), ratio of fluxes, found as two, one or none."""
    kept, match = field.listed(threshold)
    ellipses, position, rows = field.catalog.ellipses(), field.catalog.positions, []
    first, second = field.sources("1"), field.sources("2")
    for place, *pair in zip(field.places, first, second, strict=True):
        if pair[1] < 0 or min(field.ts[pair]) < PAIR:
            continue
        found, right = 0, 0
        for source in pair:
            row = kept[match == source]
            if len(row):
                axes = tuple(axis[row] for axis in ellipses)
                sigma = metrics.offsets(position[row], axes, field.true[[source]])[1][0]
                found, right = found + 1, right + (sigma <= containment(0.99))
        rows.append((place["Separation"] / field.radius, place["S1_1"] / place["S1_2"], found,
                     right))  # fmt: skip
    return np.reshape(rows, (-1, 4))


def splits(field, threshold, calibration):
    """Of each split that is listed whole or in part: whether right; and the number of single
    sources that were added, and of those among them that were split in vain."""
    kept, _ = field.listed(threshold)
    parted = kept[np.asarray(field.rows["ML_Prob_Blend"])[kept] >= calibration.threshold]
    names = np.asarray(field.rows["ML_Split_RA"])[parted].mean(axis=1)
    real = _real(field, parted)
    right = [bool(np.all(real[np.isclose(names, n)])) for n in np.unique(np.round(names, 4))]
    single = field.true[field.sources("1")[~np.asarray(field.places["Pair"], bool)]]
    vain = np.zeros(len(single), bool)
    if len(parted) and not real.all():
        wrong = field.catalog.positions[parted[~real]]
        vain = single.match_to_catalog_sky(wrong)[1].deg < RADIUS * field.radius
    return right, len(single), int(vain.sum())


def _real(field, rows):
    """Which rows have a real source, within their 99 % ellipses, that is no other one's of them."""
    position, axes = field.catalog.positions, field.catalog.ellipses()
    real, taken = np.zeros(len(rows), bool), set()
    for i, row in enumerate(rows):
        near = (position[row].separation(field.true).deg < 1) & (field.ts > metrics.REAL)
        near = np.setdiff1d(np.flatnonzero(near), list(taken)).astype(int)
        if len(near):
            ellipse = tuple(np.full(len(near), axis[row]) for axis in axes)
            here = position[np.full(len(near), row)]
            sigma = metrics.offsets(here, ellipse, field.true[near])[1]
            best = int(np.argmin(sigma))
            real[i] = sigma[best] <= containment(0.99)
            taken |= {near[best]} if real[i] else set()
    return real


def table_of(before, after):
    """Fates of pairs, by separation and ratio."""
    lines = ["| separation (radii) | ratio of fluxes | pairs | as two before | after |",
             "|---|---|---|---|---|"]  # fmt: skip
    bins = [(*s, *r) for s in pairwise(SEPARATIONS) for r in pairwise(RATIOS)]
    bins += [(0.25, 0.6, 1.0, 5.0), (0.6, 1.2, 1.0, 5.0)]
    for low, high, least, most in bins:
        cells = []
        for rows in (before, after):
            use = (rows[:, 0] >= low) & (rows[:, 0] < high)
            use &= (rows[:, 1] >= least) & (rows[:, 1] <= most)
            cells.append("{:.2f} ({:.2f}-{:.2f})".format(*metrics.fraction(rows[use, 3] == 2)))
        lines.append(f"| {low:g}-{high:g} | {least:g}-{most:g} | {use.sum()} | {cells[0]} | "
                     f"{cells[1]} |")  # fmt: skip
    return "\n".join(lines)


def reliability(fields, calibration):
    """ML_Prob_Blend against truth, before anything is split."""
    columns, two, near = (np.concatenate(x) for x in zip(*map(calibrating, fields), strict=True))
    value = calibration.logistic(columns)
    lines = ["| ML_Prob_Blend | rows, no pair added | mean | two | rows, pair added | mean | two |",
             "|---|---|---|---|---|---|---|"]  # fmt: skip
    for low, high in pairwise(BINS):
        cells = []
        for there in (~near, near):
            use = there & (value >= low) & (value < high)
            mean, share = (x[use].mean() if use.any() else np.nan for x in (value, two))
            cells.append(f"{use.sum()} | {mean:.3f} | {share:.3f}")
        lines.append(f"| {low:g}-{high:g} | {' | '.join(cells)} |")
    return "\n".join(lines)


def judge(options, calibration, never):
    """Print what becomes of pairs and single sources on the test fields."""
    detector = SourceDetector.from_pretrained(options.model, blends=never)
    threshold = detector.threshold
    before = list(read("test", options.skies, options.cache, detector, "before"))
    detector.blends = calibration
    after = list(read("test", options.skies, options.cache, detector, "after"))
    print(machine(SEEDS["test"]), f"benchmarks/detection/blends.py judge, {len(before)} fields\n")
    pairs = [np.concatenate([fates(f, threshold) for f in fields]) for fields in (before, after)]
    print(table_of(*pairs))
    right, singles, vain = zip(*(splits(f, threshold, calibration) for f in after), strict=True)
    right = np.concatenate(right)
    print(f"\n{len(right)} splits, {int(right.sum())} right; {sum(singles)} single sources were "
          f"added, {sum(vain)} of them split in vain\n")  # fmt: skip
    print(reliability(before, calibration))


def main():
    """Fit or judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["fit", "judge"])
    parser.add_argument("--skies", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--model", default="lat-best", help="each needs a cache of its own")
    options = parser.parse_args()
    never = replace(BlendCalibration.load(), threshold=2.0)
    options.cache.mkdir(parents=True, exist_ok=True)
    if options.what == "judge":
        return judge(options, BlendCalibration.load(), never)
    detector = SourceDetector.from_pretrained(options.model, blends=never, extended=False)
    fields = list(read("selection", options.skies, options.cache, detector, "before"))
    recipe = f"benchmarks/detection/blends.py fit, {len(fields)} selection fields"
    print(machine(SEEDS["selection"]), recipe, sep="\n")
    calibration = fit(fields)
    calibration.save(SHIPPED, recipe)
    print(calibration, "\n")
    print(reliability(fields, calibration))
    return None


if __name__ == "__main__":
    main()
