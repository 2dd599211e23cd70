"""Operating points: calibration and threshold of a network, fixed on the selection skies."""

from dataclasses import dataclass

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table, vstack

from fermiml.catalog.catalog import SourceCatalog
from fermiml.detect import calibration
from fermiml.detect.detector import SourceDetector
from fermiml.detect.finder import label, load_finder
from fermiml.errors import InputError
from fermiml.evaluate import metrics
from fermiml.networks import pretrained
from fermiml.progress import progress_bar
from fermiml.simulate.read_fields import fields_of, read_sky


@dataclass(frozen=True)
class Sample:
    """All candidates in one simulated field, and the truth."""

    position: SkyCoord
    counts: np.ndarray  # far enough from the edge
    score: np.ndarray
    measured: Table | None  # by the photometry: TS, counts, TS of an extension
    real: np.ndarray  # a source of TS > 4 within the 99 % ellipse
    matched: np.ndarray  # with a source of TS > 9
    true: SkyCoord
    true_ts: np.ndarray
    true_counts: np.ndarray

    @classmethod
    def of(cls, sky, detector):
        """Collect what a detector proposes in a field."""
        table = detector.propose(sky.cube)
        catalog, true = SourceCatalog.from_table(table), sky.truth.positions
        component = sky.cube.components[0]
        return cls(
            catalog.positions,
            component.away_from_edge(catalog.positions),
            np.asarray(table["ML_Score"], float),
            table["ML_TS", "ML_TS_Ext", "Npred"] if detector.photometry else None,
            metrics.is_real(catalog.positions, catalog.ellipses(), true, sky.ts),
            metrics.match(catalog.positions, true, sky.ts) >= 0,
            true,
            sky.ts,
            component.away_from_edge(true),
        )


def calibrate(folder, skies, localizer=None):
    """Determine the operating point of the network in a folder, and write it to its model.yaml.

    Parameters
    ----------
    folder : path
        A folder made by `fermiml train`.
    skies : path
        Fields with truth made by `fermiml simulate`, used neither for training nor for testing.
    localizer : str, optional
    """
    finder = load_finder(str(folder), localizer)
    points = operating_points(finder, skies)
    pretrained.note(folder, operating={finder.localizer: points})
    return points


def operating_points(finder, skies, photometry=True):
    """Compute calibration, threshold and completeness, for a finder's attribute `operating`.

    Parameters
    ----------
    finder : fermiml.detect.finder.Finder
    skies : path
        As for `calibrate`.
    photometry : bool
        Whether there is a photometry; without, only the mode ``score``, in much less time.

    Returns
    -------
    dict
        By mode, ``photometry`` and ``score``.
    """
    fields = fields_of(skies)
    detector = SourceDetector(finder, threshold=0.0, photometry=photometry)
    samples = [
        Sample.of(read_sky(field, background="none"), detector)
        for field in progress_bar(fields, f"calibration of {label(finder)}")
    ]
    modes = calibration.MODES if photometry else ("score",)
    return {mode: _point(samples, mode) for mode in modes}


def _point(samples, mode):
    """Compute calibration, threshold and completeness in one mode."""
    used = [np.flatnonzero(s.counts) for s in samples]
    score, real, matched = (
        np.concatenate([getattr(s, name)[u] for s, u in zip(samples, used, strict=True)])
        for name in ("score", "real", "matched")
    )
    if not (0 < real.sum() < len(real) and 0 < matched.sum() < len(matched)):
        raise InputError("the selection skies contain no real or no false candidates: use more")
    with_ts, measured = mode == "photometry", None
    if with_ts:
        rows = [s.measured[u] for s, u in zip(samples, used, strict=True)]
        measured = vstack(rows, metadata_conflicts="silent")
    point = calibration.fit(score, measured, matched, real)
    probabilities = [
        calibration.probability(s.score, s.measured if with_ts else None, point) for s in samples
    ]
    thresholds = metrics.thresholds_of(probabilities)
    tally = metrics.Tally.joined(
        [
            metrics.Matching.of(
                s.position, p, s.counts, s.true, s.true_ts, s.true_counts
            ).tally(thresholds)
            for s, p in zip(samples, probabilities, strict=True)
        ]
    )  # fmt: skip
    column = tally.at_purity()
    return {
        **point,
        "threshold": 0.99 if column is None else float(thresholds[column]),
        "completeness": 0.0 if column is None else float(tally.completeness()[column]),
        "sources": int(tally.true.sum()),
    }
