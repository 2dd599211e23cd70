"""Is a source extended? Its likelihood as a disk of a few sizes against that as a point."""

from dataclasses import dataclass

import numpy as np

from fermiml.photometry.energy_groups import DISKS

_STEPS = 8  # Newton steps of the norm


@dataclass(frozen=True)
class _Pairs:
    """Pixels near each source, in one group."""

    source: np.ndarray
    weight: np.ndarray  # of the group
    counts: np.ndarray
    rest: np.ndarray  # model of all else
    shapes: np.ndarray  # (point and disks, pair): counts of the source


def extension(fields, fits, vectors, rows, expected, weights):
    """TS of the best disk over the point, and the disk's radius (deg), of the sources `rows`.

    The norm is free; the spectrum's shape and all else stay as they are. `expected` counts and
    `weights` of the groups are (source, group).
    """
    groups = zip(fields, fits, expected.T, weights.T, strict=True)
    pairs = [_pairs(*group, vectors, rows) for group in groups]
    value = np.array([_best(pairs, shape, len(rows)) for shape in range(len(DISKS) + 1)])
    gain = 2 * (value[1:] - value[0])
    best = np.argmax(gain, axis=0)
    ts = np.maximum(gain[best, np.arange(len(rows))], 0)
    return ts, np.where(ts > 0, np.array(DISKS)[best], 0.0)


def _pairs(field, fit, expected, weight, vectors, rows):
    source, pixel, shapes = field.shapes(vectors[rows])
    shapes = shapes * expected[rows][source]
    # What the fit has as this source there is what its own template says.
    model = fit.model_with(expected)[pixel]
    own = np.asarray(fit.templates.values[pixel, rows[source]])[0] * expected[rows][source]
    rest = np.maximum(model - own, 1e-3 * model)
    return _Pairs(source, weight[rows][source], fit.counts[pixel], rest, shapes)


def _best(pairs, shape, number):
    """Largest log-likelihood of each source over its norm."""
    source, weight, counts, rest, fraction = (
        np.concatenate(x)
        for x in zip(*[(p.source, p.weight, p.counts, p.rest, p.shapes[shape]) for p in pairs],
                     strict=True)
    )  # fmt: skip
    total = np.bincount(source, weight * fraction, number)
    seen = counts > 0
    source, fraction, rest = source[seen], fraction[seen], rest[seen]
    worth = weight[seen] * counts[seen]
    norm = np.ones(number)
    for _ in range(_STEPS):
        ratio = fraction / (rest + norm[source] * fraction)
        slope = np.bincount(source, worth * ratio, number) - total
        bend = np.bincount(source, worth * ratio**2, number)
        norm = np.clip(norm + slope / np.maximum(bend, 1e-12), 0.3 * norm, 3 * norm + 0.1)
    return (
        np.bincount(source, worth * np.log1p(norm[source] * fraction / rest), number) - norm * total
    )
