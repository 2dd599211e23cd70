"""Events that a list holds more than once: the same file named twice, downloads that overlap."""

import numpy as np


def first_of_each(time, others):
    """Which events are the first with their time and other columns.

    Events of different times are different ones, so only those that share theirs are compared.
    """
    keep = np.ones(len(time), bool)
    order = np.argsort(time, kind="stable")
    shared = time[order[1:]] == time[order[:-1]]
    if not shared.any():
        return keep
    some = np.sort(order[np.append(shared, False) | np.append(False, shared)])
    keys = np.column_stack([column[some].astype(float) for column in (time, *others)])
    keep[some] = False
    keep[some[np.unique(keys, axis=0, return_index=True)[1]]] = True
    return keep
