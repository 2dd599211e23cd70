"""FT1 event lists, binned on reading."""

import dataclasses
import logging
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from gammapy.maps import HpxGeom, HpxNDMap, WcsGeom, WcsNDMap
from scipy.spatial import ConvexHull, Delaunay

from fermiml.errors import InputError
from fermiml.files import check_input
from fermiml.fitsfile import open_fits
from fermiml.fitsmaps import edges_axis
from fermiml.progress import progress_bar
from fermiml.response.irfs import type_names
from fermiml.sky.bands import EDGES
from fermiml.sky.cube import Component, check_energies
from fermiml.sky.pointings import pointed_exposure
from fermiml.sky.read.duplicates import first_of_each
from fermiml.sky.selection import Selection, merge_gti
from fermiml.sky.timed_counts import GoodTimeExposure, TimedCounts
from fermiml.sky.times import TimedEvents, outside_gti, time_bins

log = logging.getLogger(__name__)
BINS_PER_DECADE = 8
PIXEL = 0.1  # deg, that of the networks
WIDEST_IMAGE = 60.0  # deg; wider fields become HEALPix maps
ALL_SKY_NSIDE = 512
_IDENTITY = ("RUN_ID", "EVENT_ID")
_COLUMNS = ("RA", "DEC", "ENERGY", "TIME", "ZENITH_ANGLE", "EVENT_TYPE")
_LIMB = 100.0  # deg from the zenith, beyond which the Earth's limb outshines everything
_CHUNK = 500_000  # events whose positions are converted at a time, to bound the memory


@dataclasses.dataclass(frozen=True)
class Events:
    """The columns that matter, of one or several files."""

    ra: np.ndarray  # deg
    dec: np.ndarray
    energy: np.ndarray  # MeV
    selection: Selection
    time: np.ndarray  # mission elapsed time in s
    numbers: np.ndarray | None  # (event, 2) of the run and in the run, where the file has them
    limb: int  # how many of them may come from the limb of the Earth


def read_list(path):
    """File names of an `@list.txt`, relative to the list."""
    path = check_input(path, "a list of FT1 files")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not a text file with one FT1 name per line") from error
    names = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not names:
        raise InputError(f"{path}: the list is empty")
    return [path.parent / name for name in names]


def read_events(paths, options):
    """Bin the events of one or more FT1 files: (kind, [component])."""
    return Loaded.of(paths, options).binned(options)


def timed_events(paths, options):
    """Read the events of one or more FT1 files as `TimedEvents`."""
    return Loaded.of(paths, options).timed()


@dataclasses.dataclass(frozen=True)
class Loaded:
    """The events of one or more FT1 files, before they are binned."""

    paths: list
    position: SkyCoord  # Galactic
    energy: np.ndarray  # MeV
    time: np.ndarray  # mission elapsed time in s
    selection: Selection
    notes: list

    @classmethod
    def of(cls, paths, options):
        """Read the files."""
        (ra, dec, energy, time), selection, notes = _read_files(paths, options)
        return cls(paths, _galactic(ra, dec), energy, time, selection, notes)

    def binned(self, options):
        """Bin the events: (kind, [component])."""
        return _binned(self, options)

    def timed(self):
        """Return the events with their times, which must be good."""
        _check_times(self.time, self.selection, self.paths)
        lon, lat, energy = (
            v.astype(np.float32) for v in (self.position.l.deg, self.position.b.deg, self.energy)
        )
        return TimedEvents(lon, lat, energy, self.time.astype(float), self.selection)


