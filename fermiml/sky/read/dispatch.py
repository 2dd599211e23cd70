"""From any input to a SkyCube: recognise it, read it, complete it."""

from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from fermiml import schema
from fermiml.errors import InputError
from fermiml.files import check_input
from fermiml.fitsfile import open_fits, reading
from fermiml.fitsmaps import image_geom
from fermiml.sky.cube import SkyCube, check_counts
from fermiml.sky.read import events, fermipy_folder, gammapy_data
from fermiml.sky.read.complete import complete
from fermiml.sky.read.gtbin import read_counts_hdus
from fermiml.sky.selection import is_date, mission_time
from fermiml.yamlfile import read_yaml


def _mission_time(name, value):
    """Check a time: seconds since the LAT's epoch, an astropy Time, or a date (UTC)."""
    if is_date(value):
        try:
            value = mission_time(value)
        except ValueError:
            raise InputError(
                f"{name}: {schema.shown(value)} is not a date such as 2012-03-07"
            ) from None
    return schema.number(unit="s")(name, value)


_YAML = (".yaml", ".yml")
_KINDS = {
    "width": schema.number(above=0, high=360, unit="deg"),
    "binsz": schema.number(above=0, high=10, unit="deg"),
    "emin": schema.number(above=0, high=3e6, unit="MeV"),
    "emax": schema.number(above=0, unit="MeV"),
    "zmax": schema.number(above=0, high=180, unit="deg"),
    "tmin": _mission_time,
    "tmax": _mission_time,
}


@dataclass(frozen=True)
class ReadOptions:
    """The options of `SkyCube.read`."""

    exposure: object = None
    psf: object = None
    background: object = None
    irf: str | None = None
    evtype: int | None = None
    center: object = None
    width: float | None = None
    binsz: float | None = None
    emin: float | None = None
    emax: float | None = None
    zmax: float | None = None
    tmin: float | None = None
    tmax: float | None = None
    time_bins: object = None
    scfile: object = None

    _for_events = (
        "center", "width", "binsz", "emin", "emax", "zmax", "tmin", "tmax", "time_bins",
        "scfile",
    )  # fmt: skip

    def __post_init__(self):
        for name, kind in _KINDS.items():
            if getattr(self, name) is not None:
                object.__setattr__(self, name, kind(name, getattr(self, name)))

    def refuse_event_options(self, source):
        """Refuse options for FT1 events: on binned data they would silently do nothing."""
        given = [name for name in self._for_events if getattr(self, name) is not None]
        if given:
            raise InputError(
                f"{source}: {', '.join(given)} can only be chosen for FT1 events; "
                "these data are already binned"
            )


def read_cube(source, **options):
    """Do the work of `SkyCube.read`."""
    options = _checked(options)
    first = source[0] if isinstance(source, list | tuple) and source else source
    name = str(first) if isinstance(first, str | Path) else type(source).__name__
    with reading(name):
        return _finished(*_read_components(source, options), name, options)


def read_timed_events(source, **options):
    """Read an FT1 file, or an ``@list`` of them, as `fermiml.sky.times.TimedEvents`.

    Takes the options of `SkyCube.read`, of which evtype, zmax, tmin and tmax cut events.
    """
    options = _checked(options)
    with reading(str(source)):
        return events.timed_events(_event_files(source), options)


def read_cube_and_events(source, **options):
    """Read FT1 events as `SkyCube.read` and `read_timed_events` do, but once for both."""
    cube, loaded = read_cube_and_loaded(source, **options)
    return cube, loaded.timed()


def read_cube_and_loaded(source, **options):
    """Read FT1 events as `SkyCube.read` does, and return with the cube what was loaded, whose times
    may be of no use."""
    options = _checked(options)
    with reading(str(source)):
        loaded = events.Loaded.of(_event_files(source), options)
        return _finished(*loaded.binned(options), str(source), options), loaded


def is_events(source):
    """Return whether a name is that of an FT1 file, or of an ``@list`` of them."""
    if str(source).startswith("@"):
        return True
    path = Path(source).expanduser()
    if not path.is_file() or path.suffix.lower() in _YAML:
        return False
    with open_fits(path) as hdus:
        return "EVENTS" in {hdu.name.upper() for hdu in hdus}


def _event_files(source):
    """List the FT1 files of an ``@list``, or the one that is named."""
    if str(source).startswith("@"):
        return events.read_list(str(source)[1:])
    return [check_input(source, "FT1 events")]


def _checked(options):
    unknown = set(options) - {f.name for f in fields(ReadOptions)}
    if unknown:
        known = ", ".join(f.name for f in fields(ReadOptions))
        raise InputError(f"unknown option {', '.join(sorted(unknown))}: known are {known}")
    return ReadOptions(**options)


