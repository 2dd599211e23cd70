"""TransientSearch: sources that only a part of the time shows."""

from __future__ import annotations

import logging
import os
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from fermiml import tasks
from fermiml.catalog.catalog import SourceCatalog
from fermiml.checkpoint import Pieces
from fermiml.errors import InputError
from fermiml.executors import check_jobs, open_executor
from fermiml.files import replacing
from fermiml.sky.cube import SkyCube
from fermiml.sky.read.dispatch import read_timed_events
from fermiml.sky.times import DAY, YEAR, good_time
from fermiml.time import flares, peaks, scan, sky_in_time
from fermiml.time.false_alarms import DEFAULT_RATE, FalseAlarms
from fermiml.time.transient_table import table_of
from fermiml.time.windows import PRECESSION, Ladder

log = logging.getLogger(__name__)
SYSTEMATIC = 0.05  # of the expectation, raised by that much, where the exposure is known
SYSTEMATIC_SHORT = 0.25  # in windows shorter than the precession, without the pointing history
_SEED = 0.55  # of the test statistic that is asked for: a fit finds more than a grid
_MOST_FITS = 300
_BLOCK = 4  # rows of the grid that are a piece of work
_EVENT_OPTIONS = ("evtype", "zmax", "tmin", "tmax")


class TransientSearch:
    """Finds sources that only a part of the time shows, in sliding windows.

    Parameters
    ----------
    shortest, longest : float
        Lengths of the windows (days); between them each is twice the one before.
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
        shortest: float = 1.0,
        longest: float = 365.25,
        false_alarms: float = DEFAULT_RATE,
        jobs: int | str | Executor | None = None,
        parts: Pieces | str | os.PathLike | None = None,
        alarms: FalseAlarms | None = None,
    ):
        if not 0.01 <= shortest <= longest <= 36525:
            raise InputError(
                f"windows from {shortest:g} to {longest:g} d: give a shortest and a longest length "
                "(days), from 0.01 on"
            )
        if not 0 < false_alarms < np.inf:
            raise InputError(f"false_alarms {false_alarms:g}: give a rate (deg-2 yr-1) above 0")
        self.shortest, self.longest, self.false_alarms = shortest, longest, false_alarms
        self._jobs = check_jobs(jobs)
        self._parts = parts
        self._alarms = FalseAlarms.load() if alarms is None else alarms

    def run(self, data: str | os.PathLike | tuple, **options) -> SourceCatalog:
        """Search FT1 events.

        Parameters
        ----------
        data : path, ``"@list.txt"``, or (SkyCube, TimedEvents)
        **options
            Those of `SkyCube.read`.

        Returns
        -------
        SourceCatalog
            A row for each flare, the most significant first.
        """
        cube, events = data if isinstance(data, tuple) else read(data, **options)
        sky = self.sky(cube, events)
        return SourceCatalog.from_table(table_of(self.flares(sky), sky, cube, self._ln_rate(sky)))

    def sky(self, cube, events):
        """Prepare the field: photons, their mean, response, windows."""
        gti = events.gti
        times = gti[0, 0], gti[-1, 1]

        def exposed(edges):
            return np.concatenate([[0.0], np.cumsum(good_time(edges, gti))])

        ladder = Ladder.of(times, exposed, self.shortest * DAY, self.longest * DAY)
        if not ladder.lengths:
            raise InputError(
                f"the data last {(times[1] - times[0]) / DAY:.3g} d, less than two windows of "
                f"{self.shortest:g} d: give a smaller --shortest"
            )
        systematic = np.where(ladder.seconds < PRECESSION, SYSTEMATIC_SHORT, SYSTEMATIC)
        return sky_in_time.of_field(cube.components[0], events, ladder, systematic)

    def flares(self, sky):
        """Find the flares in a field, the most significant first."""
        found = self._windows(sky)
        seconds = sky.ladder.seconds
        selected = peaks.select(found, sky.ladder, self._alarms.ln_rate, sky.pixel)
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
            Pieces.held(self._parts, _write, _read, ".npy") as kept,
            open_executor(self._jobs, most=len(blocks)) as executor,
        ):
            found = tasks.run(
                search, waiting, executor, count=len(blocks), what="part", keep=kept
            )  # fmt: skip
        tasks.require_all(found, "part")
        return np.concatenate(found)


def read(data, **options):
    """Read FT1 events twice: as a cube with its response, and with their times."""
    events = read_timed_events(data, **{k: options[k] for k in _EVENT_OPTIONS if k in options})
    return SkyCube.read(data, **options), events


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


def _write(path, found):
    with replacing(path, overwrite=True) as temporary, temporary.open("wb") as file:
        np.save(file, found)


def _read(path):
    return np.load(path, allow_pickle=False)
