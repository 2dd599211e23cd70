"""Where names go on a figure: beside their symbols, covering neither symbols nor other names."""

import numpy as np

_WIDTH, _HEIGHT = 0.58, 1.25  # of a character, in units of the size of the font


def place(points, texts, size, symbol, inside):
    """Choose the lower left corner of each text; NaN for one that has no room.

    Parameters
    ----------
    points : array (n, 2)
        The symbols; the first ones choose first. All lengths are in one unit (points, say).
    texts : sequence of str
    size : float
        Of the font.
    symbol : float
        Radius of the symbols.
    inside : tuple of float
        Left, bottom, right, top: what texts must not leave.
    """
    points = np.asarray(points, float).reshape(-1, 2)
    taken = np.hstack([points - 0.7 * symbol, points + 0.7 * symbol])  # boxes within the circles
    corners = np.full(points.shape, np.nan)
    for i, text in enumerate(texts):
        extent = np.array([_WIDTH * len(text), _HEIGHT]) * size
        for corner in points[i] + _offsets(extent, symbol):
            box = np.concatenate([corner, corner + extent])
            if _within(box, inside) and not _overlaps(box, taken).any():
                corners[i] = corner
                taken = np.vstack([taken, box])
                break
    return corners


def _offsets(extent, symbol):
    """Lower left corners beside a symbol at the origin, the best first."""
    width, height = extent
    near, middle = 0.8 * symbol, symbol + 1
    return np.array([
        (near, near), (middle, -height / 2), (near, -near - height), (-near - width, near),
        (-middle - width, -height / 2), (-near - width, -near - height),
        (-width / 2, middle), (-width / 2, -middle - height),
    ])  # fmt: skip


def _within(box, inside):
    return np.all(box[:2] >= inside[:2]) and np.all(box[2:] <= inside[2:])


def _overlaps(box, others):
    return np.all((others[:, :2] < box[2:]) & (others[:, 2:] > box[:2]), axis=1)
