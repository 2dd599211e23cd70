"""Candidates that several patches found become one."""

import numpy as np

from fermiml.catalog.crossmatch import pairs_within


def merge(positions, score, patch, depth, radius):
    """Which candidates remain when each source is to be there once.

    Candidates of different patches within `radius` of each other are the same source, the closest
    ones first; no source has two candidates of the same patch. Of each source that candidate
    remains that lies deepest inside its patch. The order of the candidates does not matter.

    Parameters
    ----------
    positions : SkyCoord
    score : array
        Decides where the depths are equal.
    patch : array of int
        Number of the patch that each comes from.
    depth : array
        Distance to the border of that patch (deg).
    radius : float
        deg.

    Returns
    -------
    array of bool
    """
    score, patch, depth = (np.asarray(values) for values in (score, patch, depth))
    pairs = pairs_within(positions, positions, radius)
    other = (pairs.first < pairs.second) & (patch[pairs.first] != patch[pairs.second])
    first, second, separation = (p[other] for p in (pairs.first, pairs.second, pairs.separation))
    place = _places(patch, score, depth)
    ends = np.sort([place[first], place[second]], axis=0)  # so that ties have one order, too
    closest = np.lexsort((*ends, separation))
    group = _group(first[closest], second[closest], patch)
    order = np.lexsort((place, group))
    winners = order[np.unique(group[order], return_index=True)[1]]
    keep = np.zeros(len(patch), bool)
    keep[winners] = True
    return keep


def _places(patch, score, depth):
    """Rank the candidates from the deepest on."""
    place = np.empty(len(patch), int)
    place[np.lexsort((patch, -score, -depth))] = np.arange(len(patch))
    return place


def _group(first, second, patch):
    """Return the number of the source that each candidate belongs to.

    Pairs are joined in the given order unless both sides have a candidate of one patch already.
    """
    group = np.arange(len(patch))
    members = {}
    for a, b in zip(first.tolist(), second.tolist(), strict=True):
        mine, theirs = members.setdefault(a, [a]), members.setdefault(b, [b])
        if mine is theirs or not set(patch[mine]).isdisjoint(patch[theirs]):
            continue
        mine.extend(theirs)
        for c in theirs:
            members[c] = mine
        group[mine] = min(mine)
    return group
