"""Convergence: a source is where the directions of the pixels around it meet."""

import numpy as np
from scipy.ndimage import correlate

from fermiml.errors import InputError
from fermiml.localize import DISC
from fermiml.localize.clusters import disc
from fermiml.localize.maxima import local_maxima, thinned, wanted

LEAST = 0.3  # of the convergence on a lone source whose score is the threshold
SEPARATION = 1.5  # pixels; two maxima that are closer are one
_FARTHEST = 1.5  # pixels from the maximum to where the directions meet
_STIFF = 1e-3  # keeps the point where parallel directions meet in its pixel
_TINY = 1e-9


def locate(maps, threshold, radius=DISC):
    """Find the points that the directions of the pixels within a radius lead to.

    The published localizer of direction fields is a small network; the sum over the pixels of a
    disc of how far each points inwards, weighted with its probability, needs no training.
    """
    probability, field = maps["probability"], _directions(maps)
    steps = np.argwhere(disc(radius)) - int(radius)
    inwards = -steps / np.maximum(np.hypot(*steps.T), _TINY)[:, None]
    flow = _convergence(probability * field, inwards, radius)
    y, x = local_maxima(flow)
    likely = flow[y, x] >= LEAST * max(threshold, _TINY)
    y, x = y[likely], x[likely]
    dx, dy = _meeting_points(probability, field, y, x, steps, inwards)
    keep = thinned(x + dx, y + dy, flow[y, x], SEPARATION)
    return wanted(probability, (x + dx)[keep], (y + dy)[keep], threshold)


def _directions(maps):
    """Return unit vectors (2, y, x) to the nearest source, as far as the network is sure."""
    if "direction" in maps:
        return maps["direction"]
    if "vector" not in maps:
        raise InputError(
            "localizer 'convergence' needs a network that predicts directions or vectors to the "
            "sources: choose it with --model, or another localizer"
        )
    length = np.hypot(*maps["vector"])
    return maps["vector"] / np.maximum(length, _TINY)


def _convergence(field, inwards, radius):
    """Mean of how far the pixels around each point inwards: 1 on a sure source, (y, x)."""
    kernels = np.zeros((2, *disc(radius).shape))
    kernels[:, disc(radius)] = inwards[:, ::-1].T / (len(inwards) - 1)
    return sum(
        correlate(plane.astype(float), kernel, mode="constant")
        for plane, kernel in zip(field, kernels, strict=True)
    )


def _meeting_points(probability, field, y, x, steps, inwards):
    """Compute the steps (dx, dy) from pixels to the points that are nearest to the lines through
    their neighbours that point inwards."""
    reach = int(steps.max())
    here = y[:, None] + steps[:, 0] + reach, x[:, None] + steps[:, 1] + reach
    weight = np.pad(probability, reach)[here]
    direction = np.pad(field, [(0, 0), (reach, reach), (reach, reach)])[::-1, *here]
    direction = np.moveaxis(direction, 0, -1).astype(float)  # (maximum, neighbour, (y, x))
    weight = weight * np.maximum(np.sum(direction * inwards, axis=-1), 0)
    across = np.sum(direction**2, axis=-1)[..., None, None] * np.eye(2)
    across -= direction[..., None] * direction[..., None, :]
    across *= weight[..., None, None]
    total = across.sum(axis=1) + _STIFF * np.eye(2)
    towards = np.einsum("nkij,kj->ni", across, steps.astype(float))
    meeting = np.linalg.solve(total, towards[..., None])[..., 0]
    return np.clip(meeting, -_FARTHEST, _FARTHEST).T[::-1]
