"""Artificial sources injected into the user's data and detected, to measure the sensitivity."""

from __future__ import annotations

import os
import warnings
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, fields, replace
from itertools import pairwise

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import vstack
from astropy.units import Quantity
from gammapy.maps import WcsNDMap

from fermiml import notebook, schema
from fermiml.catalog.catalog import SourceCatalog
from fermiml.checkpoint import claim, content_key
from fermiml.detect.detector import SourceDetector
from fermiml.errors import InputError
from fermiml.evaluate import metrics
from fermiml.executors import check_jobs
from fermiml.inject import sensitivity
from fermiml.inject.artificial_sources import CLASSES
from fermiml.inject.rounds import Rounds, kept_catalog
from fermiml.inject.sensitivity import Completeness
from fermiml.progress import progress_bar
from fermiml.schema import Key, list_of, number, one_of, whole
from fermiml.sky.cube import SkyCube

LEVELS = (0.5, 0.9)  # completeness of the sensitivity maps
_EMPTY = 2  # source-free variants
_PROBABILITIES = (0.0, 0.3, 0.6, 0.8, 0.9, 0.95, 1.0)  # bins in which false ones are counted
TOLD_TS = (9, 16, 25, 50, 100)  # at which the completeness is printed


@dataclass(frozen=True)
class FalseSources:
    """Expected number of false detections in the original data."""

    by_probability: float  # the sum of 1 - ML_Prob
    in_background: float | None  # detections in the background model alone, if there is one
    by_bin: list[dict]  # the same in bins of ML_Prob


@dataclass(frozen=True)
class InjectionSummary:
    """The numbers of summary.json. Fractions and thresholds are [value, low, high]."""

    injected: int
    found: int
    rounds: int
    spectra: str  # AGN, PSR, or the power law
    detections: int  # in the data as they are
    lost: float  # of these, in a round
    completeness_by_flux: list[dict]  # in bins of S1
    completeness_by_ts: list[dict]  # in bins of expected TS
    curve_by_flux: list[dict]
    curve_by_ts: list[dict]
    completeness_at_ts: dict[str, list]
    ts_at_completeness: dict[str, list]
    flux_at_completeness: dict[str, list]  # median over the field
    separation: float | None  # median, deg
    flux_ratio: float | None  # median of found / injected
    false: FalseSources


@dataclass(frozen=True, repr=False)
class InjectionResult:
    """The results of all rounds: injected sources, detections and sensitivity.

    Attributes
    ----------
    sources : SourceCatalog
        The injected sources, with columns ``Round``, ``Found``, ``ML_Prob`` ...
    detected : SourceCatalog
        The detections in the original data.
    sensitivity : dict
        Completeness -> gammapy `WcsNDMap` of the flux (cm-2 s-1, 1-100 GeV) at which it is reached.
    summary : InjectionSummary
    """

    sources: SourceCatalog
    detected: SourceCatalog
    sensitivity: dict[float, WcsNDMap]
    summary: InjectionSummary

    @property
    def table(self):
        """The table of the injected sources."""
        return self.sources.table

    def __repr__(self):
        s = self.summary
        return f"<InjectionResult: {s.found} of {s.injected} sources ({s.spectra}) found>"

    def _repr_html_(self):
        return notebook.facts("InjectionResult", _facts(self.summary))


def _facts(summary):
    yield "injected", f"{summary.injected} ({summary.spectra}) in {summary.rounds} rounds"
    yield "found", summary.found
    for level in map(str, LEVELS):
        ts, flux = (at[level][0] for at in (summary.ts_at_completeness,
                                            summary.flux_at_completeness))  # fmt: skip
        if flux is not None and np.isfinite(flux):
            yield f"{float(level):.0%} complete", f"expected TS {ts:.1f}, median S1 {flux:.2e}"
    yield "detections without injection", summary.detections
    yield "of these false, by ML_Prob", f"{summary.false.by_probability:.1f}"


def _flux(name, value):
    """Check a flux range (lowest, highest), ph cm-2 s-1."""
    low, high = list_of(number(above=0, unit="cm-2 s-1"), least=2, most=2)(name, value)
    if low > high:
        raise InputError(f"{name} {low:g}, {high:g}: give the lowest, then the highest")
    return low, high


