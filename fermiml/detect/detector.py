"""SourceDetector: from a cube to a catalog."""

from __future__ import annotations

import logging
import os
from concurrent.futures import Executor

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table
from gammapy.maps import Maps, WcsNDMap

from fermiml import notebook
from fermiml.catalog import flags
from fermiml.catalog.catalog import SourceCatalog
from fermiml.catalog.data_header import energies_of, header_of
from fermiml.catalog.derive import forget_extrapolated
from fermiml.catalog.ellipses import error_columns, semi_axes
from fermiml.catalog.extended_sources import FORM_COLUMN, extended_rows, extended_table
from fermiml.checkpoint import Pieces
from fermiml.detect import calibration, candidates, classify, field_prior, sky_maps
from fermiml.detect.field_prior import FieldPrior
from fermiml.detect.finder import DEFAULT, Finder, label, load_finder
from fermiml.detect.invariants import assert_near, assert_sound
from fermiml.errors import InputError
from fermiml.executors import check_jobs
from fermiml.photometry.blend_calibration import BlendCalibration
from fermiml.sky.cube import SkyCube
from fermiml.sky.sphere import vectors_of

log = logging.getLogger(__name__)


class SourceDetector:
    """Detects point sources in counts with a trained network.

    Parameters
    ----------
    finder : fermiml.detect.finder.Finder
        See `from_pretrained`.
    threshold : float, optional
        Minimum ML_Prob.
    purity : float, optional
        The fraction of the catalog that should be real, instead of a threshold; by default 0.95,
        for which the threshold was measured on the selection skies. For any other purity it is the
        lowest threshold above which the mean ML_Prob is at least the purity.
    photometry : bool
        Fit fluxes, spectra and positions. If false, only positions and probabilities are given.
    extended : bool
        Replace rows that trace an extended source by one row with an extent (docs/extended.md);
        needs photometry.
    origin : SkyCoord, optional
        Where the tiling of the sky has a patch centre.
    prior : FieldPrior, optional
        The correction of ML_Prob by the data; by default the one shipped with fermiml.
    blends : BlendCalibration, optional
        Says which rows are two sources; by default the one shipped with fermiml.
    classes_by_position : bool
        Use the Galactic latitude for the classes, too: near the plane more sources are pulsars and
        remnants.
    jobs : int, str or concurrent.futures.Executor, optional
        Threads that fit fluxes, or a cluster (docs/scaling.md); by default FERMIML_JOBS, or the
        usable cores. The network itself runs in this process.
    parts : path or `fermiml.checkpoint.Pieces`, optional
        Folder for the fitted regions: an interrupted run resumes there.

    Examples
    --------
    >>> from fermiml import SourceDetector
    >>> detector = SourceDetector.from_pretrained("lat-best", threshold=0.5)  # doctest: +SKIP
    >>> catalog = detector.run("ccube.fits")  # doctest: +SKIP
    """

    def __init__(
        self,
        finder: Finder,
        *,
        threshold: float | None = None,
        purity: float | None = None,
        photometry: bool = True,
        extended: bool = True,
        origin: SkyCoord | None = None,
        prior: FieldPrior | None = None,
        blends: BlendCalibration | None = None,
        classes_by_position: bool = False,
        jobs: int | str | Executor | None = None,
        parts: Pieces | str | os.PathLike | None = None,
    ):
        if threshold is not None and not 0 <= threshold < 1:
            raise InputError(f"threshold {threshold}: give a probability between 0 and 1")
        if purity is not None and not 0 < purity < 1:
            raise InputError(f"purity {purity}: give a fraction between 0 and 1")
        if threshold is not None and purity is not None:
            raise InputError("threshold and purity contradict each other: give one of them")
        self.finder = finder
        self._point = finder.operating.get("photometry" if photometry else "score")
        if self._point is None:
            log.warning("%s is not calibrated: ML_Prob is its score", label(finder))
        self.threshold = self._default_threshold() if threshold is None else threshold
        self.purity = None if purity == calibration.PURITY else purity
        self.photometry, self.extended = photometry, extended
        self.prior = FieldPrior.load() if prior is None else prior
        self.blends = BlendCalibration.load() if blends is None else blends
        self.classes_by_position = classes_by_position
        self.origin = origin
        self._jobs = None if jobs is None else check_jobs(jobs)
        self._parts = parts

    def __getstate__(self):
        """Another process that gets this detector is one of several, and has one core."""
        return {**self.__dict__, "_jobs": 1, "_parts": None}

    @classmethod
    def from_pretrained(
        cls, name: str = DEFAULT, *, localizer: str | None = None, **settings
    ) -> SourceDetector:
        """Build a detector with a network by name.

        Parameters
        ----------
        name : str
            A shipped network, one from another package, or a folder made by `fermiml train`.
        localizer : str, optional
            kmeans, log, dbscan, centroid, peaks, convergence, or one from another package; by
            default the network's own.
        **settings
            Those of the constructor.
        """
        return cls(load_finder(name, localizer), **settings)

    def __repr__(self):
        return f"<SourceDetector: {label(self.finder)}, {self._limit()}>"

    def _repr_html_(self):
        facts = [("network", self.finder.name), ("localizer", self.finder.localizer or "none"),
                 ("least ML_Prob", f"{self.threshold:.3g}"),
                 ("photometry", "yes" if self.photometry else "no")]  # fmt: skip
        if self._point is not None and "completeness" in self._point:
            told = f"{self._point['completeness']:.2f} at ML_Prob > {self._point['threshold']:.3f}"
            facts.append(("completeness for TS > 25 at 95 % purity", told))
        return notebook.facts("SourceDetector", facts)

    def _limit(self):
        if self.purity is None:
            return f"ML_Prob >= {self.threshold:.3g}"
        return f"purity {self.purity:g}"

    def run(self, data: SkyCube | object) -> SourceCatalog:
        """Detect sources.

        Parameters
        ----------
        data : SkyCube, or anything that `SkyCube.read` takes

        Returns
        -------
        SourceCatalog
            Sorted by ML_Prob; an empty one when nothing is found.
        """
        cube = SkyCube.of(data)
        table = self.propose(cube)
        table = table[table["ML_Prob"] >= self._least(table["ML_Prob"])]
        table.sort("ML_Prob", reverse=True)
        assert_sound(table, cube)
        return SourceCatalog.from_table(
            table, extended=extended_table(table), meta=header_of(cube, "detect")
        )

    def heatmap(self, data: SkyCube | object) -> WcsNDMap:
        """Compute the network's score, from 0 to 1, in every pixel of the data; NaN off them.

        The data are any input of `run`. The map has their own grid, or for a HEALPix cube one that
        covers all of it.
        """
        return sky_maps.heatmap(SkyCube.of(data), self.finder, self.origin)

    def features(self, data: SkyCube | object) -> Maps:
        """Compute the network input for the data, on the grid of `heatmap`.

        The gammapy `Maps` have names (``"filter 2-7 GeV"``): for each band the stabilised counts
        and background, the significance of a matched filter (sigma) and the observed fraction; the
        root of the TS of a point source in all bands; whether a background was given.
        """
        return sky_maps.features(SkyCube.of(data), self.finder, self.origin)

    def propose(self, cube: SkyCube) -> Table:
        """Return the table of all candidates in a SkyCube, including the improbable ones."""
        found = candidates.find(cube, self.finder, self.origin)
        log.debug("%d candidates", len(found))
        if self.photometry:
            from fermiml.photometry.table import drop_errors_at_bounds

            table, found, ceiling = self._measured(cube, found)
        else:
            table, ceiling = _positions(found), 1.0
        low = np.asarray(table["ML_Flags"] & flags.MLFlag.LOW_TS) > 0
        table["ML_Score"] = found.score.astype(np.float32)
        measured = table if self.photometry else None
        table["ML_Prob"] = np.minimum(self._probability(found.score, measured, low), ceiling)
        self._ask_the_field(table)
        self._believe_objects(table, cube)
        probability = np.asarray(table["ML_Prob"])
        if self.photometry:  # a spectrum tells more than a network's map (docs/training.md)
            classify.add_kinds(table, self.classes_by_position)
            drop_errors_at_bounds(table)
        elif np.isfinite(found.pulsar).any():
            classify.add_classes(table, {"AGN": 1 - found.pulsar, "PSR": found.pulsar})
        else:
            table["ML_Prob_FAKE"] = 1 - probability
        fitted = table["ML_Ext_Size"] if self.photometry else np.nan
        given = np.isfinite(found.extent)
        if FORM_COLUMN in table.colnames:  # what was measured is better
            given &= np.asarray(table[FORM_COLUMN]) == ""
        table["ML_Ext_Size"] = np.where(given, found.extent, fitted)
        table["ML_Model"] = self.finder.name
        table["ML_Localizer"] = self.finder.localizer
        table["ML_Flags"] |= flags.of_response(cube)
        forget_extrapolated(table, energies_of(cube))
        # The PSF wing of a source outside the data is no source of these data.
        return table[cube.observed(SkyCoord(table["RAJ2000"], table["DEJ2000"], frame="fk5"))]

    def _measured(self, cube, found):
        """Measure candidates: those that are two sources become two, those that trace an extended
        one become one.

        Returns the table, its candidates, and the most that ML_Prob can be: a second source is no
        more certain than the split that made it.
        """
        from fermiml.extended.find_extended import find_extended
        from fermiml.photometry.blends import resolve
        from fermiml.photometry.coarse_pixels import farthest
        from fermiml.photometry.measure import measure

        table = measure(cube, found.position, progress=True, jobs=self._jobs, parts=self._parts)
        assert_near(table, found.position, farthest(max(c.pixel_size for c in cube.components)))
        table, origin = resolve(cube, table, self.blends, jobs=self._jobs)
        is_second = np.arange(len(table)) >= len(found)
        found, ceiling = found[origin], np.where(is_second, table["ML_Prob_Blend"], 1.0)
        if self.extended:
            jobs = self._jobs
            table, origin = find_extended(cube, table, found.score, found.extent, jobs=jobs)
            found, ceiling = found[origin], ceiling[origin]
        return table, found, ceiling

    def _probability(self, score, measured, low):
        if self._point is None:
            return np.asarray(score, float)
        return calibration.demoted(calibration.probability(score, measured, self._point), low)

    def _least(self, probability):
        if self.purity is None:
            return self.threshold
        return calibration.threshold_for(self.purity, probability, self.threshold)

    def _ask_the_field(self, table):
        """Lower ML_Prob, in place, where the sky is more structured than those of simulations."""
        if self._point is None or not len(table):
            return
        before = np.asarray(table["ML_Prob"], float)
        place = SkyCoord(table["RAJ2000"], table["DEJ2000"], unit="deg", frame="fk5")
        factor = self.prior.false_factor(before, vectors_of(place))
        after = field_prior.lowered(before, factor)
        table["ML_Prob"] = after
        table["ML_Flags"][field_prior.is_lowered(before, after)] |= flags.MLFlag.STRUCTURED
        table.meta["FALSEFAC"] = float(round(factor.max(), 2))
        if words := field_prior.in_words(before, after, factor):
            log.warning(words)

    def _believe_objects(self, table, cube):
        """Set ML_Prob of extended rows, in place: the network's score is made for points."""
        if len(rows := extended_rows(table)):
            from fermiml.extended.galaxy_beneath import GalaxyBeneath
            from fermiml.extended.object_probability import ObjectCalibration

            galaxy, calibration = GalaxyBeneath.of(cube), ObjectCalibration.load()
            table["ML_Prob"][rows] = calibration.probability(table[rows], galaxy)

    def _default_threshold(self):
        return 0.5 if self._point is None else float(self._point["threshold"])


def _positions(found):
    """Build a table of candidates that are not measured: positions, with an error where known."""
    icrs = found.position.icrs
    table = Table({"RAJ2000": icrs.ra, "DEJ2000": icrs.dec})
    table["ML_Flags"] = np.zeros(len(table), np.int16)
    if np.isfinite(found.covariance).any():
        for name, values in error_columns(*semi_axes(found.covariance)).items():
            table[name] = values
    return table
