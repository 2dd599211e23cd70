"""Find PSF, exposure and energy dispersion for a component, in the order of preference.

What the user gives > the IRF and event type that the user names > those of the header >
P8R3_SOURCE_V3 FRONT+BACK. What had to be assumed or estimated is written down.
"""

import dataclasses
import logging
from pathlib import Path

import numpy as np

from fermiml.errors import InputError
from fermiml.fitsfile import open_fits
from fermiml.fitsmaps import read_nodes_map
from fermiml.response import exposure as exposures
from fermiml.response import irfs
from fermiml.response.installed import installed_irfs, load_response
from fermiml.response.interpolate import within_reach
from fermiml.response.psf import PSF
from fermiml.sky.cube import EnergyDispersion, Origin
from fermiml.sky.read.plausible import doubts

log = logging.getLogger(__name__)
_PSF_BEYOND = np.log(1.5)  # in ln E, the most that the middle of a bin may lie beyond a PSF table
_RADII = 12  # of a PSF table at least; real ones have 20 to 300
_OVERLAP = 1.0  # s, of the good time intervals; less is rounding
_PSF_FAR = 1.2  # ratio of r68 to that of the IRF; real gtpsf files are within 1.04


def complete(component, *, exposure=None, psf=None, irf=None, evtype=None):
    """Fill in what the component's reader did not find.

    `irf` and `evtype` are taken in the place of what the header says.
    """
    asked = _asked_response(component, irf, evtype)
    if psf is not None:
        component.psf = read_psf(psf, component.center)
        component.origins["psf"] = Origin(_name(psf))
    if exposure is not None and not _is_livetime_cube(exposure):
        component.exposure = _read_exposure(exposure, component)
        component.origins["exposure"] = Origin(_name(exposure))
        exposure = None
    if component.psf is not None:
        check_psf(component)
    if component.selection.overlap > _OVERLAP:
        _warn(component, f"good time intervals overlap: {component.selection.overlap:.6g} s "
              "occur in several of them and count once")  # fmt: skip
    missing = [p for p in (component.psf, component.exposure, component.edisp) if p is None]
    if missing or exposure is not None:
        _complete_from_irf(component, exposure, asked)
    check_exposure(component)
    for text in doubts(component):
        _warn(component, text)


def _asked_response(component, irf, evtype):
    """Return the response that the user names, if any; warn where the header disagrees."""
    selection = component.selection
    for what, given, said in (
        ("irf", irf, selection.irf_name),
        ("evtype", evtype, selection.evtype),
    ):
        if given is not None and said not in (None, given):
            _warn(component, f"--{what} {given} is used, although the header says {said}")
    if evtype is not None:
        irfs.type_names(evtype)  # refuses what is no sum of types
        selection = dataclasses.replace(selection, evtype=evtype)
    if irf is not None:
        selection = dataclasses.replace(selection, irf=irf)
    component.selection = selection
    return None if irf is None else load_response(irf, selection.evtype or irfs.ALL_EVENTS)


def _complete_from_irf(component, livetime_cube, asked):
    """Fill in from a response table what was not given."""
    response, origin = _choose_irf(component, asked)
    if component.psf is None:
        component.psf = response.psf
        component.origins["psf"] = origin
    if livetime_cube:
        component.exposure = exposures.from_livetime_cube(livetime_cube, response)
        text = f"livetime cube {livetime_cube} x effective area of {response.name}"
        component.origins["exposure"] = Origin(text)
    if component.exposure is None:
        component.exposure = _estimate_exposure(component, response)
    if component.edisp is None:
        component.edisp = _dispersion(component, response)
        component.origins["edisp"] = origin


def _name(thing):
    return str(thing) if isinstance(thing, str | Path) else f"the given {type(thing).__name__}"


def _choose_irf(component, asked):
    """Choose the response table, and return also where its name comes from."""
    _settle_event_type(component)
    if asked is not None:
        return asked, _origin(asked, "as requested")
    selection, named = component.selection, component.selection.irf_name
    if named:
        response = _load_or_replace(named, selection.evtype)
        if response.name != named:
            component.notes.append(f"no table of {named}: {response.name} is taken")
        return response, _origin(response, "from the header", response.name != named)
    component.notes.append(f"no IRF in the header: {irfs.DEFAULT_IRF} is assumed")
    response = load_response(irfs.DEFAULT_IRF, selection.evtype)
    return response, _origin(response, "assumed", True)


def _origin(response, where, assumed=False):
    return Origin(f"{response.name} {'+'.join(response.types)}, {where}", assumed)


def _settle_event_type(component):
    """All events where neither the header nor the user names a type."""
    if component.selection.evtype is None:
        component.selection = dataclasses.replace(component.selection, evtype=irfs.ALL_EVENTS)
        component.notes.append("no event type in the header: FRONT+BACK is assumed")


def _load_or_replace(name, evtype):
    """Load a response that a header names, else the closest one available."""
    stem = name.rsplit("_", 1)[0]  # without the version
    closest = [known for known in installed_irfs() if known.startswith(stem + "_")]
    for candidate in dict.fromkeys([name, *closest, irfs.DEFAULT_IRF]):
        try:
            return load_response(candidate, evtype)
        except InputError as error:
            refusal = error
    raise refusal


def read_psf(psf, position):
    """Read a gtpsf file, a gammapy PSFMap or a file of one as a radial table."""
    from gammapy.irf import PSFMap

    if isinstance(psf, PSFMap):
        return PSF.from_gammapy(psf, position)
    with open_fits(psf) as hdus:
        if "PSF" in hdus and "THETA" in hdus:
            return _gtpsf(hdus)
        if "PSF_BANDS" in hdus:
            return PSF.from_gammapy(PSFMap.read(psf), position)
        raise InputError("is neither a gtpsf file (HDUs PSF, THETA) nor a gammapy PSFMap")


