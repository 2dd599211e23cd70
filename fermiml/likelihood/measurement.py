"""The fit of one region, step by step, and the results for each source."""

from dataclasses import dataclass

import numpy as np

from fermiml.likelihood import extent, position, spectral_shapes
from fermiml.likelihood.region import CURVATURE, INDEX, NORM
from fermiml.model.sources import POINT

INDEX_TS = 9.0  # from which the index is free
CURVATURE_TS = 16.0  # from which curved spectra are tried
BRIGHT_TS = 400.0  # from which a source must be right before its surroundings are fitted


@dataclass(frozen=True)
class FitSettings:
    """The free parameters of a fit."""

    positions: bool
    spectra: bool
    background: bool
    bands: bool
    extents: bool
    neighbours: float  # deg within which sources are refitted when one is taken out


def norms(region, inner, settings):
    """Fit the norms of sources and backgrounds, spectra as they are."""
    free = _free(region, inner, settings)
    free[:, 1:] = False
    region.settle(region.fit(free).state)


def first(region, core, inner, settings):
    """Run a quick fit of all, then fit positions and shapes of the bright sources of `core`."""
    norms(region, inner, settings)
    fit = fit_all(region, inner, settings)
    rough = {source: _rough_ts(region, fit, source) for source in core}
    bright = sorted((s for s in core if rough[s] >= BRIGHT_TS), key=lambda s: -rough[s])
    _place(region, bright, rough, settings, ())
    if bright:
        fit = fit_all(region, inner, settings)
        _shape(region, bright, rough, fit, inner, settings)
        fit_all(region, inner, settings)


def measure(region, core, near, inner, settings, resized=()):
    """Fit a region.

    Parameters
    ----------
    core, near, inner : lists of sources
        Those whose results are wanted, those that get the full treatment because they are
        close to one of them, and those that are free at all; each includes the one before.
    resized : list of sources
        Extended ones whose form, position and size are free.

    Returns
    -------
    list of dict
        For each source of `core` what `fermiml.likelihood.results` writes into its row.
    """
    norms(region, inner, settings)
    fit = fit_all(region, inner, settings)
    rough = {source: _rough_ts(region, fit, source) for source in near}
    near = sorted(near, key=lambda source: -rough[source])
    places, resized = {}, resized if settings.extents else ()
    for _ in range(2):  # a source may come out of its neighbours only when these are in place
        late = [source for source in near if source not in places]
        placed = _place(region, late, rough, settings, resized)
        if not placed:
            break
        places |= placed
        fit = fit_all(region, inner, settings, fit.free)
        rough = {source: _rough_ts(region, fit, source) for source in near}
    shapes = _shape(region, near, rough, fit, inner, settings)
    fit = fit_all(region, inner, settings)
    return [
        _row(region, source, fit, settings, *places.get(source, (None, None)), shapes.get(source))
        for source in core
    ]


def _place(region, which, ts, settings, resized):
    """Find the positions of significant point sources, and of extended ones that may be `resized`,
    in their order: source -> (`Place`, `FittedExtent` or None)."""
    places = {}
    for source in which if settings.positions else ():
        if ts[source] < INDEX_TS:
            continue
        if region.sources.form[source] == POINT:
            places[source] = position.locate(region, source, ts[source]), None
        elif source in resized:
            places[source] = extent.measure(region, source, ts[source])
    return places


def _shape(region, which, ts, fit, inner, settings):
    """Choose pivots and spectral shapes, where TS allows: source -> (kind, alternatives)."""
    shapes, norms_alone = {}, _free(region, inner, settings)
    for source in which if settings.spectra else ():
        spectral_shapes.set_pivot(region, source, fit)
        if ts[source] >= CURVATURE_TS:
            around = around_source(region, source, norms_alone, settings)
            shapes[source] = spectral_shapes.choose(region, source, around)
    return shapes


def fit_all(region, inner, settings, free=None):
    """Fit all norms, and the spectra of what is significant; again when more became so.

    `free` is what was free before, if that is known.
    """
    free, state = _free(region, inner, settings) if free is None else free, region.state
    for _ in range(4):
        fit = region.fit(free, state=state)
        region.settle(fit.state)
        again = _free(region, inner, settings, fit)
        state = _reset(region, again)
        if np.array_equal(again, free) and np.array_equal(state, region.state):
            break
        free = again
    return fit


def _reset(region, free):
    """Return the present state, with the first shape of sources whose index is not free (any more).

    An index that ran away beside a neighbour that was wrong then would never come back.
    """
    state = region.state.copy()
    held = ~free[region.planes :, INDEX]
    shapes = region.sources.shapes
    state[region.planes :, INDEX][held] = shapes.index[held]
    state[region.planes :, CURVATURE][held] = shapes.curvature[held]
    return state


def _free(region, inner, settings, fit=None):
    """Which parameters are free, as far as the present state tells."""
    free = np.zeros(region.state.shape, bool)
    if settings.background:
        free[: region.planes, NORM] = True
        free[:1, INDEX] = region.planes > 0
    for source in inner:
        column = region.column(source)
        free[column, NORM] = True
        ts = _rough_ts(region, fit, source) if settings.spectra else 0.0
        free[column, INDEX] = ts >= INDEX_TS
        free[column, CURVATURE] = ts >= CURVATURE_TS and region.state[column, CURVATURE] != 0
    return free


def _rough_ts(region, fit, source):
    """About the TS of a source, from the fit of all; 0 without a fit.

    The likelihood along its norm down to zero, as far as the others would follow: of a few
    photons on hardly any background (norm / its error)^2 would only say how many they are.
    """
    if fit is None:
        return 0.0
    column = region.column(source)
    norm = fit.state[column, NORM]
    if not (fit.free[column, NORM] and norm > 0):
        return 0.0
    line = region.line(column, fit.state)
    return 2 * float(line(norm * (1 - 1 / fit.widening(column))) - line(norm))


def around_source(region, source, free, settings):
    """Select those free parameters that are free when one source is examined: its neighbours'
    and backgrounds'."""
    free = free.copy()
    free[region.planes :] &= position.close_to(region.sources, source, settings.neighbours)[:, None]
    return free


def _row(region, source, fit, settings, place, extended, shapes):
    column = region.column(source)
    around = around_source(region, source, fit.free, settings)
    best = region.fit(around)
    null, without = best.state.copy(), around.copy()
    null[column, NORM], without[column] = 0.0, False
    nothing = region.fit(without, state=null, also=[column])
    kind, alternatives = shapes or (_kind(region, source), {})
    chosen = spectral_shapes.read(region, source, fit, kind)
    bands = spectral_shapes.bands(region, source, around, chosen) if settings.bands else None
    return {
        "ts": max(2 * (nothing.loss - best.loss), 0.0),
        "npred": region.npred(column),
        "spectrum": chosen,
        "alternatives": alternatives,
        "place": place,
        "extent": extended,
        "bands": bands,
        "converged": all(f.minimum.converged for f in (fit, best, nothing))
        and (place is None or place.converged),
    }


def _kind(region, source):
    """4FGL's name of the shape that a source has."""
    if region.sources.shapes.exp_index[source] != 0:
        return "PLSuperExpCutoff"
    curved = region.state[region.column(source), CURVATURE] != 0
    return "LogParabola" if curved else "PowerLaw"
