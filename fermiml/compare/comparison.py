"""Comparison of a network and traditional detection on the same data, with one likelihood."""

import dataclasses
import logging
import time
from concurrent.futures import Executor
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from gammapy.maps import HpxNDMap, WcsNDMap

from fermiml import moved, schema
from fermiml.catalog import crossmatch
from fermiml.catalog.catalog import SourceCatalog
from fermiml.catalog.flags import MLFlag
from fermiml.compare.comparison_result import BOTH, ML, THRESHOLD, TRADITIONAL, ComparisonResult
from fermiml.compare.known_sources import recovered
from fermiml.detect.detector import SourceDetector
from fermiml.executors import check_jobs, shared_executor
from fermiml.likelihood import background as backgrounds
from fermiml.likelihood import cut, parts
from fermiml.likelihood.gammapy_engine import GammapyEngine, in_data
from fermiml.likelihood.seeds import check_known
from fermiml.sky.cube import Origin, SkyCube
from fermiml.sky.read.dispatch import is_expected_counts, with_background
from fermiml.traditional.search import TraditionalDetector, check_pixels
from fermiml.wording import counted

log = logging.getLogger(__name__)
RADIUS = 0.3  # deg within which detections of both are one source


class Comparison:
    """Detects sources with a network and with TS maps, and fits all of them together.

    Parameters
    ----------
    detector : SourceDetector, optional
        By default one with the default network; any object with the same ``run`` is accepted.
    traditional : TraditionalDetector, optional
        By default one with the settings of the benchmarks, which saves its results in `cache`.
    galdiff, iso : path, optional
        Diffuse model of the Galaxy (MapCube) and isotropic spectrum (text), for data without
        expected counts of a background; without any of these, the coarse embedded model.
    background_alt : path, list of maps or of paths, optional
        A second diffuse model: expected counts for each component, or one model of the Galaxy
        (MapCube). Sources below the threshold with it get bit 64 of ML_Flags.
    known : SourceCatalog, optional
        Known sources: rows get their names, and `ComparisonResult.known` says which were found.
        Those outside the data are in the model of the final fit.
    threshold : float
        The TS of a detection in the final fit.
    jobs : int, str or concurrent.futures.Executor, optional
        Processes that fit regions, or a cluster (docs/scaling.md); by default FERMIML_JOBS, or one.
    cache : path, optional
        Folder for traditional detection and for finished regions: an interrupted run
        resumes there.

    Raises
    ------
    InputError
        If a setting is invalid, or a file is missing.

    Examples
    --------
    >>> from fermiml import Comparison, SkyCube, SourceCatalog
    >>> cube = SkyCube.read("ccube.fits", exposure="bexpmap.fits", background="background.fits")
    >>> result = Comparison(known=SourceCatalog.read("gll_psc_v35.fit"), jobs=4).run(cube)
    >>> result.catalog.table["Source_Name", "Found_By", "TS"]
    """

    def __init__(
        self, *, detector: SourceDetector | None = None,
        traditional: TraditionalDetector | None = None,
        galdiff: str | PathLike | None = None, iso: str | PathLike | None = None,
        background_alt: Any = None, known: SourceCatalog | None = None,
        threshold: float = THRESHOLD, jobs: int | str | Executor | None = None,
        cache: str | PathLike | None = None,
    ):  # fmt: skip
        backgrounds.check_files(galdiff, iso)
        check_known(known)
        self.detector = detector
        self.traditional = traditional or TraditionalDetector(cache=cache)
        self.threshold = schema.number(0)("threshold", threshold)
        self._galdiff, self._iso, self._alternative = galdiff, iso, background_alt
        self._known, self._cache = known, cache
        self._jobs = None if jobs is None else check_jobs(jobs)

    def __repr__(self):
        detector = self.detector or "the default network"
        return f"<Comparison: {detector} and {self.traditional}, TS > {self.threshold:g}>"

    def run(self, data: Any, catalog: SourceCatalog | None = None) -> ComparisonResult:
        """Compare both on one data set.

        Parameters
        ----------
        data : SkyCube, or anything that `SkyCube.read` takes
            Its components must lie on the same WCS pixels.
        catalog : SourceCatalog, optional
            The detections of a network; by default the detector is run.
        """
        cube = SkyCube.of(data)
        cut.check(cube)
        check_pixels(cube)
        model = backgrounds.choose(cube, self._galdiff, self._iso)
        alternative = self._alternative
        second = None if alternative is None else _second(cube, alternative, self._iso)
        planes = _planes(cube, model)
        cube = _with_background(cube, planes, model.text)
        with shared_executor(self._jobs) as jobs:
            found, seconds = self._detect(cube, planes, catalog, jobs)
            seeds, rows = union(found[ML], found[TRADITIONAL])
            final, seconds["final fit"] = self._fit(cube, seeds, model, second, jobs)
        _add_offsets(final, found, rows)
        known = None
        if self._known is not None:
            known = recovered(cube, self._known, found, RADIUS)
            final = final.associate(self._known)
        return ComparisonResult(
            cube, final, found[ML], found[TRADITIONAL], known=known, seconds=seconds,
            area=_area(cube), threshold=self.threshold, background=model.text,
            alternative=_words(alternative),
        )  # fmt: skip

    def _detect(self, cube, planes, catalog, jobs):
        """Both lists by name, and how long each took (s); NaN for one that was given."""
        seconds = {ML: np.nan}
        if catalog is None:
            start = time.perf_counter()
            catalog = (self.detector or SourceDetector.from_pretrained(jobs=jobs)).run(cube)
            seconds[ML] = time.perf_counter() - start
        log.info("the network found %s", counted(len(catalog), "source"))
        traditional = self.traditional.run(cube, planes)
        seconds[TRADITIONAL] = traditional.table.meta["SECONDS"]
        log.info("traditional detection found %s", counted(len(traditional), "source"))
        return {ML: catalog, TRADITIONAL: traditional}, seconds

    def _fit(self, cube, seeds, model, second, jobs):
        """All sources fitted together, and how long it took (s); judged again with the second
        diffuse model, if there is one."""
        with parts.held(self._cache and Path(self._cache) / "parts") as kept:
            known = None if self._known is None else _outside(cube, self._known)
            settings = {"known": known, "jobs": jobs, "parts": kept}
            start = time.perf_counter()
            final = GammapyEngine(diffuse=model, **settings).fit(seeds, cube)
            seconds = time.perf_counter() - start
            if second is not None:
                cube, model = second
                engine = GammapyEngine(diffuse=model, bands=False, **settings)
                _judge_again(final, engine.fit(seeds, cube), self.threshold)
            if kept is not None:
                kept.forget()
        return final, seconds