def _gtpsf(hdus):
    energy, values = (_column(hdus["PSF"], name) for name in ("Energy", "Psf"))
    rad = _column(hdus["THETA"], "Theta")
    for what, number, least in (("energies", len(energy), 2), ("radii", len(rad), _RADII)):
        if number < least:
            raise InputError(
                f"the PSF table has {number} {what}, at least {least} are expected; run gtpsf again"
            )
    rising = np.all(np.diff(energy) > 0) and np.all(np.diff(rad) > 0)
    if not rising or values.shape != (len(energy), len(rad)) or not np.all(values >= 0):
        raise InputError("the PSF table is not gtpsf output (Energy, Theta increasing, Psf >= 0)")
    if not (np.all(np.isfinite(values)) and energy[0] > 0 and rad[0] >= 0 and rad[-1] <= 180):
        raise InputError("the PSF table is not gtpsf output: energies, radii or values are invalid")
    if not np.all(values.sum(axis=1) > 0):
        raise InputError("the PSF is zero at some energy")
    return PSF(energy, rad, values)


def _column(hdu, name):
    if hdu.data is None or name not in hdu.data.names:
        raise InputError(f"the table {hdu.name} has no column {name}: not gtpsf output")
    return np.array(hdu.data[name], float)


def _is_livetime_cube(exposure):
    return isinstance(exposure, str | Path) and exposures.is_livetime_cube(exposure)


def _read_exposure(exposure, component):
    if hasattr(exposure, "geom"):
        return exposure
    # gtexpcube2 leaves COORDSYS out of HEALPix files; they go with the counts.
    return read_nodes_map(exposure, "cm2 s", component.counts.geom.frame)


def _estimate_exposure(component, response):
    good_time = component.selection.good_time
    if good_time is None:
        raise InputError(
            "no exposure is given and without a GTI table none can be estimated; "
            "give one with --exposure (gtexpcube2 or gtltcube output)"
        )
    days = good_time / 86400
    component.notes.append(
        f"no exposure given: estimated from {good_time:.3g} s ({days:.0f} d) of good time "
        "in survey mode, accurate to about 10 %"
    )
    component.origins["exposure"] = Origin("estimated from the good time", assumed=True)
    return exposures.estimate(good_time, response)


def _dispersion(component, response):
    """Matrix for the native bins; the true bins are finer and reach beyond both ends."""
    edges = component.energy_edges
    true_edges = irfs.true_energies(edges)
    return EnergyDispersion(true_edges, response.edisp_matrix(true_edges, edges))


def check_psf(component):
    """Refuse a given PSF that does not cover the bins, and warn of one far from the IRF's."""
    edges, nodes = component.energy_edges, component.psf.energy
    energy = np.sqrt(edges[:-1] * edges[1:])
    if not within_reach(np.log(nodes), np.log(energy), _PSF_BEYOND).all():
        raise InputError(
            f"the PSF ({component.origins['psf'].text}) covers {nodes[0]:.4g}-{nodes[-1]:.4g} MeV, "
            f"the counts need {edges[0]:.4g}-{edges[-1]:.4g} MeV; run gtpsf for these energies"
        )
    response = _named_response(component.selection)
    if response is None:
        return
    ours, irf = (p.containment_radius(energy, 0.68) for p in (component.psf, response.psf))
    worst = np.argmax(np.abs(np.log(ours / irf)))
    if not 1 / _PSF_FAR < ours[worst] / irf[worst] < _PSF_FAR:
        _warn(
            component,
            f"the PSF ({component.origins['psf'].text}) differs from that of {response.name} "
            f"{'+'.join(response.types)}: its 68 % radius at {energy[worst]:.4g} MeV is "
            f"{ours[worst]:.3g} deg instead of {irf[worst]:.3g} deg",
        )


def _named_response(selection):
    """Load the response that the header names; None where it names none or there is no table."""
    if selection.irf_name is None:
        return None
    try:
        return load_response(selection.irf_name, selection.evtype or irfs.ALL_EVENTS)
    except InputError:
        return None


def _warn(component, text):
    """Add a note to the component and log it as a warning."""
    log.warning("%s: %s", component.name, text)
    component.notes.append(text)


def check_exposure(component, samples=400):
    """Refuse an exposure that leaves observed pixels or bins of the counts uncovered."""
    edges = component.energy_edges
    energy = np.sqrt(edges[:-1] * edges[1:])
    observed = np.flatnonzero(component.mask)
    position = component.positions_of(observed[:: max(1, len(observed) // samples)])
    values = exposures.sample(component.exposure, position, energy)
    no_energy = ~np.isfinite(values).any(axis=1)
    if no_energy.any():
        nodes = component.exposure.geom.axes["energy_true"].center.to_value("MeV")
        raise InputError(
            f"the exposure covers {nodes[0]:.4g}-{nodes[-1]:.4g} MeV, the counts need "
            f"{edges[0]:.4g}-{edges[-1]:.4g} MeV"
        )
    bad = ~np.all(np.isfinite(values), axis=0) | (values < 1).any(axis=0)
    if bad.any():
        where = position[bad][0].galactic
        raise InputError(
            f"the exposure does not cover the counts: none at (l, b) = "
            f"({where.l.deg:.2f}, {where.b.deg:.2f}) deg, {bad.mean():.0%} of the pixels"
        )
