"""The metrics of detection: arrays in, numbers out. docs/benchmarks.md has them in words.

A match is a pair within 0.3 deg of a detection and a true source of Asimov TS > 9, one to one,
taken in order of Asimov TS x exp(-(d/0.3)^2). Purity is matched / detections, completeness is
found / true. What lies within 0.5 deg of the data's edge is not counted, for or against.
"""

from dataclasses import dataclass

import numpy as np
from astropy.stats import binom_conf_interval
from sklearn.isotonic import isotonic_regression

from fermiml.catalog import source_classes
from fermiml.catalog.crossmatch import (
    Pairs,
    match_rank,
    normalised_offset,
    one_to_one,
    pairs_within,
    take,
)
from fermiml.catalog.ellipses import containment
from fermiml.catalog.positions import shifted
from fermiml.detect.calibration import PURITY

RADIUS = 0.3  # deg
MATCHABLE = 9.0  # Asimov TS of a true source that a detection may be
DETECTABLE = 25.0  # Asimov TS of a true source that should be found
REAL = 4.0  # Asimov TS of a true source that makes a detection real
ZONES = {"|b|>20": (20.0, 90.0), "|b| 10-20": (10.0, 20.0), "|b|<10": (0.0, 10.0)}
HALVES = {"|b|>20": (20.0, 90.0), "|b|<20": (0.0, 20.0)}  # as Panes et al. (2021) divide the sky
BINS = 10  # of equal counts, for the reliability
SHIFT = 3.0  # deg in longitude, for chance matches
CELL = 5.0  # deg, side of the pieces of sky that the bootstrap draws


def zone_mask(position, zone):
    """Which positions are in a zone of Galactic latitude; None stands for the whole sky."""
    if zone is None:
        return np.ones(len(position), bool)
    low, high = (ZONES | HALVES)[zone]
    lat = np.abs(position.galactic.b.deg)
    return (lat >= low) & ((lat < high) | (high == 90))


def candidate_pairs(detected, true, ts, radius=RADIUS):
    """All pairs of detections and matchable true sources; sigma holds the rank in matching."""
    matchable = np.flatnonzero(ts > MATCHABLE)
    pairs = pairs_within(detected, true[matchable], radius)
    second = matchable[pairs.second]
    return pairs._replace(second=second, sigma=match_rank(pairs.separation, ts[second], RADIUS))


def match(detected, true, ts, radius=RADIUS, rank=None):
    """For each detection the row of the true source that it is, -1 for none.

    `rank` orders the pairs, lowest first, if it is given: one value for each true source.
    """
    pairs = candidate_pairs(detected, true, ts, radius)
    if rank is not None:
        pairs = pairs._replace(sigma=np.asarray(rank, float)[pairs.second])
    return _assigned(pairs, len(detected))


def match_brightest(detected, true, ts, flux, radius=RADIUS):
    """As `match`, but the brightest true source wins, as Panes et al. (2021) score."""
    return match(detected, true, ts, radius, rank=-np.asarray(flux))


def _assigned(pairs, number):
    pairs = take(pairs, one_to_one(pairs, pairs.sigma))
    rows = np.full(number, -1)
    rows[pairs.first] = pairs.second
    return rows


@dataclass(frozen=True)
class Matching:
    """Detections and true sources of one data set, and which of them count."""

    detected: object  # SkyCoord
    score: np.ndarray  # rises with the belief in a detection
    detected_counts: np.ndarray  # far enough from the edge
    true: object  # SkyCoord
    ts: np.ndarray  # Asimov TS
    true_counts: np.ndarray
    pairs: Pairs

    @classmethod
    def of(cls, detected, score, detected_counts, true, ts, true_counts):
        """Match positions (SkyCoord)."""
        ts = np.asarray(ts, float)
        return cls(
            detected,
            np.asarray(score, float),
            np.asarray(detected_counts, bool),
            true,
            ts,
            np.asarray(true_counts, bool),
            candidate_pairs(detected, true, ts),
        )

    def rows(self, threshold=-np.inf):
        """`match` of the detections with at least a score; -1 for all others.

        Matched again at each threshold: what is below it takes no source from another.
        """
        kept = self.score[self.pairs.first] >= threshold
        return _assigned(take(self.pairs, kept), len(self.score))

    def tally(self, thresholds, zone=None, detectable=DETECTABLE, highest=np.inf):
        """Numbers by cell of sky at every threshold, in a zone of latitude.

        Completeness is that of true sources with a TS from `detectable` to `highest`.
        """
        counted = self.detected_counts & zone_mask(self.detected, zone)
        wanted = self.true_counts & zone_mask(self.true, zone)
        wanted &= (self.ts > detectable) & (self.ts <= highest)
        cells, cell, true_cell = cells_of(self.detected, self.true)
        shape = cells, len(thresholds)
        detections, matched, found = (
            np.zeros(shape, int),
            np.zeros(shape, int),
            np.zeros(shape, int),
        )
        for i, threshold in enumerate(thresholds):
            rows = self.rows(threshold)
            above = counted & (self.score >= threshold)
            hit = rows[rows >= 0]
            hit = hit[wanted[hit]]
            detections[:, i] = np.bincount(cell[above], minlength=cells)
            matched[:, i] = np.bincount(cell[above & (rows >= 0)], minlength=cells)
            found[:, i] = np.bincount(true_cell[hit], minlength=cells)
        true = np.bincount(true_cell[wanted], minlength=cells)
        return Tally(np.asarray(thresholds, float), detections, matched, found, true)


