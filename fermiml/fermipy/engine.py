"""Sources fitted by the Fermitools, through a fermipy analysis (`gta`).

A fermipy analysis is one object with one state. Every function here leaves it complete: a
source is in it wholly or not at all, and after a failure all parameters are what they were.
"""

import logging
import os
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits

from fermiml.errors import InputError

QUIET = logging.DEBUG  # of steps that fermipy would report one by one
MISSING = (
    "the Fermitools are not installed here (no module {module}). They come with conda: "
    "conda create -n fermi -c conda-forge -c fermi fermitools, then "
    "pip install 'fermiml[fermipy]' in there; `fermiml compare` works without them"
)
INCOMPLETE = (
    "the Fermitools here are not complete ({module}: {why}). Activate their environment "
    "(conda activate fermi), or install them again"
)


class FitFailed(Exception):
    """A fit that did not converge, or that fermipy gave up."""


def require():
    """Raise one clear error where the Fermitools are missing or incomplete."""
    for module in ("pyLikelihood", "fermipy", "BinnedAnalysis", "fermipy.gtanalysis"):
        try:
            import_module(module)
        except Exception as error:  # of a library that is not there, or a variable
            if getattr(error, "name", None) == module and module in ("pyLikelihood", "fermipy"):
                raise InputError(MISSING.format(module=module)) from None
            raise InputError(INCOMPLETE.format(module=module, why=_reason(error))) from error
    unset = [name for name in ("FERMI_DIR", "CALDB") if not os.environ.get(name)]
    if unset:
        why = f"{' and '.join(unset)} not set"
        raise InputError(INCOMPLETE.format(module="environment", why=why))


def check_pixels(gta):
    """Refuse HEALPix pixels, with which neither fermipy nor the Fermitools do what is needed."""
    if any(component.config["binning"]["projtype"] == "HPX" for component in gta.components):
        raise InputError(
            "ml_seed: works with binning: {projtype: WCS}, not with HEALPix pixels, in which "
            "fermipy makes no images of sources (nor TS maps for find_sources) and the Fermitools "
            "predict almost no counts from the diffuse model"
        )


def parameters(gta):
    """Copy all parameters, by source and name.

    By name, because fermipy's own states use numbers, which change with every source that is
    added or removed.
    """
    from LikelihoodState import LikelihoodState

    state = LikelihoodState(gta.like, 0.0)  # the likelihood, which need not be computed
    return dict(zip(_keys(gta), state.pars, strict=True))


def restore(gta, state):
    """Restore parameters, values and freedom; sources added since then are left unchanged."""
    _set(gta, state)
    for name in gta.like.sourceNames():
        _sync(gta, name)


def _set(gta, state):
    """Restore parameters in the Fermitools alone, with their errors, which fixing them erases."""
    for key, par in zip(_keys(gta), gta.like.params(), strict=True):
        if key in state:
            state[key].setDataMembers(par)
    gta.like.syncSrcParams()


def _sync(gta, name):
    """Read the parameters of a source; fixed ones keep their errors, which fermipy drops."""
    before = gta.roi[name].spectral_pars
    gta._sync_params(name)
    pars = gta.roi[name].spectral_pars
    for key, par in pars.items():
        old = before.get(key, par)
        if not par["free"] and par["value"] == old["value"]:
            par["error"] = old["error"]
    gta.roi[name].set_spectral_pars(pars)


def refresh(gta, names):
    """Update the fluxes and other derived quantities of sources to their current parameters.

    The parameters of all others are fixed meanwhile: the likelihood profiles, which do not vary
    them, take a fifth of the time. Errors come from the covariance of the fit before.
    """
    like, state, keys = gta.like, parameters(gta), _keys(gta)
    free = [key for key, par in zip(keys, like.params(), strict=True) if par.isFree()]
    covariance = like.covariance
    current = covariance is not None and len(covariance) == len(free)
    try:
        for name in names:
            _set(gta, state)
            for (source, _), par in zip(keys, like.params(), strict=True):
                if source != name:
                    par.setFree(False)
            own = [row for row, (source, _) in enumerate(free) if source == name]
            like.covariance = np.asarray(covariance)[np.ix_(own, own)] if current else None
            gta.update_source(name)
    finally:
        like.covariance = covariance
        _set(gta, state)
    for name in names:  # for which fermipy scales what is free
        gta.roi[name].data["ts"] = ts(gta, name)
    gta._update_roi()


