"""What a network and traditional detection find in the same data, judged by one likelihood."""

import dataclasses
import logging
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from gammapy.maps import HpxNDMap, WcsNDMap

from fermiml.catalog import crossmatch
from fermiml.catalog.catalog import SourceCatalog
from fermiml.catalog.flags import MLFlag
from fermiml.compare.known_sources import recovered
from fermiml.likelihood import background as backgrounds
from fermiml.likelihood import cut, parts
from fermiml.likelihood.gammapy_engine import fit, in_data
from fermiml.sky.read.dispatch import is_expected_counts, with_background
from fermiml.traditional import search as traditional_detection

log = logging.getLogger(__name__)
RADIUS = 0.3  # deg within which detections of both are one source
THRESHOLD = 25.0  # TS
BOTH, ML, TRADITIONAL = FOUND_BY = ("both", "ML", "traditional")
# False sources per 1000 deg2 of source-free skies with the true diffuse model, measured by
# benchmarks/likelihood/known_truth.py (`false`): above a TS in the fit of all maxima, and in the
# list of traditional detection. None of 4000 deg2 exceeded 25; the last two show how the tail
# falls.
_FALSE_TS, _FALSE_RATE = (9.0, 16.0, 20.0), (51.0, 8.0, 2.0)
_FALSE_TRADITIONAL = 19.0


@dataclass
class Comparison:
    """The result of `compare`.

    Attributes
    ----------
    catalog : SourceCatalog
        All sources that either found, with the results of the final fit. Columns of its own are
        Found_By (both, ML, traditional), Name_Traditional and TS_Traditional (as traditional
        detection has them), Sep_Both and Sigma_Both (how far the two positions are apart, in deg
        and in units of their joint error), Sigma_Final_ML and Sigma_Final_Traditional (how far
        each is from the final position, in units of its own error), and with a second diffuse
        model TS_Alt.
    ml, traditional : SourceCatalog
        The two lists as they were found.
    known : astropy Table or None
        Known sources in the data, the TS that each should have, and what found it.
    seconds : dict
        Wall times by step; NaN for what was not run but given.
    area : float
        Observed deg2.
    threshold : float
        The TS that counts as a detection.
    """

    cube: object
    catalog: SourceCatalog
    ml: SourceCatalog
    traditional: SourceCatalog
    known: object = None
    seconds: dict = field(default_factory=dict)
    area: float = np.nan
    threshold: float = THRESHOLD
    background: str = ""
    alternative: str = ""

    def found_by(self, *which):
        """Mask of the rows that were found by any of these."""
        return np.isin(np.asarray(self.catalog.table["Found_By"]), which)

    @property
    def detected(self):
        """Mask of the rows whose final TS exceeds the threshold."""
        return np.asarray(self.catalog.table["TS"], float) > self.threshold

    @property
    def survives(self):
        """Mask of the rows that exceed it with the second diffuse model, too; None without."""
        if not self.alternative:
            return None
        return self.detected & (np.asarray(self.catalog.table["TS_Alt"], float) > self.threshold)

    @property
    def expected_false(self):
        """How many sources of each list are to be expected to be none.

        `ML` is the sum of 1 - ML_Prob. What Poisson noise alone brings: `traditional` to its
        list, `noise` above the threshold of TS in the final fit.
        """
        probability = np.asarray(self.ml.table["ML_Prob"], float)
        return {
            "ML": float(np.sum(1 - probability)) if np.all(np.isfinite(probability)) else np.nan,
            "traditional": _FALSE_TRADITIONAL / 1000 * self.area,
            "noise": false_rate(self.threshold) * self.area,
        }


def false_rate(threshold):
    """False sources per deg2 above a TS, from noise alone."""
    logs = np.log(_FALSE_RATE)
    fall = (logs[-1] - logs[-2]) / (_FALSE_TS[-1] - _FALSE_TS[-2])
    beyond = fall * max(threshold - _FALSE_TS[-1], 0.0)
    return float(np.exp(np.interp(threshold, _FALSE_TS, logs) + beyond)) / 1000


