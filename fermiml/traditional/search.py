"""Traditional detection: peaks of a TS map join the model, until the map shows nothing new.

This is how analysts find sources today, and the baseline of every benchmark: it needs a model of
the diffuse emission, and takes minutes for 400 deg2.
"""

import logging
import time
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table, vstack
from astropy.units import Quantity
from gammapy.maps import WcsNDMap
from threadpoolctl import threadpool_limits

from fermiml import __version__, moved, schema
from fermiml.catalog import record
from fermiml.catalog.catalog import SourceCatalog
from fermiml.catalog.derive import forget_extrapolated
from fermiml.catalog.ellipses import error_columns
from fermiml.catalog.positions import equatorial
from fermiml.checkpoint import content_key, kept
from fermiml.errors import InputError
from fermiml.sky.cube import SkyCube
from fermiml.traditional.map_peaks import find
from fermiml.traditional.norm_fit import PIVOT, NormFit
from fermiml.traditional.tsmap import SignificanceMaps
from fermiml.wording import counted

log = logging.getLogger(__name__)

_RECORD = ("SECONDS", "CPU_SECS", "ROUNDS")  # of the meta of a result
_VERSION = 2  # of this method: results of another one are not taken from the cache


@dataclass(frozen=True)
class Options:
    """The settings that a result depends on; its name in the cache is made of this, too."""

    index: float
    threshold: float
    final: float
    separation: float
    rounds: int
    everywhere: bool


class TraditionalDetector:
    """Detects point sources with iterated TS maps, given a model of the diffuse emission.

    The defaults are those of the benchmarks.

    Parameters
    ----------
    index : float
        Photon index of all sources.
    threshold : float
        Minimum significance (sigma) of peaks in a TS map that are added to the model.
    final : float
        Minimum significance (sigma) of the sources in the catalog.
    separation : float or Quantity
        Minimum angle (deg) between peaks in one map.
    rounds : int
        Maximum number of TS maps whose peaks are added to the model.
    everywhere : bool
        Fit the TS maps in every pixel, as gammapy does: slow.
    cache : path, optional
        A folder for results, so that the same input is not searched twice.

    Raises
    ------
    InputError
        If a setting makes no sense.

    Examples
    --------
    >>> from astropy import units as u
    >>> from fermiml import SkyCube, TraditionalDetector
    >>> cube = SkyCube.read("ccube.fits", background="background.fits")
    >>> catalog = TraditionalDetector(final=4, separation=20 * u.arcmin).run(cube)
    >>> catalog.table["Source_Name", "Signif_Avg", "Flux1000"]
    """

    def __init__(
        self, *, index: float = 2.2, threshold: float = 5.0, final: float = 3.5,
        separation: float | Quantity = 0.5, rounds: int = 8, everywhere: bool = False,
        cache: str | PathLike | None = None,
    ):  # fmt: skip
        self.options = Options(
            index=schema.number(0, 5)("index", index),
            threshold=schema.number(0)("threshold", threshold),
            final=schema.number(0)("final", final),
            separation=schema.number(0, 90, unit="deg")("separation", separation),
            rounds=schema.whole()("rounds", rounds),
            everywhere=schema.flag("everywhere", everywhere),
        )
        self._cache = cache

    def __repr__(self):
        o = self.options
        return (
            f"<TraditionalDetector: index {o.index:g}, peaks above {o.threshold:g} sigma, "
            f"sources above {o.final:g} sigma>"
        )

    def run(self, cube: Any, background: list | None = None) -> SourceCatalog:
        """Find the sources of a data set.

        Parameters
        ----------
        cube : SkyCube, or anything that `SkyCube.read` takes
            Its components must lie on the same WCS pixels.
        background : list of maps or arrays, optional
            Expected counts of the diffuse emission, one entry for each component; by default the
            background of the components. An entry may be a list of maps (such as Galactic and
            isotropic), then each has a norm of its own. Norms are free and the same in all
            components.

        Returns
        -------
        SourceCatalog
            Sources with ``Signif_Avg``, the square root of the likelihood's TS, the best first. Its
            meta has SECONDS (wall time of the search), CPU_SECS and ROUNDS.
        """
        cube = SkyCube.of(cube)
        check_pixels(cube)
        diffuse = _diffuse(cube, background)
        if self._cache is None:
            return _search(cube, diffuse, self.options)

        def search():
            catalog = _search(cube, diffuse, self.options)
            return catalog, {key: catalog.table.meta[key] for key in _RECORD}

        path = self._path(cube, diffuse)
        catalog, facts = kept(path, search, record.write, record.read)
        catalog.table.meta.update(facts)
        return catalog

    def is_cached(self, cube: SkyCube, background: list | None = None) -> bool:
        """Whether `run` with these arguments finds its result in the cache."""
        return self._cache is not None and self._path(cube, _diffuse(cube, background)).is_file()

    def _path(self, cube, diffuse):
        data = [component.content() for component in cube.components]
        key = content_key(__version__, _VERSION, self.options, data, diffuse)
        return Path(self._cache) / f"traditional-{key}.json"


