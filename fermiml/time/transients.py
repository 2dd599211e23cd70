"""TransientSearch: sources that only a part of the time shows."""

from __future__ import annotations

import logging
import os
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.table import vstack

from fermiml import schema, tasks
from fermiml.catalog.catalog import SourceCatalog
from fermiml.checkpoint import Pieces
from fermiml.errors import InputError
from fermiml.executors import check_jobs, open_executor
from fermiml.files import replacing
from fermiml.sky.cube import SkyCube
from fermiml.sky.read.dispatch import read_cube_and_events
from fermiml.sky.times import DAY, PRECESSION, YEAR
from fermiml.time import flares, peak_windows, scan, sky_in_time, sun_moon
from fermiml.time.false_alarms import DEFAULT_RATE, FalseAlarms
from fermiml.time.transient_table import table_of
from fermiml.time.window_exposure import exposure_until, systematic_errors
from fermiml.time.windows import Ladder

log = logging.getLogger(__name__)
_SEED = 0.55  # of the test statistic that is asked for: a fit finds more than a grid
_MOST_FITS = 300
_BLOCK = 4  # rows of the grid that are a piece of work
_UNITS = {"h": 1 / 24, "": 1.0, "d": 1.0, "w": 7.0, "yr": 365.25}  # d


class TransientSearch:
    """Finds sources that only a part of the time shows, in sliding windows.

    Parameters
    ----------
    shortest, longest : float, str or Quantity
        Lengths of the windows: days, or a text such as ``12h``, ``1d``, ``1yr``; between them
        each is twice the one before.
    systematic : float, optional
        Fraction by which the expected photons are raised, as the exposure of a window may be wrong
        by that much. By default from 0.7 (half a day) to 0.05 (a year), the largest error of good
        time as a measure of exposure; with the pointing history 0.1 below 60 days and 0.05 above.
    false_alarms : float
        Rate of chance excesses that is accepted, per deg2 and year of the data. The default,
        1e-4, is 0.1 in 10 x 10 deg and ten years.
    jobs : int, str or concurrent.futures.Executor, optional
        Processes that search, or a cluster (docs/scaling.md); by default FERMIML_JOBS, or one.
    parts : path or `fermiml.checkpoint.Pieces`, optional
        Folder for the searched parts of the field: a run that was interrupted resumes there.
    alarms : FalseAlarms, optional
        How often chance makes an excess; by default as measured on simulated skies.

    Examples
    --------
    >>> from fermiml import TransientSearch
    >>> catalog = TransientSearch(longest=30).run("events.fits")  # doctest: +SKIP
    >>> catalog.table["Source_Name", "ML_Start", "ML_Duration"]  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        shortest: float | str | u.Quantity = "1d",
        longest: float | str | u.Quantity = "1yr",
        systematic: float | None = None,
        false_alarms: float = DEFAULT_RATE,
        jobs: int | str | Executor | None = None,
        parts: Pieces | str | os.PathLike | None = None,
        alarms: FalseAlarms | None = None,
    ):
        self.shortest, self.longest = _days("shortest", shortest), _days("longest", longest)
        if self.shortest > self.longest:
            raise InputError(f"shortest {shortest} is longer than longest {longest}")
        self.false_alarms = schema.number(above=0, high=1)("false_alarms", false_alarms)
        if systematic is not None:
            systematic = schema.number(0, 10)("systematic", systematic)
        self.systematic = systematic
        self._jobs = check_jobs(jobs)
        self._parts = parts
        self._alarms = FalseAlarms.load() if alarms is None else alarms

    def run(
        self, data: str | os.PathLike | tuple, *, scfile: str | os.PathLike | None = None, **options
    ) -> Transients:
        """Search FT1 events.

        Parameters
        ----------
        data : path, ``"@list.txt"``, or (SkyCube, TimedEvents)
        scfile : path, optional
            The spacecraft file (FT2), from which the exposure of each window comes; without it,
            that goes with good time.
        **options
            Those of `SkyCube.read`.

        Returns
        -------
        Transients
            Its catalog has a row for each flare, the most significant first.
        """
        cube, events = data if isinstance(data, tuple) else read_cube_and_events(data, **options)
        sky = self.sky(cube, events, scfile)
        found = self.flares(sky)
        table = table_of(found, sky, cube, self._ln_rate(sky))
        catalog = SourceCatalog.from_table(table)
        catalog = sun_moon.flagged(catalog, events, cube.components[0].psf)
        return Transients(catalog, found, sky, cube)

    def sky(self, cube, events, scfile=None):
        """Prepare the field: photons, their mean, response, windows."""
        times = events.gti[0, 0], events.gti[-1, 1]
        component = cube.components[0]
        exposed = exposure_until(component, events.gti, scfile)
        ladder = Ladder.of(times, exposed, self.shortest * DAY, self.longest * DAY)
        if not ladder.lengths:
            raise InputError(
                f"the data last {(times[1] - times[0]) / DAY:.3g} d, less than two windows of "
                f"{self.shortest:g} d: give a smaller --shortest"
            )
        known = scfile is not None
        systematic = systematic_errors(ladder.seconds, known)
        if self.systematic is not None:
            systematic = np.full_like(systematic, self.systematic)
        elif not known and ladder.seconds[0] < PRECESSION:
            log.warning(
                "windows from %.3g d: without --scfile exposure is taken to go with good time, and "
                "expectations are raised by up to %.0f %%", ladder.seconds[0] / DAY,
                100 * systematic[0],
            )  # fmt: skip
        return sky_in_time.of_field(component, events, ladder, systematic)

    def flares(self, sky):
        """Find the flares in a field, the most significant first."""
        found = self._windows(sky)
        seconds = sky.ladder.seconds
        selected = peak_windows.select(found, sky.ladder, self._alarms.ln_rate, sky.pixel)
        if len(selected) > _MOST_FITS:
            log.warning("%d excesses: only the %d most significant are fitted", len(selected),
                        _MOST_FITS)  # fmt: skip
        kept, ln_rate = [], self._ln_rate(sky)
        for peak in selected[:_MOST_FITS]:
            flare = flares.fit(sky, peak, kept)
            if ln_rate(seconds[peak.length], flare.ts) <= np.log(self.false_alarms):
                kept.append(flare)
        return kept

    def _ln_rate(self, sky):
        """ln(rate of chance excesses, of any length, that are at least as rare)."""
        number = len(sky.ladder.lengths)
        return lambda length, ts: np.log(number) + self._alarms.ln_rate(length, ts)

    def _windows(self, sky):
        """Search the grid: row, column, number of the length, first step, test statistic."""
        number = len(sky.ladder.lengths)
        least = _SEED * self._alarms.least(sky.ladder.seconds, self.false_alarms / number)
        rows, columns = sky.grid()
        blocks = np.array_split(np.unique(rows), max(1, len(np.unique(rows)) // _BLOCK))
        waiting = (SearchTask.of(sky, block, rows, columns, least) for block in blocks)
        with (
            held(self._parts) as kept,
            open_executor(self._jobs, most=len(blocks)) as executor,
        ):
            found = tasks.run(
                search, waiting, executor, count=len(blocks), what="part", keep=kept
            )  # fmt: skip
        tasks.require_all(found, "part")
        return np.concatenate(found)


def _days(name, value):
    """Read a length of windows, in days."""
    if isinstance(value, str):
        number = value.rstrip("hdwyr ")
        unit = _UNITS.get(value[len(number) :].strip())
        try:
            value = float(number) * unit
        except (ValueError, TypeError):
            raise InputError(f"{name}: {schema.shown(value)} is no length of time such as 12h, 1d, "
                             "2w or 1yr") from None  # fmt: skip
    return schema.number(0.01, 36525, unit="d")(name, value)


@dataclass(frozen=True)
class Transients:
    """What `TransientSearch` found.

    Attributes
    ----------
    catalog : SourceCatalog
        A row for each flare.
    flares : list of `fermiml.time.flares.Flare`
    sky : `fermiml.time.sky_in_time.SkyInTime`
        What was searched.
    cube : SkyCube
    """

    catalog: SourceCatalog
    flares: list
    sky: sky_in_time.SkyInTime
    cube: SkyCube

    def __len__(self):
        return len(self.flares)

    @property
    def table(self):
        """The table of the catalog."""
        return self.catalog.table

    @property
    def area_time(self):
        """Solid angle (deg2) times length of the data (yr), in which chance has its chances."""
        component = self.cube.components[0]
        first, last = component.selection.time
        return component.pixel_areas()[component.mask].sum() * (last - first) / YEAR

    def plot(self, figure=None):
        """Draw the field with the flares, and photons with time at the position of each.

        Returns
        -------
        matplotlib Figure
        """
        from fermiml.plot.flare_figure import plot_flares

        return plot_flares(self, figure)


def named(catalog, known):
    """Name the known source of each row, of which several may be flares of one.

    `SourceCatalog.associate` gives no name twice; here each row is a catalog of its own.
    """
    rows = [catalog[[number]].associate(known).table for number in range(len(catalog))]
    return SourceCatalog.from_table(vstack(rows)) if rows else catalog


@dataclass(frozen=True)
class SearchTask:
    """Some rows of the grid, and all that is looked at from there."""

    sky: sky_in_time.SkyInTime
    rows: np.ndarray
    columns: np.ndarray
    least: np.ndarray  # test statistic, by length

    @classmethod
    def of(cls, sky, block, rows, columns, least):
        """Cut out the rows of a block."""
        some = np.isin(rows, block)
        part = sky.rows(int(block[0]), int(block[-1]) + 1)
        return cls(part, rows[some], columns[some], least)


def search(task):
    """Find the windows with an excess at all positions of a task."""
    found = [np.zeros((0, 5))]
    for row, column in zip(task.rows.tolist(), task.columns.tolist(), strict=True):
        view = task.sky.look(row, column)
        windows = scan.windows_at(view, task.sky.ladder, task.least, task.sky.systematic)
        position = np.full((len(windows), 2), (row, column))
        found.append(np.hstack([position, windows]))
    return np.concatenate(found)


def held(folder):
    """Hold a folder for the searched parts of a field; None keeps nothing."""
    return Pieces.held(folder, _write, _read, ".npy")


def _write(path, found):
    with replacing(path, overwrite=True) as temporary, temporary.open("wb") as file:
        np.save(file, found)


def _read(path):
    return np.load(path, allow_pickle=False)
