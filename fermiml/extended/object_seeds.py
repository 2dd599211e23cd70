"""Where extended objects may be: candidates that look extended, alone or a few of them together."""

import numpy as np
from scipy.spatial import cKDTree

ALONE = 12.0  # TS of the extension of one candidate
TOGETHER = 16.0  # the sum of it over candidates close to each other
_SIGNIFICANT = 16.0  # TS of a candidate that counts
MANY = 5  # significant candidates close to each other: points that trace a ring look like points
CLOSE = 0.7  # deg


def find_seeds(vectors, ts, ts_extended, extent):
    """Return the centres of possible objects, the most significant first.

    `ts`, `ts_extended` and `extent` (deg; NaN if the network gave none) are those of candidates
    with unit `vectors`.
    """
    there = np.flatnonzero(np.nan_to_num(ts) > _SIGNIFICANT)
    if not len(there):
        return np.zeros((0, 3))
    tree = cKDTree(vectors[there])
    near = tree.query_ball_point(vectors[there], np.radians(CLOSE))
    own = np.nan_to_num(ts_extended[there])
    own = np.where(extent[there] > 0, np.maximum(own, ALONE), own)
    number = np.array([len(n) for n in near])
    together = np.array([own[n].sum() for n in near])
    score = np.maximum(own * (TOGETHER / ALONE), together + TOGETHER * (number >= MANY))
    centers, free = [], np.ones(len(there), bool)
    for i in np.argsort(-score, kind="stable"):
        if score[i] < TOGETHER:
            break
        if free[i]:
            weight = own[near[i]] + 1.0
            center = weight @ vectors[there[near[i]]]
            centers.append(center / np.linalg.norm(center))
            free[near[i]] = False
    return np.array(centers).reshape(-1, 3)
