"""What becomes of a seed: known already, added, kept or dropped. Arrays in, arrays out."""

import numpy as np
from scipy.sparse.csgraph import connected_components

from fermiml.catalog import crossmatch

NEW = "new"
KNOWN = "known"  # a source of the ROI model lies there
OUTSIDE = "outside"  # of the search region
CLOSE = "close"  # too close to a more probable seed
REJECTED = "rejected"  # its TS is below the threshold
FAILED = "failed"  # a fit with it failed
WAITING = "waiting"  # to be added; and still so where max_iter was reached before


def coincident(position, ellipses, there, there_ellipses, level=0.99, radius=0.1):
    """Match each seed with a source: return its row, or -1 where there is none.

    Within the `level` contour of both error ellipses together, or within `radius` (deg); the
    least number of sigma decides between several. Sources without an ellipse count as exact.
    """
    found = np.full(len(position), -1)
    if not len(position) or not len(there):
        return found
    inside = crossmatch.pairs_in_ellipses(position, ellipses, there, there_ellipses, level)
    near = crossmatch.pairs_within(position, there, radius)
    best = np.full(len(position), np.inf)
    for pairs, rank in ((near, 1e6 + near.separation), (inside, inside.sigma)):
        for seed, source, value in zip(pairs.first, pairs.second, rank, strict=True):
            if value < best[seed]:
                best[seed], found[seed] = value, source
    return found


def first_status(position, probability, known, *, inside=None, min_separation=0.0):
    """Return the status of each seed before anything is fitted.

    `known` is the output of `coincident`, `inside` whether a seed is in the search region.
    """
    status = np.where(np.asarray(known) >= 0, KNOWN, WAITING).astype("U8")
    if inside is not None:
        status[~np.asarray(inside) & (status == WAITING)] = OUTSIDE
    accepted = []
    for row in by_probability(probability, status == WAITING):
        if accepted and np.min(position[accepted].separation(position[row]).deg) < min_separation:
            status[row] = CLOSE
        else:
            accepted.append(row)
    return status


def by_probability(probability, wanted):
    """Return the wanted rows in order of descending probability."""
    rows = np.flatnonzero(wanted)
    return rows[np.argsort(-np.asarray(probability)[rows], kind="stable")]


def batches(rows, size, most):
    """Split the rows into at most `most` batches of `size`; those beyond are left out."""
    return [rows[i * size : (i + 1) * size] for i in range(min(most, -(-len(rows) // size)))]


def groups(position, radius):
    """Group positions so that those within `radius` (deg) of each other are together."""
    if not len(position):
        return []
    near = position[:, None].separation(position).deg <= radius
    count, group = connected_components(near, directed=False)
    return [np.flatnonzero(group == number) for number in range(count)]


def keeps(ts, sqrt_ts_threshold):
    """Return whether a source of this TS is kept; one without a TS is not."""
    with np.errstate(invalid="ignore"):
        return np.sqrt(np.maximum(np.nan_to_num(ts, nan=0.0), 0)) >= sqrt_ts_threshold


def no_worse(loglike, start, tolerance=0.01):
    """Return whether a log-likelihood is at least that of the start, within a tolerance."""
    return bool(loglike >= start - tolerance)


def in_annulus(separation, minmax):
    """Return whether separations lie between [least, largest]; None leaves an end open."""
    low, high = minmax
    inside = np.ones(len(separation), bool)
    if low is not None:
        inside &= separation >= low
    if high is not None:
        inside &= separation <= high
    return inside
