"""The scores of a method, measured by `fermiml evaluate` and written to scores.json.

Rows of tables are dictionaries: the edges of a bin under ``TS`` or ``S1``, ``number``, and a
fraction with its interval (value, low, high). Unknown values are NaN or None.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class PurityScores:
    """At the lowest threshold that leaves a purity of 95 %."""

    completeness: float  # for Asimov TS > 25
    interval: list[float]  # 68 %: low, high
    threshold: float | None
    s1_complete: float  # S1 (ph cm-2 s-1) above which 90 % of the true sources are found
    s1_pure: float  # measured S1 above which 90 % of the detections are real


@dataclass(frozen=True)
class DefaultScores:
    """At the threshold at which a catalog is meant to be used: value, low, high."""

    completeness: tuple[float, float, float]
    purity: tuple[float, float, float]


@dataclass(frozen=True)
class ZoneScores:
    """Detection in a zone of Galactic latitude."""

    true_sources: int  # of Asimov TS > 25
    at_purity: PurityScores
    curve: dict[str, list[float]]  # threshold, purity, completeness
    by_ts: list[dict]  # completeness in bins of Asimov TS, at_purity
    by_s1: list[dict]  # completeness in bins of S1, whatever the TS, at_purity
    at_default: DefaultScores | None


@dataclass(frozen=True)
class FieldScores:
    """A method on several fields with sources."""

    fields: int
    area: float  # deg2
    default_threshold: float | None
    chance_matches: float | None  # fraction of detections that match when moved
    zones: dict[str, ZoneScores]  # "all", and those of `fermiml.evaluate.metrics.ZONES`
    threshold: float  # at which all that follows is measured
    localisation: dict  # number, median (deg), within_68, within_95, sigma_quantiles
    flux_pulls: dict  # Asimov TS > 50: mean, width, number
    flux_ratios: list[dict]  # measured / true flux in bins of TS: median, 16 %, 84 %
    classes: dict  # Asimov TS > 64: confusion matrix, balanced accuracy
    classes_by_ts: list[dict]
    reliability: dict[str, list[dict]]  # bins of ML_Prob by zone
    purity_by_field: list[dict]  # at `threshold`: field, detections, purity (value, low, high)
    source_numbers: dict  # predicted and true, by cell of sky
    panes2021: dict[str, dict]  # S1 at 90 % completeness and purity, scored as they do
    pixels: dict | None  # precision and recall of a segmentation
    instances: dict | None  # where skies have masks: see `sky_instances.summary`
    seconds: float | None  # a field
    cpu_seconds: float | None


@dataclass(frozen=True)
class FalseScores:
    """A method on skies without sources."""

    fields: int
    false_per_1000_deg2: dict[float, float]  # by threshold


@dataclass(frozen=True)
class MethodScores:
    """A method on its own fields, and on those that all methods have, where these are fewer."""

    own: FieldScores | FalseScores
    common: FieldScores | FalseScores | None = None


def plain(results):
    """{set: {method: `MethodScores`}} as dictionaries, for JSON."""
    return {label: {name: asdict(scores) for name, scores in methods.items()}
            for label, methods in results.items()}  # fmt: skip
