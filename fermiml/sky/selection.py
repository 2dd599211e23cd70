"""The cuts recorded in a header (DSTYPn/DSVALn keywords and the GTI)."""

import re
from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.time import Time, TimeDelta

from fermiml.errors import InputError
from fermiml.response import irfs

# MJD (TT) of mission elapsed time 0, 2001-01-01 UTC: whole days and the rest
MJDREF = (51910, 0.00074287037037037)
EPOCH = Time(*MJDREF, format="mjd", scale="tt")
_BIT_MASK = re.compile(r"BIT_MASK\((EVENT_CLASS|EVENT_TYPE),\s*(\d+)(?:,\s*(\w+))?\)", re.I)
_CIRCLE = re.compile(r"(?:ACCEPT)?CIRCLE\(([^,]+),([^,]+),([^,)]+)\)", re.I)
_IRF = re.compile(r"P\w+_\w+_V\d+")


def is_date(when):
    """Return whether `mission_time` takes this: an astropy Time, or the text of a date."""
    return isinstance(when, Time) or (isinstance(when, str) and when.count("-") == 2)


def mission_time(when):
    """Convert an astropy Time, or the text of a date (UTC), to mission elapsed time in s."""
    time = Time(when, scale="utc") if isinstance(when, str) else when
    return (time - EPOCH).to_value("s")


def utc(times):
    """Convert mission elapsed times (s) to an astropy Time (UTC)."""
    return (EPOCH + TimeDelta(np.asarray(times, float), format="sec")).utc


def modified_julian(times):
    """Convert mission elapsed times (s) to MJD (UTC)."""
    return utc(times).mjd


def dates_text(start, stop):
    """Format two mission elapsed times (s) as dates, with the seconds."""
    days = utc([start, stop]).to_value("iso", subfmt="date")
    return f"{' to '.join(days)} (MET {start:.0f} - {stop:.0f})"


@dataclass(frozen=True)
class Selection:
    """The cuts of a file; None for those that the header does not give."""

    evclass: int | None = None
    evtype: int | None = None
    release: str | None = None
    irf: str | None = None
    energy: tuple | None = None  # MeV
    zenith: tuple | None = None  # deg
    circles: tuple = ()  # (SkyCoord, radius in deg), all of which must hold
    gti: np.ndarray | None = None  # merged (start, stop), mission elapsed time in s
    overlap: float = 0.0  # s that the intervals had in common, before they were merged
    ignored: tuple = ()  # cuts that fermiml does not know
    simulated: bool = False  # as `fermiml simulate` writes it

    @property
    def time(self):
        """First and last second (mission elapsed time), or None."""
        return None if self.gti is None else (self.gti[0, 0], self.gti[-1, 1])

    @property
    def good_time(self):
        """Seconds of good time, or None."""
        return None if self.gti is None else duration(self.gti)

    @property
    def irf_name(self):
        """The IRF named in the header, directly or by release and event class."""
        return self.irf or irfs.irf_name(self.release, self.evclass)

    @classmethod
    def from_hdus(cls, hdus):
        """From an open FITS file."""
        cuts = [cut for cut in _cuts(hdus) if cut[0]]
        gti, overlap = _read_gti(hdus)
        simulated = any(hdu.header.get("SIMULATE") is True for hdu in hdus)
        fields = {"circles": (), "ignored": (), "gti": gti, "overlap": overlap,
                  "simulated": simulated}  # fmt: skip
        for kind, value in cuts:
            try:
                _add_cut(fields, kind.strip(), value.strip())
            except ValueError as error:
                raise InputError(
                    f"header keyword DSVALn for {kind!r} cannot be interpreted: {value!r}"
                ) from error
        return cls(**fields)


def _cuts(hdus):
    """(DSTYPn, DSVALn) of the first header that has them."""
    header = next((hdu.header for hdu in hdus if "NDSKEYS" in hdu.header), {})
    count = header.get("NDSKEYS", 0)
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count < 1000:
        raise InputError(f"header keyword NDSKEYS is {str(count)!r}, a number of cuts was expected")
    if f"DSTYP{count + 1}" in header:
        raise InputError(f"the header has more cuts (DSTYP{count + 1}) than NDSKEYS says ({count})")
    cuts = [(header.get(f"DSTYP{i}", ""), header.get(f"DSVAL{i}", "")) for i in range(1, count + 1)]
    for number, texts in enumerate(cuts, start=1):
        if not all(isinstance(text, str) for text in texts):
            raise InputError(f"header keywords DSTYP{number}, DSVAL{number}: text was expected")
    return cuts


def _add_cut(fields, kind, value):
    bits = _BIT_MASK.match(kind)
    circle = _CIRCLE.match(value)
    if bits:
        fields["evclass" if bits[1].upper() == "EVENT_CLASS" else "evtype"] = int(bits[2])
        fields["release"] = bits[3] or fields.get("release")
    elif kind in ("ENERGY", "ZENITH_ANGLE"):
        key = "energy" if kind == "ENERGY" else "zenith"
        low, high = (float(part) for part in value.split(":"))
        old = fields.get(key) or (low, high)
        fields[key] = max(low, old[0]), min(high, old[1])
    elif kind.startswith("POS(") and circle:
        ra, dec, radius = (float(part) for part in circle.groups())
        if not (0 <= radius <= 180 and -90 <= dec <= 90 and np.isfinite(ra)):
            raise ValueError("not a circle on the sky")
        center = SkyCoord(ra * u.deg, dec * u.deg)
        fields["circles"] += ((center, radius),)
    elif kind == "IRF_VERSION":
        name = _IRF.search(value)
        fields["irf"] = name[0] if name else None
    elif kind != "TIME":  # the times are in the GTI
        fields["ignored"] += (f"{kind} {value}",)


def _read_gti(hdus):
    """Read and merge the good time intervals; return also by how many seconds they overlap."""
    if "GTI" not in hdus:
        return None, 0.0
    table = hdus["GTI"].data
    if table is None or not len(table):
        return None, 0.0
    if not {"START", "STOP"} <= set(table.names):
        raise InputError("the GTI table has no columns START and STOP")
    intervals = np.column_stack([table["START"], table["STOP"]]).astype(float)
    damaged = ~(np.isfinite(intervals).all(axis=1) & (intervals[:, 1] >= intervals[:, 0]))
    if damaged.any():
        row = int(np.flatnonzero(damaged)[0])
        raise InputError(f"the GTI table is damaged: row {row} goes from {intervals[row, 0]:.9g} "
                         f"to {intervals[row, 1]:.9g} s")  # fmt: skip
    merged = merge_gti(intervals)
    return merged, 0.0 if merged is None else duration(intervals) - duration(merged)


def duration(intervals):
    """Sum the seconds of intervals (n, 2)."""
    return float(np.sum(intervals[:, 1] - intervals[:, 0]))


def merge_gti(intervals):
    """Sort good time intervals and join those that overlap."""
    intervals = intervals[np.all(np.isfinite(intervals), axis=1)]
    intervals = intervals[intervals[:, 1] > intervals[:, 0]]
    if not len(intervals):
        return None
    intervals = intervals[np.argsort(intervals[:, 0])]
    latest = np.maximum.accumulate(intervals[:, 1])
    first = np.concatenate([[True], intervals[1:, 0] > latest[:-1]])
    last = np.concatenate([first[1:], [True]])
    return np.column_stack([intervals[first, 0], latest[last]])
