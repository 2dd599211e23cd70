"""LightCurve: from a catalog and data with times to fluxes in intervals and variability."""

import logging
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from os import PathLike
from typing import Any

import numpy as np

from fermiml import schema, tasks
from fermiml.catalog import histories
from fermiml.catalog.catalog import SourceCatalog
from fermiml.catalog.columns import COLUMNS
from fermiml.catalog.fitsio import add_history
from fermiml.catalog.spectra import band_errors
from fermiml.checkpoint import Pieces
from fermiml.errors import InputError
from fermiml.executors import check_jobs, open_executor
from fermiml.likelihood import background as backgrounds
from fermiml.likelihood import cut, grouping, seeds
from fermiml.likelihood.gammapy_engine import in_data, margin
from fermiml.model.from_catalog import sources_of
from fermiml.sky.cutout import Cutter
from fermiml.sky.describe import response_lines
from fermiml.sky.read.intervals import read_with_times
from fermiml.sky.timed_counts import GoodTimeExposure
from fermiml.sky.times import DAY, PRECESSION
from fermiml.time import class_odds, curve_regions, variability

log = logging.getLogger(__name__)
ENERGIES = (100.0, 1e5)  # MeV, those of 4FGL's Flux_History
# By how much exposure does not go with good time, rms: benchmarks/time/exposure_by_good_time.py.
_WIDTHS, _ERRORS = (1.0, 7.0, 14.0, 30.0, 45.0, 60.0), (0.14, 0.13, 0.12, 0.07, 0.02, 0.01)
_COLUMNS = (
    "Variability_Index", "Frac_Variability", "Unc_Frac_Variability", "Signif_Peak", "Flux_Peak",
    "Unc_Flux_Peak", "Time_Peak", "Peak_Interval",
)  # fmt: skip


class LightCurve:
    """Measures the fluxes of sources in intervals of time, and whether they vary.

    Positions and spectral shapes are those of the catalog, best after a fit; in each interval
    the norms of all sources of a region and of the background are fitted together, as far as
    their counts allow (`fermiml.time.interval_fit` has the rule).

    Parameters
    ----------
    time_bins : int, str or list, optional
        Intervals, for events that are given by name, as of `SkyCube.read`; a year each by default.
    known : SourceCatalog, optional
        More sources for the model, as in a fit.
    galdiff, iso : path, optional
        Diffuse model, for data without expected counts of a background.
    systematic : float
        Fraction of a flux to be taken for the systematic error of each interval.
    jobs : int, str or concurrent.futures.Executor, optional
        Processes that measure regions, or a cluster; by default FERMIML_JOBS, or one.
    parts : path or `fermiml.checkpoint.Pieces`, optional
        Folder for the results of regions: an interrupted run resumes there.

    Examples
    --------
    >>> from fermiml import LightCurve
    >>> result = LightCurve("monthly").run("fit.fits", "ft1.fits")  # doctest: +SKIP
    >>> result.catalog.table["Source_Name", "Variability_Index"]  # doctest: +SKIP
    >>> result.plot("4FGL J1555.7+1111")  # doctest: +SKIP
    """

    def __init__(
        self, time_bins: int | str | list | None = None, *, known: SourceCatalog | None = None,
        galdiff: str | PathLike | None = None, iso: str | PathLike | None = None,
        systematic: float = 0.0, jobs: int | str | Executor | None = None,
        parts: Pieces | str | PathLike | None = None,
    ):  # fmt: skip
        seeds.check_known(known)
        backgrounds.check_files(galdiff, iso)
        self.time_bins = time_bins
        self._known, self._galdiff, self._iso = known, galdiff, iso
        self._systematic = schema.number(0, 1)("systematic", systematic)
        self._jobs, self._parts = check_jobs(jobs), parts

    def run(
        self, catalog: SourceCatalog | str | PathLike, data: Any, names: list[str] | None = None
    ) -> "LightCurveResult":
        """Measure the light curves of the sources of a catalog.

        Parameters
        ----------
        catalog : SourceCatalog or path
            The sources; their spectra are those of the whole time.
        data : SkyCube, path, list of paths, or gammapy Datasets
            A cube that was read with ``time_bins``; FT1 events (a file, several, an ``@list``);
            cubes of one interval each (several, an ``@list``); a folder with fermipy's
            ``lightcurve_*`` folders; Datasets whose GTIs are the intervals.
        names : list of str, optional
            The sources whose light curves are wanted, by default all that are in the data; the
            others are part of the model in any case.

        Returns
        -------
        LightCurveResult
        """
        catalog = SourceCatalog.of(catalog)
        cube = read_with_times(data, self.time_bins)
        cut.check(cube)
        _warn(catalog, cube)
        model = backgrounds.choose(cube, self._galdiff, self._iso)
        sources = seeds.with_known(seeds.seeds_of(catalog), catalog, self._known)
        wanted = _wanted(catalog, cube, names)
        groups = grouping.groups(sources, wanted, margin(cube))
        cutters = [Cutter(component) for component in cube.components]
        found = self._measured(curve_regions.tasks_of(cutters, model, sources, groups), len(groups))
        curves = {}
        for group, result in zip(groups, found, strict=True):
            if not isinstance(result, tasks.Failure):
                curves.update(zip(group.core.tolist(), result, strict=True))
        unit = sources.flux(ENERGIES)[:, 0]
        filled = _filled(catalog, cube, curves, unit, self._systematic, model.text)
        return LightCurveResult(filled, sorted(curves))

    def _measured(self, work, count):
        with (
            curve_regions.held(self._parts) as kept,
            open_executor(self._jobs, most=count) as executor,
        ):
            run = partial(tasks.run, curve_regions.run_task, executor=executor, keep=kept)
            return run(work, count=count, what="region")


