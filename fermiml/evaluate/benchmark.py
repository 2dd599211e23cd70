"""Detection scored on simulated fields: runs, their times and their scores."""

import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from astropy.coordinates import SkyCoord

from fermiml import checkpoint
from fermiml.catalog import record
from fermiml.catalog.catalog import SourceCatalog
from fermiml.evaluate import counts_in_cells, metrics, panes2021, segmentation, sky_instances
from fermiml.evaluate.scores import DefaultScores, FieldScores, PurityScores, ZoneScores

_TS_EDGES = (9, 16, 25, 36, 64, 100, 200, 400, 1000)  # bins of Asimov TS
_ENOUGH = 10  # sources in a bin of which a completeness is quoted
_FLUX_EDGES = (3e-11, 6e-11, 1e-10, 1.5e-10, 2.5e-10, 4e-10, 7e-10, 1.2e-9, 3e-9, 1e-8)  # of S1
_CLASS_EDGES = (25, 64, 144, 400, np.inf)  # bins of TS, for classes


def kept(path, run):
    """Return the catalog in a file, or that of `run()`, which is then kept with its run time."""

    def timed():
        start = time.perf_counter(), time.process_time()
        catalog = run()
        spent = {
            "seconds": time.perf_counter() - start[0],
            "cpu_seconds": time.process_time() - start[1],
        }
        return catalog, spent

    return checkpoint.kept(Path(path).with_suffix(".json"), timed, record.write, record.read)


@dataclass(frozen=True)
class Judged:
    """A catalog beside the truth of its field."""

    name: str
    catalog: SourceCatalog
    truth: SourceCatalog
    comparison: metrics.Matching
    chance: float
    area: float  # deg2
    spent: dict  # seconds, cpu_seconds
    pixels: dict | None = None  # of a segmentation: see `fermiml.evaluate.segmentation`
    instances: list | None = None  # see `fermiml.evaluate.sky_instances`


def score_column(catalog):
    """ML_Prob where a network gave one, else the significance."""
    for name in ("ML_Prob", "Signif_Avg"):
        if np.isfinite(np.asarray(catalog.table[name], float)).any():
            return name
    return "Signif_Avg"


def judge(catalog, sky, spent=None, pixels=None, instances=None):
    """Compare a catalog with the truth of a sky."""
    column = score_column(catalog)
    component = sky.cube.components[0]
    detected, true = catalog.positions, sky.truth.positions
    comparison = metrics.Matching.of(
        detected,
        np.nan_to_num(np.asarray(catalog.table[column], float), nan=-1.0),
        component.away_from_edge(detected),
        true,
        sky.ts,
        component.away_from_edge(true),
    )
    chance = metrics.chance_rate(detected, component.away_from_edge, true, sky.ts)
    area = component.area_away_from_edge()
    return Judged(sky.name, catalog, sky.truth, comparison, chance, area, spent or {}, pixels,
                  instances)  # fmt: skip


def summary(judged, default=None):
    """Compute the `FieldScores` of several fields.

    `default` is the threshold at which the catalog is meant to be used.
    """
    thresholds = metrics.thresholds_of([j.comparison.score for j in judged])
    if default is not None:
        thresholds = np.unique(np.append(thresholds, default))
    zones = {zone: _zone(judged, zone, thresholds, default) for zone in (None, *metrics.ZONES)}
    pure = zones[None].at_purity.threshold
    threshold = default if default is not None else (pure if pure is not None else -np.inf)
    matched = Matched.of(judged, threshold)
    matchable = Matched.of(judged, threshold, metrics.MATCHABLE)
    return FieldScores(
        fields=len(judged),
        area=sum(j.area for j in judged),
        default_threshold=default,
        chance_matches=_mean([j.chance for j in judged]),
        zones={zone or "all": result for zone, result in zones.items()},
        threshold=threshold,
        localisation=metrics.localisation(matched.detected, matched.ellipses, matched.true),
        flux_pulls=matched.flux_pulls(50.0),
        flux_ratios=matchable.flux_ratios(_TS_EDGES),
        classes=matched.classes(64.0, _false_classes(judged, threshold)),
        classes_by_ts=matched.classes_by_ts(_CLASS_EDGES),
        reliability=reliability(judged),
        purity_by_field=[_purity_of(j, threshold) for j in judged],
        source_numbers=counts_in_cells.by_cell([j.comparison for j in judged], threshold),
        panes2021=panes2021.flux_limits(judged, threshold),
        pixels=segmentation.summary([j.pixels for j in judged if j.pixels]),
        instances=sky_instances.summary([p for j in judged for p in j.instances or ()]),
        seconds=_median(judged, "seconds"),
        cpu_seconds=_median(judged, "cpu_seconds"),
    )


def _mean(values):
    finite = [v for v in values if np.isfinite(v)]
    return float(np.mean(finite)) if finite else None


def _median(judged, key):
    values = [j.spent[key] for j in judged if key in j.spent]
    return float(np.median(values)) if values else None


