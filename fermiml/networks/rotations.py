"""Predictions averaged over quarter turns of the sky, to which a source looks the same, and over
where the sources lie on the network's coarse grids, which says nothing about them.
"""

import numpy as np

from fermiml.features.patch_features import unobserved


def predict(model, features, turns=1, vectors=()):
    """Mean outputs of a model for features (batch, y, x, plane), turned `turns` times by 90 deg.

    Where there are several turns, each is looked at twice, moved by other numbers of pixels.
    `vectors` are the outputs whose two channels are (dx, dy).
    """
    answers = [_of_patch(model, patch, _looks(turns), vectors) for patch in features]
    return {name: np.stack([answer[name] for answer in answers]) for name in answers[0]}


def _of_patch(model, features, looks, vectors):
    """Mean outputs for the features (y, x, plane) of a patch; all looks go through together."""
    moved = [np.rot90(_moved(features, step), turn) for turn, step in looks]
    outputs = model.predict_on_batch(np.stack(moved))
    return {name: _mean(np.asarray(values), looks, name in vectors)
            for name, values in outputs.items()}  # fmt: skip


def _mean(values, looks, is_vector):
    """Mean over looks (look, y, x[, channel]), each moved back, in the pixels that it has seen."""
    total, number = np.zeros_like(values[0]), np.zeros_like(values[0])
    for value, (turn, step) in zip(values, looks, strict=True):
        seen = tuple(slice(0, size - step) for size in value.shape[:2])
        total[seen] += _turned_back(value, turn, is_vector)[step:, step:]
        number[seen] += 1
    return total / number


def _looks(turns):
    """List turns and steps: all remainders of 8, as grids differ that are halved three times."""
    if turns == 1:
        return [(0, 0)]
    return [(turn, 2 * turn + odd) for turn in range(turns) for odd in (0, 1)]


def _moved(features, step):
    """Features moved by `step` pixels along both axes; nothing was observed where they come from.

    They keep their size, for which the network is built, and lose their last pixels.
    """
    if step == 0:
        return features
    moved = np.empty_like(features)
    moved[...] = unobserved(features)
    moved[step:, step:] = features[:-step, :-step]
    return moved


def _turned_back(value, turn, is_vector):
    if is_vector:
        for _ in range(turn):
            value = np.stack([-value[..., 1], value[..., 0]], axis=-1)
    return np.rot90(value, -turn)
