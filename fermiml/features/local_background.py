"""The smooth local background of a patch, from its own counts alone.

Counts are averaged with a Gaussian over coarse cells, in which cells that hold a source count
little. Where a model is given, it is the ratio of counts to model that is smooth.
"""

import numpy as np

SMOOTHING = 13.0  # pixels (of 0.1 deg in all but coarse data), sigma of the Gaussian
_CELL = 4  # pixels along a side of a coarse cell
SOURCE = np.array([8.0, 5.0, 3.0, 2.0, 2.0])  # pixels, about the width of a source per band
_CONTRAST = 0.15  # fraction of the background that may be structure of the diffuse emission
_CUT = 3.5  # sigma, above which a cell is taken for a source
_ROUNDS = 3
_LEAST = 0.01  # weight that remains for the brightest source


class SmoothBackground:
    """Backgrounds of square patches of one size (a multiple of 4 pixels).

    `source` is the width of a source in each plane, `smoothing` that of the Gaussian (pixels).
    """

    def __init__(self, size, source=SOURCE, smoothing=SMOOTHING):
        cells = size // _CELL
        self._smooth = _gaussian(cells, smoothing)
        self._source = np.array([_gaussian(cells, width) for width in source])
        squared = np.square(np.linalg.norm(self._source, axis=-1))
        self._window = squared[:, :, None] * squared[:, None, :]  # variance of a smoothed level
        self._up = _interpolation(cells, size)

    def __call__(self, counts, model):
        """Estimate the counts expected without sources, in the shape of `counts`.

        Both are (component, band, y, x); `model` is what is expected up to a smooth factor,
        in the simplest case the observed fraction of each pixel.
        """
        cells, expected = _rebin(counts), _rebin(model)
        weight = np.ones_like(cells)
        for _ in range(_ROUNDS):
            found = np.maximum(self._average(weight * cells, self._smooth), 0)
            factor = found / np.maximum(self._average(weight * expected, self._smooth), 1e-6)
            weight = self._weight(cells.sum(axis=0), (factor * expected).sum(axis=0))[None]
        return (self._up @ factor @ self._up.T) * model

    def _average(self, image, kernel):
        return kernel @ image @ np.swapaxes(kernel, -1, -2)

    def _weight(self, cells, background):
        """Little where a source stands out of the background by more than its structure."""
        excess = self._average(cells - background, self._source)
        level = self._average(background, self._source)
        structure = np.square(_CONTRAST * level)
        noise = np.sqrt(self._window * level + structure + 1e-3 * self._window)
        return np.maximum(1 / (1 + np.clip(excess / noise / _CUT, 0, 100) ** 4), _LEAST)


def _gaussian(cells, width):
    """(cell, cell) matrix that averages along one axis; rows sum to one inside the patch."""
    steps = np.arange(cells)
    kernel = np.exp(-0.5 * np.square((steps[:, None] - steps) * _CELL / width))
    return (kernel / kernel.sum(axis=1, keepdims=True)).astype(np.float32)


def _interpolation(cells, size):
    """(pixel, cell) matrix of linear interpolation between the centres of cells."""
    place = (np.arange(size) + 0.5) / _CELL - 0.5
    place = np.clip(place, 0, cells - 1)
    distance = np.abs(place[:, None] - np.arange(cells))
    return np.maximum(1 - distance, 0).astype(np.float32)


def _rebin(planes):
    *front, height, width = planes.shape
    blocks = planes.reshape(*front, height // _CELL, _CELL, width // _CELL, _CELL)
    return blocks.sum(axis=(-3, -1), dtype=np.float32)
