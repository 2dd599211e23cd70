"""Time: events that keep theirs, intervals of a light curve, and how much was seen in each."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from astropy.time import Time

from fermiml import schema
from fermiml.errors import InputError
from fermiml.sky.selection import Selection, duration, is_date, mission_time

DAY = 86400.0  # s
YEAR = 365.25 * DAY
MONTH = YEAR / 12
# Below this, exposure does not go with good time: the orbit precesses in 53 days.
PRECESSION = 60 * DAY
_SPANS = {"yearly": YEAR, "monthly": MONTH}
_MOST = 10_000  # intervals
_LATEST_MJD = 1e5  # a smaller number is an MJD, a larger one mission elapsed time in s
_LATEST = 4e9  # s, in the year 2127
_LARGEST = 2**20  # bytes of a file of edges
_HOW = "a number, yearly, monthly, or edges as dates (UTC), MJD or mission elapsed times (s)"


@dataclass(frozen=True)
class TimedEvents:
    """The events of one or several FT1 files, with their times; 20 bytes each."""

    lon: np.ndarray  # Galactic, deg
    lat: np.ndarray
    energy: np.ndarray  # MeV
    time: np.ndarray  # mission elapsed time in s
    selection: Selection

    def __len__(self):
        return len(self.time)

    @property
    def gti(self):
        """Good time intervals (n, 2), mission elapsed time in s."""
        return self.selection.gti


@dataclass(frozen=True)
class TimeBins:
    """Intervals of time, each beginning where the one before ends."""

    edges: np.ndarray  # (n + 1,), mission elapsed time in s
    good_time: np.ndarray  # (n,), s
    total: float  # s of good time of the data, also outside the intervals

    @classmethod
    def of(cls, edges, gti):
        """Build the intervals with the good time that each has of `gti`."""
        edges = np.asarray(edges, float)
        return cls(edges, good_time(edges, gti), duration(gti))

    def __len__(self):
        return len(self.good_time)

    @cached_property
    def fractions(self):
        """What part of the good time of the data each interval has."""
        return self.good_time / self.total

    @property
    def middle(self):
        """Middle of each interval, mission elapsed time in s."""
        return (self.edges[:-1] + self.edges[1:]) / 2

    @property
    def width(self):
        """Length of each interval in s, gaps included."""
        return np.diff(self.edges)

    def numbers(self, time):
        """Find the interval of each time, -1 for those outside; the last edge is inside."""
        found = np.searchsorted(self.edges, time, side="right") - 1
        found[time == self.edges[-1]] = len(self) - 1
        found[found >= len(self)] = -1
        return found


def good_time(edges, gti):
    """Compute the seconds of good time between edges."""
    return np.diff(elapsed(edges, gti))


def elapsed(time, gti):
    """Compute the seconds of good time before each time."""
    starts, lengths = gti[:, 0], gti[:, 1] - gti[:, 0]
    before = np.concatenate([[0.0], np.cumsum(lengths)])
    number = np.maximum(np.searchsorted(starts, time, side="right") - 1, 0)
    return before[number] + np.clip(time - starts[number], 0, lengths[number])


def times_at(seconds, gti):
    """Return the times at which so many seconds of good time have passed."""
    lengths = gti[:, 1] - gti[:, 0]
    before = np.cumsum(lengths) - lengths
    number = np.searchsorted(before, seconds, side="right") - 1
    return np.minimum(gti[number, 0] + seconds - before[number], gti[number, 1])


def outside_gti(time, gti, margin=1.0):
    """Which times are farther than `margin` (s) from any good time interval."""
    number = np.maximum(np.searchsorted(gti[:, 0] - margin, time, side="right") - 1, 0)
    return (time < gti[number, 0] - margin) | (time > gti[number, 1] + margin)


def time_bins(wanted, gti):
    """Divide the time of observation.

    Parameters
    ----------
    wanted : str, int or list
        A number of equal intervals; ``"yearly"`` or ``"monthly"``, counted from the first good
        time (what is left at the end, if it is less than half an interval, joins the last one);
        or edges, as a list, a text with commas between them, or the name of a text file: dates
        (UTC), MJD, or mission elapsed times in s.
    gti : array of shape (n, 2)
        Good time intervals, mission elapsed time in s.

    Returns
    -------
    TimeBins
    """
    first, last = gti[0, 0], gti[-1, 1]
    bins = TimeBins.of(_edges(wanted, first, last), gti)
    if not bins.good_time.any():
        raise InputError(
            f"time bins: no good time from {bins.edges[0]:.0f} to {bins.edges[-1]:.0f} s; "
            f"the data have theirs from {first:.0f} to {last:.0f} s (mission elapsed time)"
        )
    return bins


def _edges(wanted, first, last):
    text = wanted.strip() if isinstance(wanted, str) else wanted
    if isinstance(text, str) and text in _SPANS:
        return _steps(first, last, _SPANS[text])
    if isinstance(text, int) or (isinstance(text, str) and text.isdecimal()):
        return np.linspace(first, last, schema.whole(1, _MOST)("time bins", int(text)) + 1)
    if isinstance(wanted, str | Path) and os.path.isfile(path := os.path.expanduser(wanted)):
        return _edges_of_file(Path(path))
    return _given_edges(_words(text))


def _edges_of_file(path):
    """Read edges from a text with comments."""
    if path.stat().st_size > _LARGEST:
        raise InputError(f"{path}: is larger than {_LARGEST} bytes, too large for edges of time")
    text = path.read_text(encoding="utf-8", errors="replace")
    if not all(letter.isprintable() or letter.isspace() for letter in text):
        raise InputError(f"{path}: is not a text file with edges of time, one per line")
    try:
        return _given_edges(_words(" ".join(row.partition("#")[0] for row in text.splitlines())))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _steps(first, last, span):
    """Edges a fixed span apart, the last one where the data end."""
    count = max(1, round((last - first) / span))
    return np.append(first + span * np.arange(count), last)


def _words(wanted):
    """List the edges one by one, from a list or a text."""
    if isinstance(wanted, str):
        return wanted.replace(",", " ").split()
    if not isinstance(wanted, list | tuple | np.ndarray | Time):
        raise InputError(f"time bins: {schema.shown(wanted)}: {_HOW} are expected")
    return list(wanted)


def _given_edges(words):
    if not 2 <= len(words) <= _MOST + 1:
        raise InputError(f"time bins: {schema.shown(words)}: at least two edges are expected; "
                         f"write {_HOW}")  # fmt: skip
    edges = np.array([_mission_time(word) for word in words])
    if np.any(late := edges > _LATEST):
        raise InputError(f"time bins: {schema.shown(words[int(np.argmax(late))])} is later than "
                         "2127 (mission elapsed time is in s)")  # fmt: skip
    if not np.all(np.diff(edges) > 0):
        where = int(np.flatnonzero(np.diff(edges) <= 0)[0])
        raise InputError(
            f"time bins: the edges do not increase: {words[where]}, {words[where + 1]}"
        )
    return edges


def _mission_time(word):
    """Mission elapsed time of a date (UTC), an MJD or a mission elapsed time."""
    try:
        if is_date(word):
            return mission_time(word)
        number = schema.number(0)("time bins", word)
    except (ValueError, InputError):
        raise InputError(f"time bins: {schema.shown(word)} is not a time; write {_HOW}") from None
    return mission_time(Time(number, format="mjd", scale="utc")) if number < _LATEST_MJD else number
