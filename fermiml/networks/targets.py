"""The training targets of the networks, from the truth of a training patch."""

import numpy as np

from fermiml.sky.patches import PIXEL, pixel_at

POSITIVE = 16.0  # Asimov TS from which a source is one
FAINT = 5.0  # TS from which a source is neither positive nor negative
EXTENDED = 0.15  # deg, from which a source is no point; neither positive nor negative
DISC = 2.5  # pixels, radius of the discs of segmentations


def sort_sources(patch, positive=POSITIVE, faint=FAINT):
    """Masks of the sources to be found and of those that must not count."""
    size = patch.coverage.shape[0]
    row, column = pixel_at(patch.x, patch.y, size)
    seen = patch.coverage[row, column] > 0
    point = patch.extended < EXTENDED
    wanted = (patch.ts > positive) & seen & point & ~patch.artefact
    return wanted, (patch.ts > faint) & ~wanted & ~patch.artefact


def nearest(x, y, size):
    """For each pixel: distance (pixels) to the nearest point, its number, and the way there."""
    if not len(x):
        zero = np.zeros((size, size))
        return zero + np.inf, zero.astype(int), np.zeros((size, size, 2))
    from scipy.spatial import cKDTree

    rows, columns = np.mgrid[:size, :size]
    grid = np.column_stack([columns.ravel(), rows.ravel()])
    points = np.column_stack([x, y])
    distance, number = cKDTree(points).query(grid)
    way = (points[number] - grid).reshape(size, size, 2)
    return distance.reshape(size, size), number.reshape(size, size), way


def discs(patch):
    """Target of a segmentation into discs (y, x, 2); the sources to be found; and what `nearest`
    says of them."""
    wanted, faint = sort_sources(patch)
    to_nearest = nearest(patch.x[wanted], patch.y[wanted], patch.coverage.shape[0])
    disc = (to_nearest[0] <= DISC).astype(float)
    return np.stack([disc, weights(patch, faint, disc > 0)], -1), wanted, to_nearest


def ignored(patch, faint, radius):
    """Pixels near sources that must not count; around extended ones, their whole extent."""
    size = patch.coverage.shape[0]
    mask = np.zeros((size, size), bool)
    rows, columns = np.ogrid[:size, :size]
    reaches = reach(patch.extended[faint], radius)
    for x, y, far in zip(patch.x[faint], patch.y[faint], reaches, strict=True):
        mask |= np.square(columns - x) + np.square(rows - y) <= far**2
    return mask


def reach(extended, radius=DISC):
    """Pixels to which sources reach, whose size (deg) counts where they are no points."""
    return radius + np.where(extended >= EXTENDED, extended / PIXEL, 0.0)


def weights(patch, faint, kept):
    """Weight of each pixel: nothing off the data, and only `kept` ones near faint sources."""
    skipped = ignored(patch, faint, DISC) & ~kept
    return np.where(skipped | (patch.coverage == 0), 0.0, 1.0)
