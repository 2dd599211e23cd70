"""Predictions averaged over quarter turns of the sky, to which a source looks the same."""

import numpy as np

VECTORS = ("offset", "vector")  # outputs whose two channels are (dx, dy)


def predict(model, planes, turns=1):
    """Mean outputs of a model for evidence (batch, y, x, plane), turned `turns` times by 90 deg."""
    total = {}
    for turn in range(turns):
        outputs = model.predict_on_batch(np.ascontiguousarray(np.rot90(planes, turn, (1, 2))))
        for name, value in outputs.items():
            total[name] = total.get(name, 0) + _turned_back(name, np.asarray(value), turn) / turns
    return total


def _turned_back(name, value, turn):
    if name in VECTORS:
        for _ in range(turn):
            value = np.stack([-value[..., 1], value[..., 0]], axis=-1)
    return np.rot90(value, -turn, (1, 2))