def cells_of(*positions, size=CELL):
    """Count cells of sky (`size` deg along a side), and return the one of every position, too."""
    places = []
    for position in positions:
        galactic = position.galactic
        row = np.floor(galactic.b.deg / size)
        width = size / np.cos(np.radians(np.clip((row + 0.5) * size, -87.5, 87.5)))
        places.append(np.stack([row, np.floor(galactic.l.deg / width)], axis=1))
    everything = np.concatenate(places)
    if not len(everything):
        return 0, *(np.zeros(0, int) for _ in positions)
    known, number = np.unique(everything, axis=0, return_inverse=True)
    ends = np.cumsum([len(p) for p in places])[:-1]
    return len(known), *np.split(number.reshape(-1), ends)


@dataclass(frozen=True)
class Tally:
    """Numbers of detections, of matched ones, and of found and of all true sources.

    The arrays have a row for each cell of sky and a column for each threshold.
    """

    thresholds: np.ndarray
    detections: np.ndarray
    matched: np.ndarray
    found: np.ndarray
    true: np.ndarray  # (cell,)

    @classmethod
    def joined(cls, tallies):
        """Several data sets as one; all with the same thresholds."""
        names = ("detections", "matched", "found", "true")
        return cls(
            tallies[0].thresholds,
            *(np.concatenate([getattr(t, n) for t in tallies]) for n in names),
        )

    def purity(self):
        """Compute matched / detections at every threshold; 1 where there are none."""
        return _ratio(self.matched.sum(axis=0), self.detections.sum(axis=0), 1.0)

    def completeness(self):
        """Found / true at every threshold."""
        return _ratio(self.found.sum(axis=0), self.true.sum(), np.nan)

    def at_purity(self, purity=PURITY):
        """Column of the lowest threshold that leaves this purity; None if there is none."""
        detections = self.detections.sum(axis=0)
        good = np.flatnonzero((self.purity() >= purity) & (detections > 0))
        return int(good[np.argmin(self.thresholds[good])]) if len(good) else None

    def completeness_at_purity(self, purity=PURITY):
        """Compute the headline: completeness at the threshold of a purity; 0 if none is so pure."""
        if not self.true.sum():
            return np.nan
        column = self.at_purity(purity)
        return 0.0 if column is None else float(self.completeness()[column])

    def resampled(self, rng):
        """As many cells, drawn with replacement."""
        rows = rng.integers(len(self.true), size=len(self.true))
        names = ("detections", "matched", "found", "true")
        return Tally(self.thresholds, *(getattr(self, n)[rows] for n in names))


def _ratio(part, whole, nothing):
    return np.where(whole > 0, part / np.maximum(whole, 1), nothing)


def bootstrap(tally, statistic, number=500, seed=0, level=0.68):
    """Value of a statistic of a tally, and its interval over resampled cells of sky."""
    rng = np.random.default_rng(seed)
    values = [statistic(tally.resampled(rng)) for _ in range(number)] if len(tally.true) else []
    finite = np.array([v for v in values if np.isfinite(v)])
    if not len(finite):
        return float(statistic(tally)), np.nan, np.nan
    low, high = np.quantile(finite, [0.5 - level / 2, 0.5 + level / 2])
    return float(statistic(tally)), float(low), float(high)


def thresholds_of(scores, number=200):
    """Thresholds that split scores into steps of equal counts, rising, finest at the top."""
    scores = np.unique(np.concatenate([np.ravel(s) for s in scores]))
    if len(scores) <= number:
        return scores
    return np.unique(np.quantile(scores, np.linspace(0, 1, number)))


def chance_rate(detected, counts, true, ts, degrees=SHIFT):
    """Fraction of detections that match when moved in longitude, both ways.

    `counts(position)` tells which positions are far enough from the edge of the data.
    """
    matched = number = 0
    for shift in (-degrees, degrees):
        moved = shifted(detected, shift)
        still = counts(moved)
        matched += np.sum(match(moved[still], true, ts) >= 0)
        number += np.sum(still)
    return float(matched / number) if number else np.nan


