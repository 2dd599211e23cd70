"""One object or several points: which of them the photons of a piece of sky speak for."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from fermiml.extended.object_probability import features
from fermiml.extended.object_seeds import MANY
from fermiml.extended.outline import LARGEST, LEAST, Outline
from fermiml.extended.shape_fit import SceneFit, SceneLikelihood, SceneModel
from fermiml.model.sources import DISK, GAUSS, HOLE, POINT, RADIUS_68, RING

SIZES = (0.2, 0.5, 1.1, 2.2)  # deg, disks that are tried first
TS_EXTENDED = 25.0  # of the extent, that an object needs
_TS_BESIDE = 16.0  # of a candidate that stays within or beside an object
_NOTHING = 4.0  # of one that goes at once
_AROUND = 0.15  # deg beyond its border, within which candidates may trace an object
_BESIDE = 0.5  # deg beyond its border, within which candidates are decided again
_FIRST, _FEW, _ROUGH = 2, 4, 0.5  # steps of first looks and the next, and the gain that ends them
# How far a first disk may be behind points: in the criterion, and as a part of its TS.
_LITTLE, _PART = 15.0, 0.02
# Probability of an object below which it is not looked at any more: before it moves, and after.
_HOPELESS_YET, _HOPELESS = 0.15, 0.25
_CLEARER = 1.2  # factor by which the TS of an extent may still grow
# Factor of the error of a size, and fraction of the size: for what lies in and around an object,
# as found on selection skies.
_SYSTEMATIC = 1.3, 0.02
_DIMMED = 0.3  # of its norm, with which a candidate comes back beside an object
_RIM = 2 / 3 * (1 - HOLE**3) / (1 - HOLE**2)  # mean radius of a ring's points, over its own
_ALIKE = 5.0  # significance from which all candidates weigh the same
_SHIFTS = 3  # steps to their middle
FORMS = DISK, GAUSS, RING


@dataclass(frozen=True)
class ExtendedObject:
    """An extended source, and what is left beside it.

    Attributes
    ----------
    fit : SceneFit
        Of a `LocalField`; the object is the last of its outlines.
    ts : float
        Twice the log-likelihood over that of a point at its best position.
    error : float
        Of the size (deg), from the likelihood profile.
    gone : numpy.ndarray
        Numbers in the `LocalField` of candidates that only traced the object.
    """

    fit: SceneFit
    ts: float
    error: float
    gone: np.ndarray

    @property
    def outline(self):
        """Its form, position and size."""
        return self.fit.model.outlines[-1]


def find_object(local, center, calibration, others=()):
    """Return the `ExtendedObject` near a `center`, or None where points do as well.

    The `ObjectCalibration` spares the fits of what is gas. `others` are the outlines of objects
    that were found before.
    """
    scene, everything = SceneLikelihood(local), np.arange(len(local.rows))
    points = scene.fit(SceneModel.start(local, others), moving=0)
    best = _settled_object(scene, local, points, center, calibration)
    if best is None:
        return None
    best = _with_neighbours(scene, local, best)
    if best.criterion <= points.criterion or best.model.norm[-1] == 0:
        return None
    ts = _ts_extended(scene, best)
    if ts < TS_EXTENDED or _probability(scene, best, ts, calibration) < _HOPELESS:
        return None
    gone = np.setdiff1d(everything, best.model.points)
    if len(gone) < 2 and _two_are_better(scene, best):
        return None
    return ExtendedObject(best, ts, _size_error(scene, best), gone)


def _settled_object(scene, local, points, center, calibration):
    """Fit an object in the place of points, in the best of the forms; return None as soon as it is
    hopeless."""
    found = []
    for first, beside in _first_looks(scene, local, points, center):
        first = _promising(scene, points, first, calibration)
        if first is not None:
            form = first.model.outlines[-1].form
            found.append((_settled(scene, local, first, form, beside), beside))
    if not found:
        return None
    settled, beside = max(found, key=lambda pair: pair[0].criterion)
    own = settled.model.outlines[-1]
    others = [_settled(scene, local, settled, form, beside) for form in FORMS if form != own.form]
    same = [fit for fit in others if fit.model.outlines[-1].holds(own.vector)]  # or it wandered off
    best = max([settled, *same], key=lambda fit: fit.criterion)
    return None if _is_hopeless(scene, best, calibration) else best


def _first_looks(scene, local, points, center):
    """Fit disks of a few sizes where most candidates are, and rings where there are many. None of
    them has moved. Yield the best of those in the place of all points within, and where it is
    better, the best of those `beside` what is significant within, as a source of its own may be."""
    known = scene.information(points.model)
    look = partial(scene.fit, moving=0, steps=_FIRST, enough=_ROUGH, known=known)
    instead, beside = [], []
    for outline in _first_outlines(local, points, center):
        inside = _away(local, outline) <= _AROUND
        instead.append(look(_in_place_of(points.model, inside, outline)))
        if not inside.any():
            continue
        together = look(_in_place_of(points.model, np.zeros_like(inside), outline), steps=1)
        ts = together.significance**2
        if ts[-1] > _TS_BESIDE:
            kept = ~inside | (ts[: len(inside)] > _TS_BESIDE)
            beside.append(look(_with_points(together, np.flatnonzero(kept))))
    best = max(instead, key=lambda fit: fit.criterion)
    yield best, False
    if better := [fit for fit in beside if fit.criterion > best.criterion]:
        yield max(better, key=lambda fit: fit.criterion), True


def _promising(scene, points, first, calibration):
    """Let the outline of a first look move; return None where it is far behind the points, or
    hopeless."""
    if _probability(scene, first, scene.last_ts(first.model), calibration) < _HOPELESS_YET:
        return None
    fit = scene.fit(first.model, moving=1, steps=_FEW, enough=_ROUGH)
    if fit.criterion < points.criterion - max(_LITTLE, _PART * fit.significance[-1] ** 2):
        return None
    return None if _is_hopeless(scene, fit, calibration) else fit


def _first_outlines(local, points, center):
    """Yield disks, and rings with the radius that the points have which trace them."""
    for size in SIZES:
        disk = Outline(DISK, _middle(local, points, center, size), size)
        yield disk
        away = _away(local, disk)
        inside = away <= _AROUND
        if inside.sum() >= MANY:
            radius = np.mean(away[inside] + size) / _RIM
            yield replace(disk, form=RING, size=float(np.clip(radius, LEAST, LARGEST)))


def _in_place_of(model, traced, outline):
    """Return a model with an outline in the place of the candidates that trace it (a mask): it
    begins as bright as they are together, and with their mean photon index."""
    norm, index = model.candidates[traced].T
    changed = model.with_sources(np.flatnonzero(~traced), [*model.outlines, outline])
    if not norm.any():
        return changed
    objects = changed.objects.copy()
    objects[-1] = norm.sum(), np.average(index, weights=norm)
    return replace(changed, objects=objects)


def _middle(local, points, center, size):
    """Return the middle of the significant candidates within `size` (deg), found step by step."""
    weight = np.minimum(points.significance[: len(local.rows)], _ALIKE)
    for _ in range(_SHIFTS):
        within = local.vectors @ center > np.cos(np.radians(size + _AROUND))
        if not weight[within].any():
            break
        center = weight[within] @ local.vectors[within]
        center = center / np.linalg.norm(center)
    return center


def _is_hopeless(scene, fit, calibration):
    """Whether an object is rather a point or gas, even if its extent becomes clearer yet."""
    ts = _CLEARER * _ts_extended(scene, fit, moving=1, steps=_FEW, enough=_ROUGH)
    return ts < TS_EXTENDED or _probability(scene, fit, ts, calibration) < _HOPELESS


def _probability(scene, fit, ts, calibration):
    """Return about the probability of the object of a fit, with `ts` of its extent."""
    own = fit.model.outlines[-1]
    beneath = scene.galaxy.expected(own.vector[None], [own.size])[:, 0]
    columns = features(scene.counts(fit.model)[-1], ts, fit.model.index[-1], beneath)
    return calibration.logistic(columns)


def _settled(scene, local, fit, form, beside):
    """Let the object move and grow, until it has replaced the points within: all of them, or but
    for those that are significant `beside` it."""
    *others, own = fit.model.outlines
    size = own.size * RADIUS_68[own.form] / RADIUS_68[form]
    model = fit.model.with_sources(fit.model.points, [*others, Outline(form, own.vector, size)])
    for _ in range(3):
        found = scene.fit(model, moving=1, enough=_ROUGH)
        kept = _away(local, found.model.outlines[-1]) > _AROUND
        numbers = found.model.points
        if beside:
            kept[numbers] |= found.significance[: len(numbers)] ** 2 >= _TS_BESIDE
        if np.array_equal(np.flatnonzero(kept), numbers):
            break
        model = _with_points(found, np.flatnonzero(kept))
    return found


def _with_points(fit, numbers):
    """Return a fit's model with other candidates; new ones begin fainter than they were alone."""
    model = fit.model.with_sources(numbers, fit.model.outlines)
    dimmed = np.where(np.isin(numbers, fit.model.points), 1.0, _DIMMED)
    norm = model.norm
    norm[: len(numbers)] *= dimmed
    return model.with_spectra(norm, model.index)


