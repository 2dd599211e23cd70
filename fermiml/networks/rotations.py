"""Predictions averaged over quarter turns of the sky, to which a source looks the same, and over
where the sources lie on the network's coarse grids, which says nothing about them.
"""

import numpy as np

from fermiml.features.patch_features import unobserved

# Pixels that each turn is moved by: on grids that are halved three times, the remainders of 8 tell
# where a source lies; these are 0, 5, 2 and 7.
_STEPS = 0, -3, 2, -1


def predict(model, features, turns=1, vectors=()):
    """Mean outputs of a model for features (batch, y, x, plane), turned `turns` times by 90 deg.

    Where there are several turns, each is moved by another number of pixels.
    `vectors` are the outputs whose two channels are (dx, dy).
    """
    answers = [_of_patch(model, patch, turns, vectors) for patch in features]
    return {name: np.stack([answer[name] for answer in answers]) for name in answers[0]}


def _of_patch(model, features, turns, vectors):
    """Mean outputs for the features (y, x, plane) of a patch; all turns go through together."""
    looks = list(enumerate(_STEPS[:turns]))
    moved = [np.rot90(_moved(features, step), turn) for turn, step in looks]
    outputs = model.predict_on_batch(np.stack(moved))
    return {name: _mean(np.asarray(values), looks, name in vectors)
            for name, values in outputs.items()}  # fmt: skip


def _mean(values, looks, is_vector):
    """Mean over looks (look, y, x[, channel]), each moved back, in the pixels that it has seen."""
    total, number = np.zeros_like(values[0]), np.zeros_like(values[0])
    for value, (turn, step) in zip(values, looks, strict=True):
        before, after = _kept(step)
        total[before] += _turned_back(value, turn, is_vector)[after]
        number[before] += 1
    return total / number


def _moved(features, step):
    """Features moved by `step` pixels along both axes; nothing was observed where they come from.

    They keep their size, for which the network is built, and lose the pixels at the other end.
    """
    if step == 0:
        return features
    before, after = _kept(step)
    moved = np.empty_like(features)
    moved[...] = unobserved(features)
    moved[after] = features[before]
    return moved


def _kept(step):
    """Windows of the pixels that are kept in a move along both axes: before it and after it."""
    first, last = slice(None, -abs(step) or None), slice(abs(step), None)
    before, after = (first, last) if step >= 0 else (last, first)
    return (before, before), (after, after)


def _turned_back(value, turn, is_vector):
    if is_vector:
        for _ in range(turn):
            value = np.stack([-value[..., 1], value[..., 0]], axis=-1)
    return np.rot90(value, -turn)