def _warn(catalog, cube):
    """Warn of what makes light curves less than they could be."""
    unknown = ~np.isfinite(sources_of(catalog).amplitude)
    if unknown.any():
        log.warning("%d of %d sources have no fitted spectrum: a power law is taken; run "
                    "`fermiml fit` first", unknown.sum(), len(catalog))  # fmt: skip
    times = cube.components[0].times
    shortest = times.bins.width[times.bins.good_time > 0].min()
    if isinstance(times.exposure, GoodTimeExposure) and shortest < PRECESSION:
        days, error = shortest / DAY, exposure_error(shortest / DAY)
        log.warning(
            "intervals of %.3g d: without --scfile exposure is taken to go with good time, which "
            "is wrong by %.0f %% rms, as the orbit precesses in 53 d; --systematic %.2f allows for "
            "it",
            days, 100 * error, error,
        )  # fmt: skip


def exposure_error(days):
    """Return the rms error (fraction) of exposure that is taken to go with good time."""
    return float(np.interp(np.log(days), np.log(_WIDTHS), _ERRORS))


def _wanted(catalog, cube, names):
    """Numbers of the rows whose light curves are measured."""
    seen = in_data(cube, catalog)
    if names is None:
        if not len(seen):
            raise InputError(f"none of the {len(catalog)} sources is inside {cube.source}")
        return seen
    rows = [catalog.row_of(name) for name in names]
    for row in set(rows) - set(seen.tolist()):
        name = catalog.table["Source_Name"][row]
        raise InputError(f"{name} is outside the data ({cube.source})")
    return np.unique(rows)


def _filled(catalog, cube, curves, unit, systematic, background):
    """Return the catalog with the columns of light curves; `unit` are the fluxes of norms of 1."""
    table = catalog.table.copy()
    edges = cube.components[0].times.bins.edges
    histories.make_room(table, edges)
    table.meta["HISTEMIN"], table.meta["HISTEMAX"] = ENERGIES
    add_history(table.meta, "lightcurve", [*response_lines(cube), f"background: {background}"])
    for name in _COLUMNS:
        table[name][:] = np.nan
    for row, curve in curves.items():
        for name, values in _row(curve, unit[row], edges, systematic).items():
            table[name][row] = values.astype(COLUMNS[name].dtype)
    if "HISTEMIN" not in catalog.table.meta:  # otherwise the classes know of a light curve already
        class_odds.update(table, np.array(sorted(curves), int))
    return SourceCatalog(table, extended=catalog.extended, gti=catalog.gti)


def _row(curve, unit, edges, systematic):
    """4FGL's columns of one source."""
    flux, sqrt_ts = curve["norm"] * unit, np.sqrt(curve["ts"])
    down, up, limit = (curve[name] * unit for name in ("down", "up", "limit"))
    errors = band_errors(down, up, sqrt_ts, flux, limit)
    known, constant = np.isfinite(flux), curve["constant"] * unit
    towards = variability.one_sided(flux[known], errors[known], constant)
    index = variability.variability_index(curve["rise"][known], towards, constant, systematic)
    found = {"Flux_History": flux, "Unc_Flux_History": errors, "Sqrt_TS_History": sqrt_ts}
    found |= variability.columns(index, flux, errors, sqrt_ts, edges)
    return {name: np.asarray(values, float) for name, values in found.items()}


@dataclass
class LightCurveResult:
    """Light curves of sources.

    Attributes
    ----------
    catalog : SourceCatalog
        The catalog, with 4FGL's columns of variability and flux history.
    rows : list of int
        The rows that were measured.
    """

    catalog: SourceCatalog
    rows: list[int]

    @property
    def table(self):
        """One row for each source and interval; see `fermiml.time.curve_table.curve_table`."""
        from fermiml.time.curve_table import curve_table

        return curve_table(self.catalog, self.rows)

    def plot(self, name, ax=None):
        """Draw the light curve of a source; return the Axes."""
        from fermiml.plot.light_curves import plot_light_curve

        return plot_light_curve(self.catalog, self.catalog.row_of(name), ax)

    def to_flux_points(self, name):
        """Convert the light curve of a source to gammapy FluxPoints."""
        from fermiml.time.flux_points import to_flux_points

        return to_flux_points(self.catalog, self.catalog.row_of(name))
