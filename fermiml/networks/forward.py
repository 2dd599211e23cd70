"""The U-Net evaluated in numpy, because importing and tracing a framework takes longer than the
search of a field.

Convolutions are products of matrices, (channel, pixel) in memory; batch normalisations that follow
them are part of their weights. `tests/networks/test_forward.py` compares the answers with those of
the same network in Keras.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
from threadpoolctl import ThreadpoolController

from fermiml.cores import usable_cores
from fermiml.features.patch_features import LOW_PIXELS, N_FEATURES, rebinned
from fermiml.networks import raw_counts

_EPSILON = 1e-3  # of Keras' batch normalisation
LOW_SCALE = 2  # the scale, of pixels as large as the low band's, at which that band enters


class UNet:
    """Answers as the Keras model of `fermiml.networks.unet.build` does.

    Parameters
    ----------
    values : iterable of array
        The weights in the order of that model's variables.
    heads : dict
        As for `build`; only the names are used.
    widths, encoder, decoder : lists of int
        Options of the U-Net, as are `skips` and `raw`.
    skips : bool
        Whether the way up is told the maps of the way down.
    raw : one of `fermiml.networks.raw_counts.SCALINGS`
        Which features are looked at, and how counts are scaled.
    low : int
        Number of layers that look at the low band; 0 where the network does not.

    Attributes
    ----------
    factor, shift : array (plane, 1, 1)
        What features are multiplied by, and what is added then.
    down : list of lists of `Layer`
        Convolutions of each scale on the way down.
    up : list of (`Layer`, list of `Layer`)
        On the way up: the one of single pixels before the scale changes, and those after.
    low : LowBand or None
        What looks at the low band.
    heads : dict of `Layer`
        Output by name.
    """

    def __init__(self, values, heads, widths, encoder, decoder, skips=True, raw=False, low=0):
        take = iter(values)
        self.factor, self.shift = _scaling(take)
        self.skips, self.raw = skips, raw
        self.down, self.low = [], None
        for level, count in enumerate(encoder):
            self.down.append([Layer.folded(take) for _ in range(count)])
            if low and level == LOW_SCALE:
                self.low = LowBand(take, low)
        self.up = [(Layer.folded(take), [Layer.folded(take) for _ in range(count)])
                    for count in decoder]  # fmt: skip
        # Keras sorts outputs by name.
        self.heads = {name: Layer(next(take), next(take)) for name in sorted(heads)}

    def predict_on_batch(self, features):
        """Compute the outputs by name, (batch, y, x, channel), of features (batch, y, x, plane)."""
        with _blas().limit(limits=1, user_api="blas"), ThreadPoolExecutor(usable_cores()) as pool:
            answers = list(pool.map(self._answer, features))
        return {name: np.stack([answer[name] for answer in answers]) for name in self.heads}

    def _answer(self, features):
        if self.raw:
            features = raw_counts.scaled(features, self.raw)
        # Without the copy a product would keep the order in memory, in which all else is slow.
        planes = np.ascontiguousarray(np.moveaxis(features, -1, 0))
        x = planes[: len(self.factor)] * self.factor
        x += self.shift
        skips = []
        for level, layers in enumerate(self.down):
            for step, layer in enumerate(layers):
                x = _rectified(_halving(x, layer) if level and not step else _same_size(x, layer))
            if self.low and level == LOW_SCALE:
                x += self.low.adds(planes[N_FEATURES:])
            skips.append(x)
        for (narrow, layers), skip in zip(self.up, skips[-2::-1], strict=True):
            x = _doubled(_rectified(_pixel_by_pixel(x, narrow)))
            if self.skips:
                x += skip
            for layer in layers:
                x = _rectified(_same_size(x, layer))
        return {name: np.moveaxis(_pixel_by_pixel(x, head), 0, -1)
                for name, head in self.heads.items()}  # fmt: skip


class LowBand:
    """What a network makes of the features of the low band, in pixels as large as that band's.

    Attributes
    ----------
    factor, shift : array (plane, 1, 1)
        As those of a `UNet`.
    layers : list of `Layer`
    last : `Layer`
        Of single pixels, to as many channels as the scale has.
    """

    def __init__(self, values, number):
        self.factor, self.shift = _scaling(values)
        self.layers = [Layer.folded(values) for _ in range(number)]
        self.last = Layer(next(values), next(values))

    def adds(self, planes):
        """Compute what is added to the maps of the scale; nothing where the data lack the band."""
        pooled = rebinned(planes) / LOW_PIXELS**2
        x = pooled * self.factor + self.shift
        for layer in self.layers:
            x = _rectified(_same_size(x, layer))
        return _pixel_by_pixel(x, self.last) * np.sign(pooled[-1])


def _scaling(values):
    """Take a batch normalisation without weights: what planes are multiplied by, what is added."""
    mean, variance = next(values), next(values)
    factor = 1 / np.sqrt(variance + _EPSILON)
    return factor[:, None, None], -(mean * factor)[:, None, None]


class Layer:
    """Weights of a convolution: kernel (y, x, channel before, channel after), and bias."""

    def __init__(self, kernel, bias):
        # (y, channel after, x and channel before)
        self.rows = np.ascontiguousarray(
            np.moveaxis(kernel, 3, 1).reshape(len(kernel), kernel.shape[3], -1), np.float32
        )
        self.bias = bias.astype(np.float32)[:, None]

    @property
    def kernel(self):
        """The kernel as most frameworks have it: (channel after, channel before, y, x)."""
        size, after, _ = self.rows.shape
        return self.rows.reshape(size, after, size, -1).transpose(1, 3, 0, 2)

    @classmethod
    def folded(cls, values):
        """Take the next convolution without bias, and the batch normalisation after it."""
        kernel, gamma, beta, mean, variance = (next(values) for _ in range(5))
        factor = gamma / np.sqrt(variance + _EPSILON)
        return cls(kernel * factor, beta - mean * factor)


@cache
def _blas():
    """Threads of BLAS; to look for them takes milliseconds."""
    return ThreadpoolController()


def _same_size(x, layer):
    """Convolve (channel, y, x) with 3 x 3 pixels, zeros around the image."""
    channels, height, width = x.shape
    # The image moved along x; as rows follow each other in memory, moved along y it is a window.
    moved = np.zeros((3, channels, height + 2, width), np.float32)
    moved[0, :, 1:-1, 1:] = x[:, :, :-1]
    moved[1, :, 1:-1] = x
    moved[2, :, 1:-1, :-1] = x[:, :, 1:]
    moved = moved.reshape(3 * channels, -1)
    size = height * width
    total = layer.rows[0] @ moved[:, :size]
    for row in (1, 2):
        total += layer.rows[row] @ moved[:, row * width : row * width + size]
    total += layer.bias
    return total.reshape(-1, height, width)


def _halving(x, layer):
    """Convolve with 3 x 3 pixels in steps of 2; an even image gets zeros behind its end."""
    channels, height, width = x.shape
    padded = np.zeros((channels, height + 1, width + 1), np.float32)
    padded[:, :-1, :-1] = x
    moved = np.empty((3, 3, channels, height // 2, width // 2), np.float32)
    for row in range(3):
        for column in range(3):
            moved[row, column] = padded[:, row : row + height : 2, column : column + width : 2]
    moved = moved.reshape(3, 3 * channels, -1)
    total = sum(rows @ window for rows, window in zip(layer.rows, moved, strict=True))
    total += layer.bias
    return total.reshape(-1, height // 2, width // 2)


def _pixel_by_pixel(x, layer):
    """Convolve with one pixel."""
    total = layer.rows[0] @ x.reshape(len(x), -1)
    total += layer.bias
    return total.reshape(-1, *x.shape[1:])


def _rectified(x):
    return np.maximum(x, 0, out=x)


def _doubled(x):
    """Each pixel as 2 x 2 of them."""
    return np.repeat(np.repeat(x, 2, axis=1), 2, axis=2)
