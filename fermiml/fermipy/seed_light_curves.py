"""Light curves of what `ml_seed` found, from the events that fermipy selected."""

import dataclasses
from pathlib import Path

import numpy as np
from astropy.coordinates import SkyCoord

from fermiml.errors import InputError
from fermiml.files import FITS
from fermiml.sky.read.dispatch import read_timed_events
from fermiml.sky.read.events import exposure_by_time
from fermiml.sky.read.intervals import read_with_times
from fermiml.sky.timed_counts import TimedCounts
from fermiml.sky.times import TimeBins, time_bins

_SAME = 0.01  # fraction by which events and counts may differ in number, as energies are rounded


def check(gta):
    """Refuse an analysis that will have no events."""
    for component in gta.components:
        reason = _reason_against(component)
        if reason:
            raise InputError(f"ml_seed.time: {reason}")


def _reason_against(component):
    config = component.config
    if not config["data"]["cacheft1"]:
        return "with data: {cacheft1: false} no events are left for light curves; set it to true"
    if not config["data"]["evfile"] and not Path(component.files["ft1"]).is_file():
        return "this analysis has no events (data: evfile), which light curves need"
    return None


def read(gta, wanted):
    """Read the counts of the analysis with the times of their events, in intervals of time."""
    from fermiml.fermipy.data import cube_of

    cube = cube_of(gta)
    events = [read_timed_events(component.files["ft1"]) for component in gta.components]
    edges = time_bins(wanted, events[0].gti).edges
    scfile = spacecraft_file(gta.config["data"]["scfile"])
    parts = zip(cube.components, events, strict=True)
    components = [_with_times(part, seen, edges, scfile) for part, seen in parts]
    return read_with_times(dataclasses.replace(cube, components=components), wanted)


def spacecraft_file(name):
    """Return the pointing history; None where it is a list of files."""
    return name if str(name).lower().endswith(FITS) else None


def _with_times(component, events, edges, scfile):
    bins = TimeBins.of(edges, events.gti)
    place = SkyCoord(events.lon, events.lat, unit="deg", frame="galactic")
    pixel, energies = component.pixel_numbers(place), component.energy_edges
    inside = (pixel >= 0) & (events.energy >= energies[0]) & (events.energy <= energies[-1])
    counts = float(component.counts.data.sum())
    if abs(np.count_nonzero(inside) - counts) > _SAME * counts:
        raise InputError(
            f"ml_seed.time: component {component.name} has {counts:.0f} counts, but "
            f"{np.count_nonzero(inside)} events: light curves need the counts of the events, "
            "not simulated or replaced ones"
        )
    exposure = exposure_by_time(bins, events.selection, scfile)
    times = TimedCounts.of_events(bins, exposure, energies, pixel, events.energy, events.time)
    selection = dataclasses.replace(component.selection, gti=events.gti)
    return dataclasses.replace(component, times=times, selection=selection)


def measure(gta, catalog, cube):
    """Return the catalog with light curves; the rest of the fitted model is the background."""
    from fermiml.time.light_curve import LightCurve

    names = [str(name) for name in catalog.table["ROI_Name"]]
    parts = zip(cube.components, gta.components, strict=True)
    components = [_before_the_rest(part, component, names) for part, component in parts]
    return LightCurve().run(catalog, dataclasses.replace(cube, components=components)).catalog


def _before_the_rest(component, fitted, names):
    """Return a component whose background is the model without some sources."""
    rest = np.maximum(fitted.model_counts_map(exclude=names).data, 0).astype(np.float32)
    return dataclasses.replace(component, background=component.counts.copy(data=rest))
