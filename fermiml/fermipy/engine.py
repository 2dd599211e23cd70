"""Sources fitted by the Fermitools, through a fermipy analysis (`gta`).

A fermipy analysis is one object with one state. Every function here leaves it complete: a
source is in it wholly or not at all, and after a failure all parameters are what they were.
"""

import logging
import os
from importlib import import_module

from fermiml.errors import InputError
from fermiml.fermipy import position_fit

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


def parameters(gta):
    """Copy all parameters, by source and name.

    By name, because fermipy's own states use numbers, which change with every source that is
    added or removed.
    """
    from LikelihoodState import LikelihoodState

    return dict(zip(_keys(gta), LikelihoodState(gta.like).pars, strict=True))


def restore(gta, state):
    """Restore parameters, values and freedom; sources added since then are left unchanged."""
    for key, par in zip(_keys(gta), gta.like.params(), strict=True):
        if key in state:
            state[key].setDataMembers(par)
    gta.like.syncSrcParams()
    for name in gta.like.sourceNames():
        gta._sync_params(name)


def refresh(gta, names):
    """Update the fluxes and other derived quantities of sources to their current parameters."""
    for name in names:
        gta.update_source(name)
    gta._update_roi()


def restore_freedom(gta, state):
    """Free what was free, fix what was not, and fix what has been added since."""
    free = [key in state and state[key].par.isFree() for key in _keys(gta)]
    gta.set_free_param_vector(free)


def _keys(gta):
    return [(par["src_name"], par["par_name"]) for par in gta.get_params()]


def add(gta, name, properties):
    """Add a source with a free norm. When that fails, nothing of it is left in the analysis."""
    try:
        gta.add_source(name, properties, free=True, save_source_maps=False, loglevel=QUIET)
    except Exception as error:  # whatever the Fermitools throw
        purge(gta, name)
        raise FitFailed(f"could not be added: {_reason(error)}") from error


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


def fit_norms(gta, names, radius, update=False, around=()):
    """Fit the norms of sources, their neighbours and the diffuse emission.

    The neighbours of positions `around` are fitted, too. Newton's method is fifty times
    faster than MINUIT on norms, which comes in when it fails.
    """
    free_only(gta, names, radius, around=around)
    state, before = parameters(gta), loglike(gta)
    try:
        run_fit(gta, update=update, optimizer="NEWTON")
        worse = loglike(gta) < before - 0.1  # so it ends with HEALPix pixels
    except FitFailed:
        worse = True
    finally:
        gta._fitcache = None  # it would look for sources that are deleted later
    if worse:
        restore(gta, state)
        run_fit(gta, update=update)


def free_only(gta, names, radius, pars="norm", around=()):
    """Free sources (`pars`), the norms of what is near them or `around`, and diffuse norms."""
    gta.free_sources(free=False, loglevel=QUIET)
    places = [*(gta.roi[name].skydir for name in names), *around]
    near = neighbours(gta, places, radius)
    for other in {*near, *(s.name for s in gta.roi.diffuse_sources)} - set(names):
        gta.free_source(other, pars="norm", loglevel=QUIET)
    for name in names:
        gta.free_source(name, pars=pars, loglevel=QUIET)


def neighbours(gta, places, radius):
    """Return the names of point and extended sources within `radius` (deg) of any position."""
    if not radius > 0:
        return set()
    return {
        source.name
        for place in places
        for source in gta.roi.point_sources
        if source.skydir.separation(place).deg <= radius
    }


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
    """Compute the TS of a source with all else unchanged: too large where sources overlap."""
    return float(gta.like.Ts2(name, reoptimize=False))


def reoptimized_ts(gta, name, radius):
    """Compute the TS of a source, with neighbours and diffuse emission refitted without it."""
    state = parameters(gta)
    free_only(gta, [name], radius)
    try:
        return float(gta.like.Ts2(name, reoptimize=True))
    except Exception as error:
        raise FitFailed(f"its TS could not be computed: {_reason(error)}") from error
    finally:
        restore(gta, state)


def localize(gta, name, sigma):
    """Move a source to its best position; raise FitFailed, with the source unmoved, if it fails.

    `sigma` (deg) is the position's error, as far as that is known.
    """
    state, before = parameters(gta), gta.roi.copy_source(name)
    names = set(gta.like.sourceNames())
    try:
        found = position_fit.scan(gta, name, sigma)
        if found is not None:
            place, covariance = found
            position_fit.move(gta, name, place)
            position_fit.write_errors(gta.roi[name], covariance)
            return
    except Exception as error:
        _put_back(gta, name, before, state, names)
        raise FitFailed(f"localisation failed: {_reason(error)}") from error
    _put_back(gta, name, before, state, names)
    raise FitFailed("localisation found no maximum near the seed")


def _put_back(gta, name, before, state, names):
    """Undo a localisation, wherever it failed: the source may be gone from some parts."""
    present = {n for component in gta.components for n in component.like.sourceNames()}
    purge(gta, name, *(present - names))
    gta.add_source(name, before, free=True, save_source_maps=False, loglevel=QUIET)
    restore(gta, state)


def refit(gta, names, radius, pars=None, around=()):
    """Do the final fit: spectra of sources, norms of neighbours and of the diffuse emission.

    The neighbours of positions `around` are fitted, too.
    """
    free_only(gta, names, radius, pars, around)
    return run_fit(gta, update=True)


def _reason(error):
    return " ".join(str(error).split()) or type(error).__name__