def detect_traditional(cube, background=None, **options):
    """Run the detection through the interface of fermiml 0.1: use `fermiml.TraditionalDetector`."""
    moved.warn("fermiml.traditional.search.detect_traditional", "fermiml.TraditionalDetector")
    return TraditionalDetector(**options).run(cube, background)


def check_pixels(cube):
    """Reject a cube for which no TS map can be made."""
    first = cube.components[0]
    for component in cube.components:
        if component.is_healpix or component.geom != first.geom:
            raise InputError(
                f"component {component.name}: a TS map needs WCS pixels, the same in all "
                "components; bin the events again"
            )


def _diffuse(cube, background):
    """Collect the expected counts of the diffuse emission: a list of arrays for each component."""
    given = [c.background for c in cube.components] if background is None else list(background)
    if len(given) != len(cube.components):
        raise InputError(f"{len(given)} backgrounds for {len(cube.components)} components")
    result = []
    for component, entry in zip(cube.components, given, strict=True):
        parts = entry if isinstance(entry, list | tuple) else [entry]
        arrays = [np.asarray(getattr(p, "data", p), float) for p in parts if p is not None]
        if not arrays:
            raise InputError(
                f"component {component.name}: no background; traditional detection needs a model "
                "of the diffuse emission (expected counts on the same pixels)"
            )
        if any(a.shape != component.counts.data.shape for a in arrays):
            raise InputError(f"component {component.name}: the background is on a different grid")
        result.append(arrays)
    if len({len(parts) for parts in result}) > 1:
        raise InputError("the components' backgrounds differ in their number of parts")
    return result


@threadpool_limits.wrap(limits=1, user_api="blas")  # where cores are taken, more only wait
def _search(cube, diffuse, settings):
    start = time.perf_counter(), time.process_time()
    fit = NormFit(cube.components, diffuse, settings.index)
    maps = SignificanceMaps(cube.components, settings.index, settings.everywhere)
    observed = cube.components[0]
    found = []

    def add_peaks(least):
        values, flux = maps(fit.expected(), least)
        image = WcsNDMap(observed.geom, np.where(observed.mask, values, 0.0))
        peaks = find(image, least, settings.separation)
        fit.add(peaks["lon"], peaks["lat"], flux[peaks["row"], peaks["column"]])
        found.append(peaks)
        return len(peaks)

    rounds = 0
    while rounds < settings.rounds and (new := add_peaks(settings.threshold)):
        rounds += 1
        log.info("round %d: %s", rounds, counted(new, "new source"))
    add_peaks(settings.final)
    catalog = _catalog(fit, vstack(found), settings, observed.energy_edges)
    catalog.table.meta.update(
        SECONDS=time.perf_counter() - start[0],
        CPU_SECS=time.process_time() - start[1],
        ROUNDS=rounds,
    )
    if cube.simulated:
        catalog.table.meta["SIMULATE"] = True
    return catalog


def _catalog(fit, peaks, settings, edges):
    flux, error, ts, counts = fit.sources()
    keep = np.flatnonzero(ts >= settings.final**2)
    keep = keep[np.argsort(-ts[keep])]
    peaks = peaks[keep]
    ra, dec = equatorial(peaks["lon"], peaks["lat"])
    density = fit.density()
    table = {
        "RAJ2000": ra,
        "DEJ2000": dec,
        **error_columns(peaks["major"], peaks["minor"], peaks["angle"]),
        "TS": ts[keep],
        "Npred": counts[keep],
        "SpectrumType": np.full(len(keep), "PowerLaw"),
        "Pivot_Energy": np.full(len(keep), PIVOT),
        "PL_Index": np.full(len(keep), settings.index),
        "PL_Flux_Density": density * flux[keep],
        "Unc_PL_Flux_Density": density * error[keep],
        "Flux1000": flux[keep],
        "Unc_Flux1000": error[keep],
        "ML_Model": np.full(len(keep), "traditional"),
        "ML_Localizer": np.full(len(keep), "tsmap"),
    }
    table = Table(table, meta={"EMIN": edges[0], "EMAX": edges[-1]})
    forget_extrapolated(table, table.meta)
    return SourceCatalog.from_table(table)