def _with_neighbours(scene, local, fit):
    """Decide the candidates within and beside the object again: the insignificant ones go."""
    decided = np.flatnonzero(_away(local, fit.model.outlines[-1]) < _BESIDE)
    numbers = np.union1d(fit.model.points, decided)
    found = scene.fit(_with_points(fit, numbers), moving=1, enough=_ROUGH)
    while True:
        numbers = found.model.points
        ts = found.significance[: len(numbers)] ** 2
        weak = np.isin(numbers, decided) & (ts < _TS_BESIDE)
        if not weak.any():
            return scene.fit(found.model)
        dropped = np.flatnonzero(weak)[np.argmin(ts[weak])]
        nothing = weak & (ts < _NOTHING)
        nothing[dropped] = True
        model = found.model.with_sources(numbers[~nothing], found.model.outlines)
        found = scene.fit(model, moving=1, enough=_ROUGH)


def _ts_extended(scene, best, **limits):
    *others, own = best.model.outlines
    point = Outline(POINT, own.vector)
    fit = scene.fit(best.model.with_sources(best.model.points, [*others, point]), **limits)
    return 2 * (best.log_likelihood - fit.log_likelihood)


def _two_are_better(scene, best):
    """Whether two points describe the data as well as the object."""
    *others, own = best.model.outlines
    starts = []
    for angle in np.arange(4) * np.pi / 4:
        step = 0.5 * own.size * np.array([np.cos(angle), np.sin(angle)])
        pair = [Outline(POINT, own.changed(*way, 0).vector) for way in (step, -step)]
        model = best.model.with_sources(best.model.points, [*others, *pair])
        starts.append(scene.fit(model, moving=0, steps=_FEW, enough=_ROUGH))
    first = max(starts, key=lambda fit: fit.log_likelihood)
    return scene.fit(first.model).log_likelihood >= best.log_likelihood


def _size_error(scene, best):
    """Error of the size (deg): where the log-likelihood has fallen by 1/2 on either side."""
    *others, own = best.model.outlines
    sigma = np.sqrt(best.block(len(others))[2, 2])
    errors = []
    for step in (sigma, -sigma):
        trial = own.changed(0.0, 0.0, step)
        fit = scene.fit(best.model.with_sources(best.model.points, [*others, trial]),
                        held_size=True)  # fmt: skip
        drop = best.log_likelihood - fit.log_likelihood
        scale = np.sqrt(0.5 / drop) if drop > 0.05 else 3.0
        errors.append(abs(trial.size - own.size) * scale)
    factor, part = _SYSTEMATIC
    return float(min(np.hypot(factor * np.mean(errors), part * own.size), LARGEST))


def _away(local, outline):
    """Deg of the candidates from the border of an outline, negative within it."""
    cosine = np.clip(local.vectors @ outline.vector, -1, 1)
    return np.degrees(np.arccos(cosine)) - outline.size