def compare(cube, catalog=None, **settings):
    """Run the comparison through the interface of fermiml 0.1: use `fermiml.Comparison`."""
    moved.warn("fermiml.compare.comparison.compare", "fermiml.Comparison")
    return Comparison(**settings).run(cube, catalog)


def _words(given):
    """Describe the second diffuse model."""
    if given is None:
        return ""
    names = given if isinstance(given, list | tuple) else [given]
    paths = [Path(name).name for name in names if isinstance(name, str | Path)]
    return ", ".join(paths) or "other expected counts"


def _planes(cube, model):
    """Compute maps (bin, pixels...) of the diffuse emission, a list for each component."""
    return [
        [p.reshape(c.counts.data.shape) for p in model.planes(c, cut.observe(c))]
        for c in cube.components
    ]


def _with_background(cube, planes, text):
    """Return the cube with the sum of these maps as the background of each component; where there
    was none, `text` says what it is."""
    components = []
    for component, maps in zip(cube.components, planes, strict=True):
        kind = HpxNDMap if component.is_healpix else WcsNDMap
        background = kind(component.counts.geom, np.sum(maps, axis=0))
        origins = component.origins
        if component.background is None:
            origins = {**origins, "background": Origin(text)}
        components.append(dataclasses.replace(component, background=background, origins=origins))
    return dataclasses.replace(cube, components=components)


