"""Predictions averaged over quarter turns of the sky, to which a source looks the same."""

import numpy as np


def predict(model, features, turns=1, vectors=()):
    """Mean outputs of a model for features (batch, y, x, plane), turned `turns` times by 90 deg.

    `vectors` are the outputs whose two channels are (dx, dy).
    """
    total = {}
    for turn in range(turns):
        outputs = model.predict_on_batch(np.ascontiguousarray(np.rot90(features, turn, (1, 2))))
        for name, value in outputs.items():
            value = _turned_back(np.asarray(value), turn, name in vectors)
            total[name] = total.get(name, 0) + value / turns
    return total


def _turned_back(value, turn, is_vector):
    if is_vector:
        for _ in range(turn):
            value = np.stack([-value[..., 1], value[..., 0]], axis=-1)
    return np.rot90(value, -turn, (1, 2))