def _binned(loaded, options):
    position, selection = loaded.position, loaded.selection
    energy, notes = loaded.energy.astype(float), list(loaded.notes)
    center, width = _field(position, selection, options)
    edges = _energy_edges(energy, selection, options)
    check_energies(edges)  # before there are as many bins as they ask for
    cut = selection.energy or (0, np.inf)
    if (options.emin or cut[0]) < cut[0] or (options.emax or 0) > cut[1]:
        notes.append(
            f"the events were cut to {cut[0]:g}-{cut[1]:g} MeV: nothing is binned outside, because "
            "empty bins would count against every source"
        )
    counts = _bin(position, energy, center, width, edges, options)
    outside = len(energy) - counts.data.sum()
    if outside:
        notes.append(
            f"{outside:.0f} of {len(energy)} events are outside the binned field or energies"
        )
    component = Component(Path(loaded.paths[0]).name, counts, selection, notes=notes)
    if options.scfile is not None and options.time_bins is None:
        raise InputError("scfile: only intervals of time (time_bins) need a spacecraft file")
    if options.time_bins is not None:
        _check_times(loaded.time, selection, loaded.paths)
        bins = time_bins(options.time_bins, selection.gti)
        exposure = exposure_by_time(bins, selection, options.scfile)
        pixel = [component.pixel_numbers(position[some]) for some in _chunks(len(energy))]
        component.times = TimedCounts.of_events(
            bins, exposure, edges, np.concatenate(pixel), energy, loaded.time
        )
    if not selection.circles and not component.is_healpix:
        component.mask = _hull(component.geom, position)
        notes.append("no circle in the header: the field is the convex hull of the events")
    kind = "FT1 event list" if len(loaded.paths) == 1 else f"{len(loaded.paths)} FT1 event lists"
    return kind, [component]


def _galactic(ra, dec):
    """Convert to a Galactic SkyCoord, some events at a time, as this takes many times their
    memory."""
    lon, lat = np.empty((2, len(ra)))
    for some in _chunks(len(ra)):
        position = SkyCoord(ra[some].astype(float), dec[some].astype(float), unit="deg").galactic
        lon[some], lat[some] = position.l.deg, position.b.deg
    return SkyCoord(lon, lat, unit="deg", frame="galactic", copy=False)


def _chunks(count):
    """Yield slices of some events."""
    for start in range(0, count, _CHUNK):
        yield slice(start, start + _CHUNK)


def _check_times(time, selection, paths):
    """Refuse events without good time."""
    if selection.gti is None:
        raise InputError(f"{paths[0]}: no GTI table: the observing time is unknown")
    outside = outside_gti(time, selection.gti)
    if outside.any():
        raise InputError(
            f"{paths[0]}: {outside.sum()} of {len(time)} events are outside the good time "
            f"intervals (one at {time[outside][0]:.0f} s); run gtmktime on the file"
        )


def exposure_by_time(bins, selection, scfile):
    """Return how much of the exposure each interval has: by good time, or where the LAT pointed."""
    if scfile is None:
        return GoodTimeExposure(bins)
    return pointed_exposure(scfile, selection.gti, selection.zenith)(bins.edges)


def _read_files(paths, options):
    """Read the files: (RA, Dec, energy, time) of their events, each once, selection and notes."""
    parts = [_read_file(path, options) for path in progress_bar(paths, "FT1", show=len(paths) > 1)]
    selection, notes = _joint_selection([p.selection for p in parts], paths)
    columns, repeated = _joint_events(parts)
    if repeated:
        notes.append(f"{repeated} events are duplicates and count once")
        log.warning("%s: %s", paths[0], notes[-1])
    if not len(columns[0]):
        raise InputError(f"{paths[0]}: no events are left after the cuts")
    if limb := sum(p.limb for p in parts):
        notes.append(
            f"{limb} events ({limb / len(columns[0]):.1%}) have zenith angles above {_LIMB:g} deg, "
            "where the limb of the Earth shines: cut them with --zmax 90 (above 1 GeV: 100)"
        )
        log.warning("%s: %s", paths[0], notes[-1])
    return columns, selection, notes