def _zone(judged, zone, thresholds, default):
    tally = metrics.Tally.joined([j.comparison.tally(thresholds, zone) for j in judged])
    column = tally.at_purity()
    value, low, high = metrics.bootstrap(tally, metrics.Tally.completeness_at_purity)
    at_purity = PurityScores(
        completeness=value,
        interval=[low, high],
        threshold=None if column is None else float(thresholds[column]),
        s1_complete=_flux_complete(judged, zone, thresholds, column),
        s1_pure=_flux_pure(judged, zone, thresholds, column),
    )
    return ZoneScores(
        true_sources=int(tally.true.sum()),
        at_purity=at_purity,
        curve=_curve(tally),
        by_ts=_by_ts(judged, zone, thresholds, column),
        by_s1=_by_flux(judged, zone, thresholds, column),
        at_default=None if default is None else _at_default(judged, zone, default),
    )


def _curve(tally):
    """Completeness against purity, thinned for a figure."""
    steps = np.unique(np.linspace(0, len(tally.thresholds) - 1, 60).astype(int))
    arrays = {
        "threshold": tally.thresholds,
        "purity": tally.purity(),
        "completeness": tally.completeness(),
    }
    return {name: values[steps].tolist() for name, values in arrays.items()}


def _at_default(judged, zone, default):
    tally = metrics.Tally.joined([j.comparison.tally([default], zone) for j in judged])
    return DefaultScores(
        completeness=metrics.bootstrap(tally, lambda t: t.completeness()[0]),
        purity=metrics.bootstrap(tally, lambda t: t.purity()[0]),
    )


def _by_ts(judged, zone, thresholds, column):
    """Completeness in bins of Asimov TS at the threshold of 95 % purity."""
    if column is None:
        return []
    rows = []
    for low, high in zip(_TS_EDGES, (*_TS_EDGES[1:], np.inf), strict=True):
        found = np.concatenate([_found(j, zone, thresholds[column], low, high)[0] for j in judged])
        if len(found) >= _ENOUGH:
            rows.append({"TS": [low, high], "number": len(found), "found": metrics.fraction(found)})
    return rows


def _by_flux(judged, zone, thresholds, column):
    """Completeness in bins of S1, whatever the TS, at the threshold of 95 % purity."""
    if column is None:
        return []
    parts = [_found(j, zone, thresholds[column], 0.0) for j in judged]
    found, flux = (np.concatenate(p) for p in zip(*parts, strict=True))
    rows = []
    for low, high in pairwise(_FLUX_EDGES):
        here = found[(flux >= low) & (flux < high)]
        if len(here) >= _ENOUGH:
            rows.append({"S1": [low, high], "number": len(here), "found": metrics.fraction(here)})
    return rows


def _found(one, zone, threshold, low, high=np.inf):
    """Of true sources in a range of Asimov TS: whether found, and their S1."""
    comparison = one.comparison
    wanted = comparison.true_counts & metrics.zone_mask(comparison.true, zone)
    wanted &= (comparison.ts > low) & (comparison.ts <= high)
    rows = comparison.rows(threshold)
    found = np.isin(np.arange(len(wanted)), rows[rows >= 0])
    return found[wanted], np.asarray(one.truth.table["S1"], float)[wanted]


def _flux_complete(judged, zone, thresholds, column):
    """S1 above which 90 % of all true sources are found."""
    if column is None:
        return np.nan
    parts = [_found(j, zone, thresholds[column], 0.0) for j in judged]
    found, flux = (np.concatenate(p) for p in zip(*parts, strict=True))
    return metrics.flux_at(0.9, flux, found)


def _flux_pure(judged, zone, thresholds, column):
    """Measured S1 above which 90 % of the detections are real."""
    if column is None:
        return np.nan
    flux, matched = [], []
    for j in judged:
        rows = j.comparison.rows(thresholds[column])
        used = j.comparison.detected_counts & metrics.zone_mask(j.comparison.detected, zone)
        used &= j.comparison.score >= thresholds[column]
        value = np.asarray(j.catalog.table["Flux1000"], float)
        used &= value > 0
        flux.append(value[used])
        matched.append(rows[used] >= 0)
    return metrics.flux_at(0.9, np.concatenate(flux), np.concatenate(matched))