def flux_at(level, flux, passed, per_bin=30):
    """Lowest flux above which a fraction of at least `level` has passed; NaN if none has.

    For completeness `flux` is the true one and `passed` says found; for purity they are the
    measured flux and matched. The fraction is taken in groups of `per_bin` similar fluxes, made to
    rise with the flux (isotonic regression: one unlucky group of bright sources shall not decide),
    and the crossing interpolated between them.
    """
    order = np.argsort(flux)
    logs, passed = np.log(np.asarray(flux, float)[order]), np.asarray(passed, float)[order]
    groups = max(1, len(logs) // per_bin)
    if not len(logs):
        return np.nan
    x = np.array([g.mean() for g in np.array_split(logs, groups)])
    passing = isotonic_regression([g.mean() for g in np.array_split(passed, groups)])
    below = np.flatnonzero(passing < level)
    if not len(below):
        return float(np.exp(logs[0]))
    last = below[-1]
    if last == groups - 1:
        return np.nan
    step = (level - passing[last]) / (passing[last + 1] - passing[last])
    return float(np.exp(x[last] + step * (x[last + 1] - x[last])))


def fraction(passed, level=0.68):
    """Compute a fraction and its binomial (Wilson) interval."""
    passed = np.asarray(passed, bool)
    if not len(passed):
        return np.nan, np.nan, np.nan
    low, high = binom_conf_interval(passed.sum(), len(passed), level, interval="wilson")
    return float(passed.mean()), float(low), float(high)


def offsets(detected, ellipses, true):
    """Offsets of pairs of positions, in deg and in sigma of the ellipses (1 sigma axes)."""
    separation = detected.separation(true).deg
    rows = np.arange(len(separation))
    exact = (np.full(len(rows), np.nan),) * 3
    pairs = Pairs(rows, rows, separation, np.full(len(rows), np.nan))
    return separation, normalised_offset(detected, ellipses, true, exact, pairs)


def localisation(detected, ellipses, true):
    """Median offset (deg), and the fraction of true positions within the 68 and 95 % ellipses."""
    separation, sigma = offsets(detected, ellipses, true)
    known = np.isfinite(sigma)
    return {
        "number": len(separation),
        "median": float(np.median(separation)) if len(separation) else np.nan,
        "within_68": fraction(sigma[known] <= containment(0.68)),
        "within_95": fraction(sigma[known] <= containment(0.95)),
        "sigma_quantiles": _quantiles(sigma[known]),
    }


def _quantiles(values, number=101):
    """Values that stand for a distribution."""
    return np.quantile(values, np.linspace(0, 1, number)).tolist() if len(values) else []


def is_real(detected, ellipses, true, ts):
    """Which detections have a true source of TS > 4 within their 99 % ellipse.

    Without an ellipse, within 0.3 deg.
    """
    reach = containment(0.99)
    radius = np.where(np.isfinite(ellipses[0]), ellipses[0] * reach, RADIUS)
    there = np.flatnonzero(np.asarray(ts) > REAL)
    real = np.zeros(len(detected), bool)
    pairs = pairs_within(detected, true[there], float(np.max(radius, initial=0)) * 1.0001)
    pairs = take(pairs, pairs.separation <= radius[pairs.first])
    exact = (np.full(len(there), np.nan),) * 3
    sigma = normalised_offset(detected, ellipses, true[there], exact, pairs)
    real[pairs.first[~(sigma > reach)]] = True
    return real


def reliability(probability, real, bins=BINS, low=0.05, high=0.99):
    """Probability against truth in bins of equal counts: mean, fraction that is real, interval."""
    probability, real = np.asarray(probability, float), np.asarray(real, bool)
    used = np.flatnonzero((probability > low) & (probability < high))
    used = used[np.argsort(probability[used])]
    rows = []
    for group in np.array_split(used, min(bins, max(len(used), 1))):
        if len(group):
            mean = float(probability[group].mean())
            rows.append({"mean": mean, "number": len(group), "real": fraction(real[group])})
    return rows


CLASSES = (*source_classes.CLASSES, "FAKE")


def true_classes(rows, class1):
    """Classes, or FAKE, of detections, from the rows of their true sources (-1: none)."""
    names = source_classes.class_of(source_classes.kinds_of(class1))
    rows = np.asarray(rows)
    if not len(names):
        return np.full(len(rows), "FAKE")
    return np.where(rows >= 0, names[np.maximum(rows, 0)], "FAKE")


def confusion(true, predicted):
    """Numbers by true class (rows) and predicted class (columns), in the order of CLASSES."""
    true, predicted = np.asarray(true), np.asarray(predicted)
    return np.array(
        [[int(np.sum((true == t) & (predicted == p))) for p in CLASSES] for t in CLASSES]
    )


def balanced_accuracy(matrix, classes=("AGN", "PSR")):
    """Mean over classes of the fraction that is recognised."""
    index = [CLASSES.index(c) for c in classes]
    total = matrix.sum(axis=1)[index]
    if np.any(total == 0):
        return np.nan
    return float(np.mean(np.diag(matrix)[index] / total))


def false_per_1000_deg2(score, area, thresholds):
    """Count detections per 1000 deg2 of a sky without sources at every threshold."""
    score = np.sort(np.asarray(score, float))
    above = len(score) - np.searchsorted(score, thresholds)
    return 1000 * above / area


def pulls(value, error, true):
    """Mean and width (half the central 68 %) of (value - true) / error, and their number."""
    pull = (np.asarray(value, float) - np.asarray(true, float)) / np.asarray(error, float)
    pull = pull[np.isfinite(pull)]
    if not len(pull):
        return {"mean": np.nan, "width": np.nan, "number": 0}
    low, high = np.quantile(pull, [0.16, 0.84])
    return {"mean": float(pull.mean()), "width": float(0.5 * (high - low)), "number": len(pull)}