def _joint_events(parts):
    """(RA, Dec, energy, time) of the events of all files, and how many were dropped because they
    had been there before."""
    names = ("ra", "dec", "energy", "time")
    columns = [np.concatenate([getattr(p, name) for p in parts]) for name in names]
    ra, dec, energy, time = columns
    numbers = [p.numbers for p in parts]
    known = all(number is not None for number in numbers)
    keep = first_of_each(time, np.concatenate(numbers).T if known else (energy, ra, dec))
    return [column[keep] for column in columns], len(keep) - int(keep.sum())


def _read_file(path, options):
    with open_fits(path) as hdus:
        if "EVENTS" not in hdus:
            raise InputError("is not an FT1 file (no HDU EVENTS)")
        columns = hdus["EVENTS"].columns.names
        missing = set(_COLUMNS) - set(columns)
        if missing:
            raise InputError(f"the EVENTS table has no column {', '.join(sorted(missing))}")
        table = hdus["EVENTS"].data
        selection = Selection.from_hdus(hdus)
        keep, selection = _cut(table, selection, options)
        ra, dec, energy, time = (_native(table[name][keep]) for name in _COLUMNS[:4])
        limb = int(np.sum(table["ZENITH_ANGLE"][keep] > _LIMB))
        numbers = None
        if set(_IDENTITY) <= set(columns):
            numbers = np.column_stack([table[name][keep] for name in _IDENTITY])
    if not np.all(np.isfinite(energy)) or np.any(energy <= 0):
        raise InputError(f"{path}: event energies are not all positive numbers")
    return Events(ra, dec, energy, selection, time, numbers, limb)


def _native(column):
    """Convert to the byte order of this machine."""
    return column.astype(column.dtype.newbyteorder("="))


def _cut(table, selection, options):
    """Which events stay, and the selection after the cuts."""
    keep = np.ones(len(table), bool)
    if options.zmax is not None:
        keep &= table["ZENITH_ANGLE"] <= options.zmax
        zmin, zmax = selection.zenith or (0.0, 180.0)
        selection = dataclasses.replace(selection, zenith=(zmin, min(zmax, options.zmax)))
    if options.tmin is not None or options.tmax is not None:
        start = -np.inf if options.tmin is None else options.tmin
        stop = np.inf if options.tmax is None else options.tmax
        keep &= (table["TIME"] >= start) & (table["TIME"] <= stop)
        selection = dataclasses.replace(selection, gti=_cut_gti(selection.gti, start, stop))
    if options.evtype is not None:
        type_names(options.evtype)  # refuses a sum that crosses partitions
        keep &= (_bits(table["EVENT_TYPE"]) & options.evtype) > 0
        evtype = options.evtype & (selection.evtype or options.evtype)
        selection = dataclasses.replace(selection, evtype=evtype or options.evtype)
    return keep, selection


def _bits(column):
    """Convert a 32X bit column to integers; bit 0 comes last in the file."""
    if column.dtype != bool:
        return np.asarray(column, np.int64)
    return column[:, ::-1] @ (1 << np.arange(column.shape[1], dtype=np.int64))


def _cut_gti(gti, start, stop):
    return None if gti is None else merge_gti(np.clip(gti, start, stop))


def _joint_selection(selections, paths):
    """One selection for all files; what differs between them must be compatible."""
    first, notes = selections[0], []
    for selection, path in zip(selections[1:], paths[1:], strict=True):
        for key in ("evclass", "evtype", "release"):
            if getattr(selection, key) != getattr(first, key):
                raise InputError(
                    f"{path}: {key} is {getattr(selection, key)}, that of {paths[0]} is "
                    f"{getattr(first, key)}; read them separately"
                )
        if str(selection.circles) != str(first.circles):
            raise InputError(f"{path}: its selection circle differs from that of {paths[0]}")
    energies = [s.energy for s in selections if s.energy]
    energy = (max(e[0] for e in energies), min(e[1] for e in energies)) if energies else None
    gtis = [s.gti for s in selections if s.gti is not None]
    gti = merge_gti(np.concatenate(gtis)) if len(gtis) == len(selections) else None
    if gti is None:
        notes.append("not every file has a GTI table: the good time is unknown")
    joint = dataclasses.replace(first, energy=energy, gti=gti)
    if gti is not None:
        apart = sum(s.good_time + s.overlap for s in selections)
        joint = dataclasses.replace(joint, overlap=apart - joint.good_time)
    return joint, notes


