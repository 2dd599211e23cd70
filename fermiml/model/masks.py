"""The pixels that belong to a source: where its own expected counts stand out.

They are those of the bands of the networks together. A pixel belongs to a source where these counts
exceed `FRACTION` of their peak, and `NOISE` of the root of all expected counts there.
"""

import numpy as np

from fermiml.model.point_sources import spread, windows
from fermiml.model.sources import DISK
from fermiml.sky.bands import assign_bins
from fermiml.sky.patches import PIXEL

FRACTION = 0.2  # of the peak: of a point as wide as its PSF, of a disk little more than the disk
NOISE = 0.1  # of the standard deviation of the counts: a faint rim that no data show is left out


def belongs(counts, expected):
    """Return which pixels belong to a source, from its own and from all expected counts."""
    return (counts > FRACTION * counts.max(initial=0)) & (counts > NOISE * np.sqrt(expected))


def of_sources(observations, sources, expected):
    """Find the numbers of the pixels that belong to each source.

    `expected` has all expected counts (bin, pixels...) of each of the observations, which share
    their pixels.
    """
    used = [assign_bins(observation.edges) >= 0 for observation in observations]
    total = sum(e[u].sum(axis=0).ravel() for e, u in zip(expected, used, strict=True))
    parts = [[] for _ in range(len(sources))]
    for observation, bins in zip(observations, used, strict=True):
        for i, pixels, counts in windows(observation, sources, "masks"):
            parts[i].append((pixels, counts[bins].sum(axis=0)))
    return [_pixels(part, total) for part in parts]


def _pixels(parts, total):
    """Add up the counts of a source in all observations, and choose its pixels."""
    if not parts:
        return np.zeros(0, int)
    pixels, where = np.unique(np.concatenate([p for p, _ in parts]), return_inverse=True)
    counts = np.bincount(where.ravel(), np.concatenate([c for _, c in parts]))
    return pixels[belongs(counts, total[pixels])]


def radii(rad, psf, npred, form, size):
    """Compute outer and inner radii (deg) of the masks of sources, by the fraction of their peak.

    They are those of the grid of the networks, whose pixels flatten the peak.

    Parameters
    ----------
    rad : array (radius,)
        deg.
    psf : array (band, radius)
        Density of probability in each band.
    npred : array (source, band)
        Counts.
    form, size : array (source,)
        As in `fermiml.model.sources.Sources`.
    """
    profiles = npred @ spread(rad, psf, DISK, PIXEL / np.sqrt(np.pi))  # mean over a pixel
    for i in np.flatnonzero(form):
        profiles[i : i + 1] = spread(rad, profiles[i : i + 1], form[i], size[i])
    above = profiles - FRACTION * profiles.max(axis=1, keepdims=True)
    inside = above > 0
    number = np.arange(len(above))
    first, last = np.argmax(inside, axis=1), len(rad) - 1 - np.argmax(inside[:, ::-1], axis=1)
    outer = _crossing(rad, above, number, np.minimum(last, len(rad) - 2))
    inner = np.where(first > 0, _crossing(rad, above, number, np.maximum(first - 1, 0)), 0.0)
    seen = inside.any(axis=1)
    return np.where(seen, outer, 0.0), np.where(seen, inner, 0.0)


def _crossing(rad, above, number, node):
    """Find where profiles cross zero between a node and the next one."""
    here, there = above[number, node], above[number, node + 1]
    step = np.divide(here, here - there, out=np.zeros_like(here), where=here != there)
    return rad[node] + np.clip(step, 0, 1) * (rad[node + 1] - rad[node])
