"""Is a source extended? Its likelihood as a disk of a few sizes against that as a point."""

import numpy as np

from fermiml.photometry.energy_groups import DISKS

_STEPS, _CLOSE = 8, 1e-3  # Newton steps of the norm; relative change after which there is none


def extension(weighted, vectors, index, rows):
    """TS of the best disk over the point, and the disk's radius (deg), of the sources `rows`.

    The norm is free; the spectrum's shape and all else stay as they are. `weighted` are the groups
    as `JointFit` has them.
    """
    parts = [_pixels(*group, vectors, index, rows) for group in weighted]
    total = sum(part[0] for part in parts)
    source, worth, rest, shapes = (
        np.concatenate(x, axis=-1) for x in list(zip(*parts, strict=True))[1:]
    )
    value = np.array(
        [_best(source, worth, s / rest, t) for s, t in zip(shapes, total, strict=True)]
    )
    gain = 2 * (value[1:] - value[0])
    best = np.argmax(gain, axis=0)
    ts = np.maximum(gain[best, np.arange(len(rows))], 0)
    return ts, np.where(ts > 0, np.array(DISKS)[best], 0.0)


def _pixels(fit, expected, weight, vectors, index, rows):
    """Weighted counts of each source as each shape; and of all pixels with photons near sources:
    the number of the source, the weighted counts, the model of all else and of the shapes."""
    group, pairs = fit.field.group, fit.field.pairs_around(vectors[rows])
    source, pixel = pairs.source, pairs.pixel
    shapes = pairs.shapes(group) * expected[rows][source]
    weight = weight[rows][source]
    total = np.array([np.bincount(source, weight * s, len(rows)) for s in shapes])
    seen = np.flatnonzero(fit.counts[pixel])
    own = pairs.fractions(group, np.zeros((len(rows), 2)), index[rows])
    # All else is as fitted, with what the spectra of neighbours miss.
    model = fit.mu[pixel]
    rest = np.maximum(model - own * fit.amplitudes[rows][source], 1e-3 * model)
    worth = weight * fit.counts[pixel]
    return total, source[seen], worth[seen], rest[seen], shapes[:, seen]


def _best(source, worth, ratio, total):
    """Largest log-likelihood of each source over its norm; `ratio` is that of the source to all
    else in the pixels."""
    norm = np.ones(len(total))
    for _ in range(_STEPS):
        relative = ratio / (1 + norm[source] * ratio)
        slope = np.bincount(source, worth * relative, len(norm)) - total
        bend = np.bincount(source, worth * relative**2, len(norm))
        step = slope / np.maximum(bend, 1e-12)
        old, norm = norm, np.clip(norm + step, 0.3 * norm, 3 * norm + 0.1)
        if np.all(np.abs(norm - old) < _CLOSE * norm):
            break
    gain = np.bincount(source, worth * np.log1p(norm[source] * ratio), len(norm))
    return gain - norm * total
