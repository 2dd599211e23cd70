"""Traditional detection: peaks of a TS map join the model, until the map shows nothing new.

This is how analysts find sources today, and the baseline of every benchmark: it needs a model of
the diffuse emission, and takes minutes for 400 deg2.
"""

import logging
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.table import Table, vstack
from gammapy.maps import WcsNDMap

from fermiml import __version__
from fermiml.catalog import record
from fermiml.catalog.catalog import SourceCatalog
from fermiml.catalog.derive import forget_extrapolated
from fermiml.catalog.ellipses import error_columns
from fermiml.catalog.positions import equatorial
from fermiml.checkpoint import content_key, kept
from fermiml.errors import InputError
from fermiml.traditional.map_peaks import find
from fermiml.traditional.norm_fit import PIVOT, NormFit
from fermiml.traditional.tsmap import SignificanceMaps

log = logging.getLogger(__name__)

_RECORD = ("SECONDS", "CPU_SECS", "ROUNDS")  # of the meta of a result
_VERSION = 2  # of this method: results of another one are not taken from the cache


@dataclass(frozen=True)
class Options:
    """How it goes about; the defaults are those of the benchmarks."""

    index: float = 2.2  # photon index of all sources
    threshold: float = 5.0  # sigma, of peaks that join the model
    final: float = 3.5  # sigma, of the sources in the catalog
    separation: float = 0.5  # deg between peaks of a map
    rounds: int = 8
    everywhere: bool = False  # TS maps fitted in every pixel: slow, as gammapy does it


def detect_traditional(cube, background=None, *, cache=None, **options):
    """Find sources with iterated TS maps.

    Parameters
    ----------
    cube : `fermiml.sky.cube.SkyCube`
        Its components must lie on the same WCS pixels.
    background : list of maps or arrays, optional
        Expected counts of the diffuse emission, one entry for each component; by default the
        background of the components. An entry may be a list of maps (such as Galactic and
        isotropic), then each has a norm of its own. Norms are free and the same in all
        components.
    cache : path, optional
        A folder in which results are kept: the same input is not searched twice.
    **options
        Fields of `Options`.

    Returns
    -------
    `fermiml.catalog.catalog.SourceCatalog`
        Sources with `Signif_Avg`, the square root of the likelihood's TS. Its meta has SECONDS
        (wall time of the search), CPU_SECS and ROUNDS.
    """
    settings = Options(**options)
    check(cube)
    diffuse = _diffuse(cube, background)
    if cache is None:
        return _search(cube, diffuse, settings)

    def search():
        catalog = _search(cube, diffuse, settings)
        return catalog, {key: catalog.table.meta[key] for key in _RECORD}

    catalog, facts = kept(_path(cache, cube, diffuse, settings), search, record.write, record.read)
    catalog.table.meta.update(facts)
    return catalog


def is_cached(cube, background=None, *, cache, **options):
    """Whether `detect_traditional` with these arguments finds its result in the cache."""
    return _path(cache, cube, _diffuse(cube, background), Options(**options)).is_file()


def check(cube):
    """Refuse a cube of which no TS map can be made."""
    first = cube.components[0]
    for component in cube.components:
        if component.is_healpix or component.geom != first.geom:
            raise InputError(
                f"component {component.name}: a TS map needs WCS pixels, the same in all "
                "components; bin the events again for it"
            )


def _diffuse(cube, background):
    """Expected counts of the diffuse emission: a list of arrays for each component."""
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
            raise InputError(f"component {component.name}: the background is on another grid")
        result.append(arrays)
    if len({len(parts) for parts in result}) > 1:
        raise InputError("the components' backgrounds differ in their number of parts")
    return result


def _search(cube, diffuse, settings):
    start = time.perf_counter(), time.process_time()
    fit = NormFit(cube.components, diffuse, settings.index)
    maps = SignificanceMaps(cube.components, settings.index, settings.everywhere)
    observed = cube.components[0]
    found, rounds = [], 0
    while True:
        values, flux = maps(fit.expected())
        image = WcsNDMap(observed.geom, np.where(observed.mask, values, 0.0))
        peaks = find(image, settings.threshold, settings.separation)
        if not len(peaks) or rounds == settings.rounds:
            break
        rounds += 1
        fit.add(peaks["lon"], peaks["lat"], flux[peaks["row"], peaks["column"]])
        found.append(peaks)
        log.info("round %d: %d new sources", rounds, len(peaks))
    peaks = find(image, settings.final, settings.separation)
    fit.add(peaks["lon"], peaks["lat"], flux[peaks["row"], peaks["column"]])
    found = vstack([*found, peaks])
    catalog = _catalog(fit, found, settings, observed.energy_edges)
    catalog.table.meta.update(
        SECONDS=time.perf_counter() - start[0],
        CPU_SECS=time.process_time() - start[1],
        ROUNDS=rounds,
    )
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


def _path(cache, cube, diffuse, settings):
    data = [component.content() for component in cube.components]
    key = content_key(__version__, _VERSION, settings, data, diffuse)
    return Path(cache) / f"traditional-{key}.json"