def _field(position, selection, options):
    """Centre and full width (deg) of the field to bin."""
    circle = selection.circles[0] if selection.circles else None
    if options.center is not None:
        center, radius = options.center, circle[1] if circle else 10.0
    else:
        center, radius = circle or _extent(position)
    return center.galactic, options.width or 2 * radius


def _extent(position):
    """Mean direction of the events and the radius that holds them all."""
    x = position.cartesian.xyz.value.mean(axis=1)
    center = SkyCoord(*x, representation_type="cartesian", frame="galactic")
    center = SkyCoord(center.spherical.lon, center.spherical.lat, frame="galactic")
    return center, min(float(position.separation(center).deg.max()), 180.0)


def _hull(geom, position):
    """Pixels within the convex hull of the events: what was observed, if nothing says so."""
    x, y = geom.coord_to_pix(position)
    inside = np.isfinite(x) & np.isfinite(y)
    points = np.column_stack([x[inside], y[inside]])
    if len(np.unique(points, axis=0)) < 4:
        return np.ones(geom.data_shape, bool)
    triangles = Delaunay(points[ConvexHull(points).vertices])
    pixels = np.stack(np.meshgrid(*(np.arange(n) for n in geom.data_shape[::-1])), axis=-1)
    return triangles.find_simplex(pixels) >= 0


def _energy_edges(energy, selection, options):
    """About eight bins a decade, with the edges of the network bands among the edges."""
    least, most = selection.energy or (0.0, np.inf)
    low, high = selection.energy or (energy.min(), energy.max() * 1.001)
    low, high = max(options.emin or low, least), min(options.emax or high, most)
    if not 0 < low < high:
        raise InputError(f"the energies run from {low:g} to {high:g} MeV: nothing to bin")
    inner = [e for e in EDGES if 1.05 * low < e < high / 1.05]
    pieces = []
    for start, stop in zip([low, *inner], [*inner, high], strict=True):
        count = max(1, round(np.log10(stop / start) * BINS_PER_DECADE))
        pieces.append(np.geomspace(start, stop, count, endpoint=False))
    return np.append(np.concatenate(pieces), high)


def _bin(position, energy, center, width, edges, options):
    axis = edges_axis(edges)
    if width > WIDEST_IMAGE:
        geom, counts_class = _healpix_geom(center, width, axis), HpxNDMap
    else:
        binsz = options.binsz or PIXEL
        geom = WcsGeom.create(
            skydir=center,
            npix=int(np.ceil(width / binsz - 1e-6)),  # no event of the circle is left outside
            binsz=binsz,
            proj="ZEA",  # equal areas, and hardly any shear across such a field
            frame="galactic",
            axes=[axis],
        )
        counts_class = WcsNDMap
    counts = counts_class(geom, dtype=np.float32)
    inside = (energy >= edges[0]) & (energy <= edges[-1])
    # The uppermost edge belongs to the last bin.
    energy = np.minimum(energy[inside], np.nextafter(edges[-1], 0)) * u.MeV
    position = position[inside]
    for some in _chunks(len(energy)):
        counts.fill_by_coord({"skycoord": position[some], "energy": energy[some]})
    return counts


def _healpix_geom(center, width, axis):
    region = None
    if width < 360:
        region = f"DISK_INC({center.l.deg},{center.b.deg},{width / 2},4)"  # with the rim
    return HpxGeom.create(
        nside=ALL_SKY_NSIDE, nest=False, frame="galactic", region=region, axes=[axis]
    )