def restore_freedom(gta, state):
    """Free what was free, fix what was not, and fix what has been added since."""
    free = [key in state and state[key].par.isFree() for key in _keys(gta)]
    gta.set_free_param_vector(free)


def _keys(gta):
    """Return source and name of each parameter, in the order of `gta.like.params()`.

    `gta.get_params` would search all of them for the number of each.
    """
    return [(par.srcName, par.getName()) for par in gta.like.components[0].params()]


def add(gta, name, properties, **options):
    """Add a source with a free norm. When that fails, nothing of it is left in the analysis."""
    try:
        gta.add_source(
            name, properties, free=True, save_source_maps=False, loglevel=QUIET, **options
        )
    except Exception as error:  # whatever the Fermitools throw
        purge(gta, name)
        raise FitFailed(f"could not be added: {_reason(error)}") from error


def replace(gta, name, source):
    """Put another source in the place of the one of that name; where that fails, there is none."""
    delete(gta, name)
    gta._fitcache = None  # it knows the one that is gone
    add(gta, name, source)


@contextmanager
def kept(gta, name):
    """Return a source and all parameters to what they were, should anything fail meanwhile.

    Where not even that succeeds, the source is in no part of the analysis.
    """
    source, state = gta.roi.copy_source(name), parameters(gta)
    try:
        yield
    except BaseException:
        try:
            purge(gta, name)
            add(gta, name, source)
        finally:
            restore(gta, state)
        raise


def template(gta, name, properties):
    """Return a source and its counts by component and energy; it does not stay in the model.

    Its source map has the PSF of the centre of the ROI, which takes the Fermitools a third of the
    time.
    """
    with maps_in_memory(gta, [name]):
        add(gta, name, properties, use_single_psf=True)
        try:
            return gta.roi.copy_source(name), gta.model_counts_spectrum(name)
        finally:
            delete(gta, name)


@contextmanager
def maps_in_memory(gta, names):
    """Add sources of these names with their source maps in memory alone.

    fermipy rewrites the whole file of source maps whenever a source is added, to delete a map of
    the same name that may lie there: here that is done once. Meanwhile it gets an empty file.
    """
    for component in gta.components:
        _delete_maps(component.files["srcmap"], names)
    paths = [component.files["srcmap"] for component in gta.components]
    with TemporaryDirectory() as folder:
        empty = Path(folder) / "srcmap.fits"
        fits.PrimaryHDU().writeto(empty)
        try:
            for component in gta.components:
                component.files["srcmap"] = str(empty)
            yield
        finally:
            for component, path in zip(gta.components, paths, strict=True):
                component.files["srcmap"] = path


def _delete_maps(path, names):
    """Delete the maps of these names from a file; one that has none is not written again."""
    wanted = {name.upper() for name in names}
    with fits.open(path) as maps:
        others = [hdu for hdu in maps if hdu.name.upper() not in wanted]
        if len(others) < len(maps):
            fits.HDUList(others).writeto(path, overwrite=True)


def purge(gta, *names):
    """Remove sources from all parts of the analysis, even if some parts never had them."""
    for component in gta.components:
        for name in set(names) & set(component.like.sourceNames()):
            component.like.normPar(name).setFree(True)  # or it could not be deleted
            component.like.deleteSource(name)
            component.like.logLike.eraseSourceMap(name)
            component.like.logLike.buildFixedModelWts()
    # By name proper: a test source has the names of the one that it stands for, too.
    gta.roi.delete_sources([s for s in gta.roi.sources if s.name in names])
    gta.like.model = gta.like.components[0].model
    gta._update_roi()


