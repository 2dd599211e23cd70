"""Extents by likelihood: form, position and size of an extended source."""

from dataclasses import dataclass

import numpy as np

from fermiml.likelihood import position
from fermiml.model.sources import MODEL_FORMS, POINT, RADIUS_68, concatenate

_FIRST = 0.15  # in ln size: the distance of the sizes that are compared first
_WIDTHS = 0.01, 0.3  # least and largest one later, when the error of the size is known
ROUNDS = 5
SETTLED = 0.1  # of its error, by which a size may still change in the last round
_SIZES = 0.03, 4.0  # deg


@dataclass(frozen=True)
class FittedExtent:
    """Form and size of a source, and what it gains over a point."""

    form: int  # as in `fermiml.model.sources`
    size: float  # deg, likewise
    error: float  # NaN where the likelihood has no peak
    ts: float  # twice the gain in ln L over a point at its best position


def measure(region, source, ts):
    """Find the best form, position and size of a source, and change its template; returns its
    `Place` and its `FittedExtent`."""
    place, error = _settle(region, source, ts)
    if _reform(region, source):
        place, error = _settle(region, source, ts)
    form, size = int(region.sources.form[source]), float(region.sources.size[source])
    gain = _over_a_point(region, source, ts)
    return place, FittedExtent(form, size, float(size * error), gain)


def _settle(region, source, ts):
    """Give a source the best position and size for its form; return its `Place` and the error of ln
    size."""
    for _ in range(ROUNDS):
        place = position.locate(region, source, ts)
        change, error = _resize(region, source)
        if abs(change) < SETTLED * error:
            break
    return place, error


def _reform(region, source):
    """Give a source the best form, each with its best size; return whether it is another one."""
    own = region.present()[[source]]
    before, found = own.form[0], [own]
    for form in (form for form in MODEL_FORMS if form != before):
        size = own.size * RADIUS_68[before] / RADIUS_68[form]
        position.put(region, source, own.extended_to([form], np.clip(size, *_SIZES)))
        _resize(region, source)
        found.append(region.present()[[source]])
    best = found[np.argmin(position.losses(region, source, concatenate(found)))]
    position.put(region, source, best)
    return best.form[0] != before


def _resize(region, source):
    """Give a source its best size; return the change in ln size, and the error of that."""
    start = region.sources.size[source]

    def losses(sizes):
        return position.losses(region, source, _copies(region, source, sizes))

    size, error = best_size(losses, start)
    position.put(region, source, _copies(region, source, [size]))
    return np.log(size / start), error


def best_size(losses, size):
    """Find the size (deg) of the least loss, and the error of its logarithm; NaN where there is no
    minimum. `losses` takes three sizes."""
    width = _FIRST
    for _ in range(ROUNDS):
        error = np.nan
        sizes = np.clip(size * np.exp(width * np.array([-1, 0, 1])), *_SIZES)
        smaller, now, larger = losses(sizes)
        bend = (smaller - 2 * now + larger) / width**2
        if bend <= 0:  # no minimum inside
            size = sizes[0 if smaller < larger else 2]
            continue
        step, error = (smaller - larger) / (2 * width * bend), 1 / np.sqrt(bend)
        size = np.clip(size * np.exp(np.clip(step, -2 * width, 2 * width)), *_SIZES)
        if abs(step) < SETTLED * error:
            break
        width = np.clip(error, *_WIDTHS)
    return float(size), error


def _copies(region, source, sizes):
    own = region.present()[np.full(len(sizes), source)]
    return own.extended_to(own.form, sizes)


def _over_a_point(region, source, ts):
    """Twice the gain in ln L over a point at its best position."""
    extended = region.present()[[source]]
    position.put(region, source, extended.extended_to([POINT], [0.0]))
    position.locate(region, source, ts)
    point = region.present()[[source]]
    position.put(region, source, extended)
    best, other = position.losses(region, source, concatenate([extended, point]))
    return float(2 * (other - best))
