"""The test statistic of a source in a window of time, from photons or classes of them.

A photon (or a class of photons alike) is `ratio` times likelier to come from a source that sends
one photon in all than from everything else. With s photons of the source, of which the fraction
`seen` falls where photons are looked at, ln L = sum n ln(1 + s ratio) - s seen.
"""

import numpy as np

_STEPS = 8  # of Newton


def bound(counts, ratio, seen):
    """Compute an upper bound of the test statistic.

    The logarithm is concave: photons that all have the mean ratio would give more. The last axis
    is that of the classes.
    """
    return bound_of(counts.sum(axis=-1), (counts * ratio).sum(axis=-1), seen)


def bound_of(number, total, seen):
    """Compute the same from the number of photons and the sum of their ratios."""
    mean = total / np.maximum(number, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        best = number * np.log(number * mean / seen) - number + seen / mean
    return np.where(number * mean > seen, 2 * best, 0.0)


def maximum(counts, ratio, seen):
    """Find the photons of the source that the likelihood likes best, and the test statistic.

    Newton's method on 1 / sum n ratio / (1 + s ratio), which is concave in s and, where all ratios
    are the same, straight: every step comes closer from below.
    """
    counts, ratio = np.broadcast_arrays(counts, ratio)
    amplitude = np.zeros(counts.shape[:-1])
    for _ in range(_STEPS):
        part = ratio / (1 + amplitude[..., None] * ratio)
        total = (counts * part).sum(axis=-1)
        slope = np.maximum((counts * part**2).sum(axis=-1), 1e-300)
        amplitude = np.maximum(amplitude + (total / seen - 1) * total / slope, 0.0)
    logs = (counts * np.log1p(amplitude[..., None] * ratio)).sum(axis=-1)
    return amplitude, np.maximum(2 * (logs - amplitude * seen), 0.0)


def error(counts, ratio, amplitude):
    """Compute the 1-sigma error of the amplitude, from the curvature of the likelihood."""
    part = ratio / (1 + amplitude[..., None] * ratio)
    with np.errstate(divide="ignore"):
        return 1 / np.sqrt((counts * part**2).sum(axis=-1))