def _second(cube, given, iso):
    """Return the cube and the background of the second diffuse model."""
    if not isinstance(given, str | Path) or is_expected_counts(given):
        return with_background(cube, given), backgrounds.GivenBackground()
    bare = [dataclasses.replace(c, background=None) for c in cube.components]
    bare = dataclasses.replace(cube, components=bare)
    return bare, backgrounds.choose(bare, galdiff=given, iso=iso)


def union(ml, traditional, radius=RADIUS):
    """Join the sources of both lists, each once: those of the first in their order, then the rest.

    Its columns Found_By, Name_Traditional, TS_Traditional, Sep_Both and Sigma_Both say what
    belongs together. Also returned is the row of each in the second list, -1 for none.
    """
    ellipses = ml.ellipses(), traditional.ellipses()
    places = ml.positions, traditional.positions
    pairs = crossmatch.best(crossmatch.pairs_within(*places, radius))
    sigma = crossmatch.normalised_offset(places[0], ellipses[0], places[1], ellipses[1], pairs)
    alone = np.setdiff1d(np.arange(len(traditional)), pairs.second)
    joined = ml.merge(traditional[alone], radius=0)
    rows = np.concatenate([np.full(len(ml), -1), alone])
    rows[pairs.first] = pairs.second
    found = np.where(rows < 0, ML, BOTH).astype("U11")
    found[len(ml) :] = TRADITIONAL
    joined.table["Found_By"] = found
    joined.table["Name_Traditional"] = _taken(traditional.table["Source_Name"], rows, "")
    joined.table["TS_Traditional"] = _taken(traditional.table["TS"], rows, np.nan)
    for name, values in (("Sep_Both", pairs.separation), ("Sigma_Both", sigma)):
        joined.table[name] = np.nan
        joined.table[name][pairs.first] = values
    joined.table["Sep_Both"].unit = "deg"
    return joined, rows


def _taken(column, rows, nothing):
    """Values of a column at some rows, `nothing` where the row is -1."""
    if not len(column):
        return np.full(len(rows), nothing)
    return np.where(rows < 0, nothing, np.asarray(column)[rows])


def _add_offsets(final, found, rows):
    """Columns Sigma_Final_ML and Sigma_Final_Traditional of the final catalog."""
    exact = (np.full(len(final), np.nan),) * 3
    of_ml = np.where(np.arange(len(final)) < len(found[ML]), np.arange(len(final)), -1)
    for name, own, number in (
        ("ML", found[ML], of_ml), ("Traditional", found[TRADITIONAL], rows),
    ):  # fmt: skip
        has = np.flatnonzero(number >= 0)
        there, here = own.positions, final.positions
        apart = there[number[has]].separation(here[has]).deg
        pairs = crossmatch.Pairs(number[has], has, apart, None)
        sigma = np.full(len(final), np.nan)
        sigma[has] = crossmatch.normalised_offset(there, own.ellipses(), here, exact, pairs)
        final.table[f"Sigma_Final_{name}"] = sigma


def _judge_again(final, again, threshold):
    """Column TS_Alt, and the flag of what was a detection and is none with the second model."""
    ts = np.asarray(again.table["TS"], float)
    final.table["TS_Alt"] = ts
    lost = (np.asarray(final.table["TS"], float) > threshold) & ~(ts > threshold)
    for row in np.flatnonzero(lost):
        final.table["ML_Flags"][row] |= MLFlag.SECOND_DIFFUSE.value


def _outside(cube, known):
    """Those known sources that are not in the data."""
    outside = np.ones(len(known), bool)
    outside[in_data(cube, known)] = False
    return known[outside]


def _area(cube):
    """Observed deg2."""
    first = cube.components[0]
    return float(np.sum(first.pixel_areas()[first.mask]))