def compare(
    cube, catalog=None, *, detector=None, galdiff=None, iso=None, background_alt=None, known=None,
    threshold=THRESHOLD, jobs=1, cache=None,
):  # fmt: skip
    """Detect sources with a network and traditionally, and fit all of them together.

    Parameters
    ----------
    cube : SkyCube
        With the expected counts of a background, or else:
    catalog : SourceCatalog, optional
        What a network found; without it, `detector` is run.
    detector : SourceDetector, optional
        The default network, unless another is given.
    galdiff, iso : path, optional
        Diffuse models in the place of expected counts, as in `fit`.
    background_alt : path, list of maps or of paths, optional
        A second diffuse model: expected counts for each component, or one model of the
        Galaxy (MapCube). What does not reach the threshold with it gets the flag 64.
    known : SourceCatalog, optional
        Known sources: rows get their names, and `Comparison.known` says which were found.
        Those outside the data are in the model of the final fit.
    threshold : float
        The TS of a detection in the final fit.
    jobs : int
        Regions that are fitted at the same time.
    cache : path, optional
        Folder for traditional detection and for finished regions: a run that was interrupted goes
        on there.

    Returns
    -------
    Comparison
    """
    cut.check(cube)
    traditional_detection.check(cube)
    model = backgrounds.choose(cube, galdiff, iso)
    second = None if background_alt is None else _second(cube, background_alt, iso)
    planes = _planes(cube, model)
    cube = _with_background(cube, planes)
    seconds = {"ML": np.nan}
    if catalog is None:
        start = time.perf_counter()
        catalog = (detector or _default_detector()).run(cube)
        seconds["ML"] = time.perf_counter() - start
    log.info("the network has %d sources", len(catalog))
    traditional = traditional_detection.detect_traditional(cube, planes, cache=cache)
    seconds["traditional"] = traditional.table.meta["SECONDS"]
    log.info("traditional detection has %d sources", len(traditional))

    seeds, rows = union(catalog, traditional)
    outside = None if known is None else _outside(cube, known)
    with parts.held(cache and Path(cache) / "parts") as kept:
        start = time.perf_counter()
        final = fit(seeds, cube, known=outside, diffuse=model, jobs=jobs, parts=kept)
        seconds["final fit"] = time.perf_counter() - start
        if second is not None:
            _judge_again(final, seeds, second, threshold, known=outside, jobs=jobs, parts=kept)
        kept.forget()
    _add_offsets(final, catalog, traditional, rows)
    result = Comparison(
        cube, final if known is None else final.associate(known), catalog, traditional,
        seconds=seconds, area=_area(cube), threshold=threshold, background=model.text,
        alternative=_words(background_alt),
    )  # fmt: skip
    if known is not None:
        result.known = recovered(cube, known, {ML: catalog, TRADITIONAL: traditional}, RADIUS)
    return result


def _words(given):
    """What the second diffuse model is."""
    if given is None:
        return ""
    names = given if isinstance(given, list | tuple) else [given]
    paths = [Path(name).name for name in names if isinstance(name, str | Path)]
    return ", ".join(paths) or "other expected counts"


def _default_detector():
    from fermiml.detect.detector import SourceDetector

    return SourceDetector.from_pretrained()


def _planes(cube, model):
    """Maps (bin, pixels...) of the diffuse emission, a list for each component."""
    return [
        [p.reshape(c.counts.data.shape) for p in model.planes(c, cut.observe(c))]
        for c in cube.components
    ]


def _with_background(cube, planes):
    """The cube with the sum of these maps as the background of each component."""
    components = []
    for component, maps in zip(cube.components, planes, strict=True):
        kind = HpxNDMap if component.is_healpix else WcsNDMap
        background = kind(component.counts.geom, np.sum(maps, axis=0))
        components.append(dataclasses.replace(component, background=background))
    return dataclasses.replace(cube, components=components)


def _second(cube, given, iso):
    """The cube and the background of the second diffuse model."""
    if not isinstance(given, str | Path) or is_expected_counts(given):
        return with_background(cube, given), backgrounds.GivenBackground()
    bare = [dataclasses.replace(c, background=None) for c in cube.components]
    bare = dataclasses.replace(cube, components=bare)
    return bare, backgrounds.choose(bare, galdiff=given, iso=iso)


def union(ml, traditional, radius=RADIUS):
    """The sources of both lists, each once: those of the first in their order, then the rest.

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


def _add_offsets(final, ml, traditional, rows):
    """Columns Sigma_Final_ML and Sigma_Final_Traditional of the final catalog."""
    exact = (np.full(len(final), np.nan),) * 3
    of_ml = np.where(np.arange(len(final)) < len(ml), np.arange(len(final)), -1)
    for name, own, number in (("ML", ml, of_ml), ("Traditional", traditional, rows)):
        has = np.flatnonzero(number >= 0)
        there, here = own.positions, final.positions
        apart = there[number[has]].separation(here[has]).deg
        pairs = crossmatch.Pairs(number[has], has, apart, None)
        sigma = np.full(len(final), np.nan)
        sigma[has] = crossmatch.normalised_offset(there, own.ellipses(), here, exact, pairs)
        final.table[f"Sigma_Final_{name}"] = sigma


def _judge_again(final, seeds, second, threshold, **options):
    """Column TS_Alt, and the flag of what was a detection and is none with the second model."""
    cube, model = second
    again = fit(seeds, cube, diffuse=model, bands=False, **options)
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
