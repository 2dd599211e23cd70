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
    total, looks = {}, np.zeros(features.shape[1:3])
    for turn, step in _looks(turns):
        moved = np.rot90(_moved(features, step), turn, (1, 2))
        seen = tuple(slice(0, size - step) for size in looks.shape)
        looks[seen] += 1
        for name, value in model.predict_on_batch(np.ascontiguousarray(moved)).items():
            value = _turned_back(np.asarray(value), turn, name in vectors)
            whole = total.setdefault(name, np.zeros_like(value))
            whole[:, *seen] += value[:, step:, step:]
    return {name: _divided(whole, looks) for name, whole in total.items()}


def _divided(whole, looks):
    """Divide outputs (batch, y, x[, channel]) by the number of looks at each pixel."""
    return whole / looks.reshape(looks.shape + (1,) * (whole.ndim - 3)).astype(whole.dtype)


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
    moved[:, step:, step:] = features[:, :-step, :-step]
    return moved


def _turned_back(value, turn, is_vector):
    if is_vector:
        for _ in range(turn):
            value = np.stack([-value[..., 1], value[..., 0]], axis=-1)
    return np.rot90(value, -turn, (1, 2))
