"""Where names go on a figure: beside their symbols, covering neither symbols nor other names."""

import numpy as np
from matplotlib.artist import Artist
from matplotlib.patheffects import withStroke

_HALO = (1, 1, 1, 0.6)  # so that a name can be read on dark ground
_FARTHEST = 3.0  # sizes of the font, from a symbol that is larger
_WIDTH, _HEIGHT = 0.58, 1.25  # of a character, in units of the size of the font


class Names(Artist):
    """Names beside symbols, placed anew whenever the figure is drawn: only then are sizes known.

    Parameters
    ----------
    ax : matplotlib Axes
    places : array (n, 2)
        Of the symbols, in the coordinates of the data.
    names : sequence of str
    symbol : float
        Radius of the symbols in points.
    size : array (n,)
        Radius of what is drawn around each symbol, in the coordinates of the data, or NaN.
    look : keyword arguments for the texts, with `fontsize`
    """

    def __init__(self, ax, places, names, symbol, size, **look):
        super().__init__()
        self.set_zorder(-1)  # drawn, that is placed, before the texts
        self.set_in_layout(False)
        self._places, self._symbol, self._size = places, symbol, np.nan_to_num(size)
        self._font = look["fontsize"]
        look |= {"va": "bottom", "path_effects": [withStroke(linewidth=1.5, foreground=_HALO)]}
        self._texts = [
            ax.annotate(name, place, xytext=(0, 0), textcoords="offset points", **look)
            for name, place in zip(names, places, strict=True)
        ]
        for text in self._texts:
            text.set_in_layout(False)
        ax.add_artist(self)

    def draw(self, renderer):
        """Move the texts to where there is room; hide those that have none."""
        scale = 72 / self.axes.figure.dpi
        points = self.axes.transData.transform(self._places) * scale
        inside = self.axes.bbox.extents * scale
        names = [text.get_text() for text in self._texts]
        beside = self.axes.transData.transform(self._places + self._size[:, None]) * scale
        around = np.minimum((beside - points)[:, 0], _FARTHEST * self._font)
        corners = place(points, names, self._font, np.maximum(around, self._symbol), inside)
        for text, offset in zip(self._texts, corners - points, strict=True):
            text.set_visible(bool(np.isfinite(offset).all()))
            if text.get_visible():
                text.set_position(offset)


def place(points, texts, size, symbol, inside):
    """Choose the lower left corner of each text; NaN for one that has no room.

    Parameters
    ----------
    points : array (n, 2)
        The symbols; the first ones choose first. All lengths are in one unit (points, say).
    texts : sequence of str
    size : float
        Of the font.
    symbol : float or array (n,)
        Radius of the symbols.
    inside : tuple of float
        Left, bottom, right, top: what texts must not leave.
    """
    points = np.asarray(points, float).reshape(-1, 2)
    symbol = np.broadcast_to(np.asarray(symbol, float), len(points))
    inner = 0.7 * symbol[:, None]
    taken = np.hstack([points - inner, points + inner])  # boxes within the circles
    corners = np.full(points.shape, np.nan)
    for i, text in enumerate(texts):
        extent = np.array([_WIDTH * len(text), _HEIGHT]) * size
        for corner in points[i] + _offsets(extent, symbol[i]):
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
