"""Predicted against true numbers of sources, cell by cell of sky."""

import numpy as np

from fermiml.evaluate.metrics import DETECTABLE, cells_of

CELL = 10.0  # deg along a side
_FULL = 3  # true sources that a cell must have, or detections


def by_cell(comparisons, threshold, size=CELL):
    """Numbers of detections, and of true sources of Asimov TS > 25, in the cells of all fields.

    Returns a dictionary: lists ``true`` and ``predicted``, their ``correlation``, the mean of
    predicted - true (``bias``), its ``scatter``, and the ``cell`` size.
    """
    true, predicted = [], []
    for c in comparisons:
        detected = c.detected[c.detected_counts & (c.score >= threshold)]
        there = c.true[c.true_counts & (c.ts > DETECTABLE)]
        number, mine, theirs = cells_of(detected, there, size=size)
        predicted.append(np.bincount(mine, minlength=number))
        true.append(np.bincount(theirs, minlength=number))
    true, predicted = np.concatenate(true), np.concatenate(predicted)
    full = np.maximum(true, predicted) >= _FULL
    true, predicted = true[full], predicted[full]
    difference = predicted - true
    varied = len(true) > 2 and np.ptp(true) > 0 and np.ptp(predicted) > 0
    return {
        "cell": size,
        "true": true.tolist(),
        "predicted": predicted.tolist(),
        "correlation": float(np.corrcoef(true, predicted)[0, 1]) if varied else np.nan,
        "bias": float(difference.mean()) if len(true) else np.nan,
        "scatter": float(difference.std()) if len(true) else np.nan,
    }