_SCHEMA = {
    "kind": Key("AGN", one_of(*CLASSES)),
    "index": Key(None, number(-10, 10)),
    "flux": Key(None, _flux),
    "rounds": Key(None, whole(1, 10_000)),
    "apart": Key(2.0, number(above=0, high=180, unit="deg")),
    "away": Key(0.7, number(above=0, high=180, unit="deg")),
    "seed": Key(1, whole()),
}


@dataclass(frozen=True)
class Settings:
    """Spectra and positions of the injected sources; see `Injection`."""

    kind: str = "AGN"
    index: float | None = None
    flux: tuple | None = None
    rounds: int | None = None
    apart: float = 2.0
    away: float = 0.7
    seed: int = 1

    def __post_init__(self):
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, value in schema.check(_SCHEMA, given).items():
            object.__setattr__(self, name, value)
        if self.away <= metrics.RADIUS:
            raise InputError(f"away {self.away:g}: below {metrics.RADIUS} deg, injected sources "
                             "could be mistaken for existing ones")  # fmt: skip

    @property
    def spectra(self):
        """Their kind in words."""
        return self.kind if self.index is None else f"power law {self.index:g}"

    def check(self):
        """Return the settings; deprecated, as they are checked when they are created."""
        return self


class Injection:
    """Injects artificial sources into data and detects them.

    Parameters
    ----------
    detector : SourceDetector
    kind : {"AGN", "PSR"}
        Use spectra of bright sources of this class.
    index : float, optional
        Power laws of this photon index instead.
    flux : (float, float) or Quantity, optional
        Lowest and highest flux, cm-2 s-1, 1-100 GeV; by default those of an expected TS of 3 to
        300.
    rounds : int, optional
        Number of rounds of injection; by default 10, or up to 50 until there are 200 sources.
    apart, away : float or Quantity
        Minimum distance (deg) between injected sources, and from detected and known ones.
    seed : int
        The same seed gives the same sources.
    jobs : int, str or concurrent.futures.Executor, optional
        Processes for the rounds, or a cluster (docs/scaling.md); by default FERMIML_JOBS, or one.

    Raises
    ------
    InputError
        If a setting is invalid.

    Examples
    --------
    >>> from fermiml import Injection, SkyCube, SourceDetector
    >>> detector = SourceDetector.from_pretrained()  # doctest: +SKIP
    >>> injection = Injection(detector, index=2.2, rounds=20)  # doctest: +SKIP
    >>> result = injection.run(SkyCube.read("ccube.fits"), "injected")  # doctest: +SKIP
    >>> result.summary.flux_at_completeness["0.9"]  # doctest: +SKIP
    """

    def __init__(
        self,
        detector: SourceDetector,
        *,
        kind: str = "AGN",
        index: float | None = None,
        flux: tuple[float, float] | Quantity | None = None,
        rounds: int | None = None,
        apart: float | Quantity = 2.0,
        away: float | Quantity = 0.7,
        seed: int = 1,
        jobs: int | str | Executor | None = None,
    ):
        self.detector, self._jobs = detector, check_jobs(jobs)
        self.settings = Settings(kind, index, flux, rounds, apart, away, seed)

    def __repr__(self):
        return f"<Injection: {self.settings.spectra}, {self.detector!r}>"

    def run(
        self, cube: SkyCube, folder: str | os.PathLike, known: SkyCoord | None = None
    ) -> InjectionResult:
        """Inject sources into a cube, detect them, and measure completeness and sensitivity.

        Parameters
        ----------
        cube : SkyCube
        folder : path
            For finished rounds; the same call again resumes.
        known : SkyCoord, optional
            Known sources to avoid, in addition to the detected ones.
        """
        with claim(folder, _fingerprint(cube, self.detector, self.settings, known)) as folder:
            return _inject(cube, self.detector, folder, self.settings, known, self._jobs)


def inject(cube, detector, folder, settings=None, known=None):
    """Inject; deprecated: use `fermiml.Injection(detector, ...).run(cube, folder, known)`."""
    warnings.warn("inject() is fermiml.Injection now", DeprecationWarning, stacklevel=2)
    return Injection(detector, **asdict(settings or Settings())).run(cube, folder, known)