def _finished(kind, components, name, options):
    """Complete the response of components, and make a cube of them."""
    evtype = _evtype_of_binned(kind, components, options.evtype)
    for number, component in enumerate(components):
        _finish(component, number, len(components), options, evtype)
    return SkyCube(components, kind, name)


def _evtype_of_binned(kind, components, evtype):
    """Return the user's event type for all components; None for FT1, where it selected events."""
    if evtype is None or "FT1" in kind:
        return None
    types = {component.selection.evtype for component in components}
    if len(types) > 1:
        raise InputError(
            f"evtype {evtype} cannot apply to all components: their headers say "
            f"{', '.join(map(str, types))}; omit it"
        )
    return evtype


def _finish(component, number, count, options, evtype):
    check_counts(component)
    background = _part(options.background, number, count, "background")
    if background is not None:
        component.background = _read_background(background, component)
    complete(
        component,
        exposure=_part(options.exposure, number, count, "exposure"),
        psf=_part(options.psf, number, count, "psf"),
        irf=options.irf,
        evtype=evtype,
    )


def with_background(cube, background):
    """Return the cube with new expected counts: one file or map, or a list of one per component."""
    components = []
    for number, component in enumerate(cube.components):
        given = _part(background, number, len(cube.components), "background")
        with reading(given if isinstance(given, str | Path) else cube.source):
            read = _read_background(given, component)
        components.append(replace(component, background=read))
    return replace(cube, components=components)


def is_expected_counts(path):
    """Whether a FITS file holds counts; else it may be an intensity at energy nodes (MapCube)."""
    with open_fits(path) as hdus:
        return "ENERGIES" not in {hdu.name.upper() for hdu in hdus}


def _part(given, number, count, what):
    """One file for all components, or a list with one each."""
    if not isinstance(given, list | tuple):
        return given
    if len(given) != count:
        raise InputError(f"{len(given)} files for {what}, but there are {count} components")
    return given[number]


def _read_components(source, options):
    """Find out what kind of data it is, and read its components without response."""
    if isinstance(source, list | tuple) and all(isinstance(s, str | Path) for s in source):
        return events.read_events([check_input(s, "FT1 events") for s in source], options)
    if not isinstance(source, str | Path):
        options.refuse_event_options(type(source).__name__)
        return gammapy_data.components_of(source)
    if str(source).startswith("@"):
        return events.read_events(_event_files(source), options)
    path = Path(source).expanduser()
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.is_dir():
        options.refuse_event_options(path)
        return fermipy_folder.read_folder(path)
    if path.suffix.lower() in _YAML:
        options.refuse_event_options(path)
        return _read_yaml(path)
    return _read_fits(path, options)


def _read_yaml(path):
    """Read a fermipy configuration or gammapy's list of datasets."""
    content = read_yaml(path)
    if isinstance(content, dict) and "datasets" in content:
        return gammapy_data.read_datasets(path)
    if fermipy_folder.is_config(content):
        return fermipy_folder.read_config(path, content)
    raise InputError(
        f"{path}: is neither a fermipy configuration (binning, selection) nor gammapy datasets"
    )


def _read_fits(path, options):
    with open_fits(path) as hdus:
        names = {hdu.name.upper() for hdu in hdus}
        if "EVENTS" in names:
            return events.read_events([path], options)
        options.refuse_event_options(path)
        if gammapy_data.is_dataset_file(names):
            return gammapy_data.read_dataset_file(path)
        if gammapy_data.is_map_file(hdus):
            return gammapy_data.read_map_file(path)
        return read_counts_hdus(hdus, path.name)


def _read_background(background, component):
    """Read expected counts on the grid of the counts."""
    if not hasattr(background, "geom"):
        with open_fits(background) as hdus:
            _, (read,) = read_counts_hdus(hdus, str(background))
        background, name = read.counts, str(background)
    else:
        name = "the given background"
    if background.data.shape != component.counts.data.shape or not _same_sky(background, component):
        raise InputError(
            f"{name}: the background is on a different grid from the counts "
            f"({background.data.shape} against {component.counts.data.shape})"
        )
    if not np.all(np.isfinite(background.data)) or background.data.min() < 0:
        raise InputError(f"{name}: the background contains NaN or negative values")
    return background


def _same_sky(background, component):
    edges = background.geom.axes["energy"].edges.to_value("MeV")
    ours, theirs = (
        geom.get_coord().skycoord.ravel()[[0, -1]]
        for geom in (component.geom, image_geom(background.geom))
    )
    same_sky = np.nan_to_num(ours.separation(theirs).deg) < 1e-3
    return np.allclose(edges, component.energy_edges, rtol=1e-2) and np.all(same_sky)