@dataclass(frozen=True)
class Matched:
    """Detections above a threshold (away from the edge) and the true sources that they are."""

    detected: SkyCoord
    ellipses: tuple
    true: SkyCoord
    ts: np.ndarray
    flux: np.ndarray  # (row, 2): measured, true (S1)
    error: np.ndarray
    class_true: np.ndarray
    class_found: np.ndarray

    @classmethod
    def of(cls, judged, threshold, detectable=metrics.DETECTABLE):
        """Select the matched detections of several fields; their sources have TS > `detectable`."""
        columns = [_matched_columns(j, threshold, detectable) for j in judged]
        ra, dec, *ellipses, true_ra, true_dec, ts, flux, s1, error, true, found = (
            np.concatenate(c) for c in zip(*columns, strict=True)
        )
        place = {"unit": "deg", "frame": "fk5"}
        return cls(
            SkyCoord(ra, dec, **place),
            tuple(ellipses),
            SkyCoord(true_ra, true_dec, **place),
            ts,
            np.stack([flux, s1], axis=1),
            error,
            true,
            found,
        )

    def flux_pulls(self, least):
        """Compute the pulls of the flux of sources above an Asimov TS."""
        use = self.ts > least
        return metrics.pulls(self.flux[use, 0], self.error[use], self.flux[use, 1])

    def flux_ratios(self, edges):
        """Median and central 68 % of measured over true flux in bins of Asimov TS."""
        rows = []
        for low, high in zip(edges, (*edges[1:], np.inf), strict=True):
            use = (self.ts > low) & (self.ts <= high) & np.isfinite(self.flux[:, 0])
            if use.sum() >= _ENOUGH:
                ratio = self.flux[use, 0] / self.flux[use, 1]
                middle = np.quantile(ratio, [0.5, 0.16, 0.84]).tolist()
                rows.append({"TS": [low, high], "number": int(use.sum()), "ratio": middle})
        return rows

    def classes(self, least, false):
        """Confusion matrix and balanced accuracy of AGN and PSR above an Asimov TS.

        `false` are the classes that false detections were given.
        """
        use = self.ts > least
        true = np.append(self.class_true[use], np.full(len(false), "FAKE"))
        matrix = metrics.confusion(true, np.append(self.class_found[use], false))
        return {"matrix": matrix.tolist(), "balanced": metrics.balanced_accuracy(matrix)}

    def classes_by_ts(self, edges):
        """Fraction of AGN and PSR that are recognised, in bins of Asimov TS."""
        rows = []
        for low, high in pairwise(edges):
            use = (self.ts > low) & (self.ts <= high) & np.isin(self.class_true, ("AGN", "PSR"))
            if use.sum() >= _ENOUGH:
                right = self.class_true[use] == self.class_found[use]
                rows.append(
                    {"TS": [low, high], "number": len(right), "found": metrics.fraction(right)}
                )
        return rows


def _matched_columns(one, threshold, detectable):
    comparison, table, truth = one.comparison, one.catalog.table, one.truth.table
    rows = comparison.rows(threshold)
    use = np.flatnonzero((rows >= 0) & comparison.detected_counts)
    use = use[comparison.ts[rows[use]] > detectable]
    hit = rows[use]
    detected, true = comparison.detected[use], comparison.true[hit]
    return (
        detected.ra.deg,
        detected.dec.deg,
        *(e[use] for e in one.catalog.ellipses()),
        true.ra.deg,
        true.dec.deg,
        comparison.ts[hit],
        np.asarray(table["Flux1000"], float)[use],
        np.asarray(truth["S1"], float)[hit],
        np.asarray(table["Unc_Flux1000"], float)[use],
        metrics.true_classes(hit, truth["CLASS1"]),
        np.asarray(table["ML_Class"]).astype("U4")[use],
    )


def _false_classes(judged, threshold):
    """ML_Class of the detections above a threshold that match nothing."""
    parts = []
    for j in judged:
        c = j.comparison
        false = c.detected_counts & (c.score >= threshold) & (c.rows(threshold) < 0)
        parts.append(np.asarray(j.catalog.table["ML_Class"]).astype("U4")[false])
    return np.concatenate(parts)


def _purity_of(one, threshold):
    """Purity of one field at a threshold."""
    comparison = one.comparison
    used = comparison.detected_counts & (comparison.score >= threshold)
    matched = comparison.rows(threshold)[used] >= 0
    return {"field": one.name, "detections": len(matched), "purity": metrics.fraction(matched)}


def reliability(judged):
    """Bins of ML_Prob by zone; nothing where no detection has one."""
    result = {}
    for zone in metrics.ZONES:
        probability, real = [], []
        for j in judged:
            c = j.comparison
            use = c.detected_counts & metrics.zone_mask(c.detected, zone)
            value = np.asarray(j.catalog.table["ML_Prob"], float)
            use &= np.isfinite(value)
            probability.append(value[use])
            ellipses = tuple(e[use] for e in j.catalog.ellipses())
            real.append(metrics.is_real(c.detected[use], ellipses, c.true, c.ts))
        if sum(map(len, probability)):
            result[zone] = metrics.reliability(np.concatenate(probability), np.concatenate(real))
    return result


def false_sources(judged, thresholds):
    """Count detections per 1000 deg2 at thresholds, on skies without sources."""
    score = np.concatenate([j.comparison.score[j.comparison.detected_counts] for j in judged])
    rate = metrics.false_per_1000_deg2(score, sum(j.area for j in judged), thresholds)
    return dict(zip(map(float, thresholds), rate.tolist(), strict=True))