def roll_back(gta, state):
    """Return the model to a saved state, whatever was interrupted since then.

    Sources added since are removed. None may be missing: `ml_seed` deletes only what it added.
    """
    names = {name for name, _ in state}
    present = {s.name for s in gta.roi.sources}
    present |= {n for component in gta.components for n in component.like.sourceNames()}
    purge(gta, *(present - names))
    gta._fitcache = None  # it knows sources that are gone
    restore(gta, state)


def delete(gta, name):
    """Delete a complete source."""
    gta.delete_source(name, loglevel=QUIET)


def fit_norms(gta, names, radius):
    """Fit the norms of sources, their neighbours and the diffuse emission.

    By Newton's method, fifty times faster than MINUIT, which comes in when it fails.
    """
    free_only(gta, names, radius)
    state, before = parameters(gta), loglike(gta)
    try:
        run_fit(gta, update=False, optimizer="NEWTON")
        worse = loglike(gta) < before - 0.1
    except FitFailed:
        worse = True
    finally:
        gta._fitcache = None  # it would look for sources that are deleted later
    if worse:
        restore(gta, state)
        run_fit(gta, update=False)


def free_only(gta, names, radius, pars="norm", around=()):
    """Free sources (`pars`), the norms of what is near them or `around`, and diffuse norms."""
    gta.free_sources(free=False, loglevel=QUIET)
    near = neighbours(gta, _places(gta, names, around), radius)
    for other in {*near, *(s.name for s in gta.roi.diffuse_sources)} - set(names):
        gta.free_source(other, pars="norm", loglevel=QUIET)
    for name in names:
        gta.free_source(name, pars=pars, loglevel=QUIET)


def _places(gta, names, around):
    return [*(gta.roi[name].skydir for name in names), *around]


def neighbours(gta, places, radius):
    """Return the names of point and extended sources within `radius` (deg) of any position."""
    sources = gta.roi.point_sources
    if not (len(places) and sources and radius > 0):
        return set()
    here, there = (_together(p) for p in (places, [source.skydir for source in sources]))
    near = np.any(here[:, None].separation(there).deg <= radius, axis=0)
    return {source.name for source, yes in zip(sources, near, strict=True) if yes}


def _together(places):
    """Return positions as one SkyCoord: that is a hundred times faster than one by one."""
    ra, dec = np.transpose([(place.icrs.ra.deg, place.icrs.dec.deg) for place in places])
    return SkyCoord(ra, dec, unit="deg")


def loglike(gta):
    """Return the log-likelihood of the current model."""
    return -float(gta.like())


def run_fit(gta, **options):
    """Fit what is free; raise FitFailed if that fails, and then nothing has changed."""
    try:
        result = gta.fit(loglevel=QUIET, **options)
    except Exception as error:
        raise FitFailed(f"the fit failed: {_reason(error)}") from error
    if not result["fit_success"]:
        status, quality = result["fit_status"], result["fit_quality"]
        raise FitFailed(f"the fit did not converge (status {status}, quality {quality})")
    return result


def ts(gta, name):
    """Compute the TS of a source as fermipy stores it, with all else unchanged."""
    return float(gta.like.Ts2(name, reoptimize=False))


def refit(gta, names, radius, pars=None, around=()):
    """Fit the spectra of sources with the norms of their neighbours and of the diffuse emission.

    The neighbours of positions `around` are fitted, too.
    """
    free_only(gta, names, radius, pars, around)
    try:
        run_fit(gta, update=False)
    finally:
        changed = {*names, *neighbours(gta, _places(gta, names, around), radius)}
        refresh(gta, sorted(changed))


def _reason(error):
    return " ".join(str(error).split()) or type(error).__name__