def _inject(cube, detector, folder, settings, known, jobs):
    detected = kept_catalog(folder / "detected.fits", lambda: detector.run(cube))
    run = Rounds(cube, detector, settings, detected.positions.icrs, known)
    parts = run.all(folder, jobs)
    table = vstack([p.table for p in parts], metadata_conflicts="silent")
    sources = SourceCatalog.from_table(table, meta={"SIMULATE": True})
    # In units of the flux of a middling source of TS 25 there, completeness is the same
    # everywhere, and the mix of spectra is in it.
    curve = Completeness.of(table["S1"] / table["S1_Reference"], table["Found"])
    unit = run.map()
    maps = {level: unit * curve.value_at(level)[0] for level in LEVELS}
    typical = _median(unit.data)
    summary = InjectionSummary(
        rounds=len(parts),
        spectra=settings.spectra,
        detections=len(detected),
        flux_at_completeness={
            str(level): [typical and typical * value for value in curve.value_at(level)]
            for level in LEVELS
        },
        false=_false_sources(detected, _in_background(cube, detector, folder)),
        **_completeness(sources.table),
    )
    return InjectionResult(sources, detected, maps, summary)


def _fingerprint(cube, detector, settings, known):
    data = [component.content() for component in cube.components]
    away = None if known is None else (known.icrs.ra.deg, known.icrs.dec.deg)
    chosen = {**asdict(settings), "flux": settings.flux and list(settings.flux)}
    del chosen["rounds"]  # more can be added to what is there
    return {
        "settings": chosen,
        "data": content_key(data, away),
        "network": detector.finder.identity,
        "threshold": detector.threshold,
        "purity": detector.purity,
        "photometry": detector.photometry,
    }


def _completeness(table):
    """Summarize what was found, by flux and by expected TS: fields of the `InjectionSummary`."""
    found = np.asarray(table["Found"], bool)
    flux, ts = (np.asarray(table[name], float) for name in ("S1", "TS_Expected"))
    by_flux, by_ts = Completeness.of(flux, found), Completeness.of(ts, found)
    return {
        "injected": len(table),
        "found": int(found.sum()),
        "lost": float(np.mean(table["Lost"])) if len(table) else 0.0,
        "completeness_by_flux": sensitivity.in_bins(flux, found, "S1"),
        "completeness_by_ts": sensitivity.in_bins(ts, found, "TS"),
        "curve_by_flux": by_flux.curve(flux, "S1"),
        "curve_by_ts": by_ts.curve(ts, "TS"),
        "completeness_at_ts": {str(v): by_ts.fraction_at(v) for v in TOLD_TS},
        "ts_at_completeness": {str(v): by_ts.value_at(v) for v in LEVELS},
        "separation": _median(table["Separation"]),
        "flux_ratio": _median(table["Found_Flux1000"] / table["S1"]),
    }


def _median(values):
    values = np.asarray(values, float)
    return float(np.nanmedian(values)) if np.isfinite(values).any() else None


def _false_sources(detected, empty):
    """Count expected false detections by ML_Prob and in the background alone, if there is one."""
    probability = np.asarray(detected.table["ML_Prob"], float)
    alone = None if empty is None else [np.asarray(e.table["ML_Prob"], float) for e in empty]
    bins = [_false_in(probability, alone, *edges) for edges in pairwise(_PROBABILITIES)]
    return FalseSources(
        by_probability=float(np.sum(1 - probability)),
        in_background=None if alone is None else float(np.mean([len(p) for p in alone])),
        by_bin=[row for row in bins if row["detections"] or row["in_background"]],
    )


def _false_in(probability, alone, low, high):
    """Count detections and false ones in a bin of ML_Prob."""

    def inside(values):
        return values[(values > low) & (values <= high)]

    own = inside(probability)
    return {
        "ML_Prob": [low, high],
        "detections": len(own),
        "by_probability": float(np.sum(1 - own)),
        "in_background": None if alone is None else float(np.mean([len(inside(p)) for p in alone])),
    }


def _in_background(cube, detector, folder):
    """Detect in draws of the background model; return the catalogs, or None without a model."""
    if not cube.has_background:
        return None
    return [
        kept_catalog(folder / f"empty_{n}.fits", lambda n=n: detector.run(_empty(cube, n)))
        for n in progress_bar(range(_EMPTY), "source-free variant")
    ]


def _empty(cube, number):
    """Return the cube with Poisson counts of its background model, and no source."""
    rng = np.random.default_rng([number, 77])
    components = []
    for component in cube.components:
        counts = component.counts.copy(data=rng.poisson(component.background.data))
        components.append(replace(component, counts=counts))
    return replace(cube, components=components)
