"""The transformer of the set predictor, as a Keras layer.

Places are (x, y) from the middle of the patch, in units of `UNIT` pixels. The layer computes in
single precision: positions would not survive half of it.
"""

from functools import partial

import keras
import numpy as np
from keras import layers, ops

UNIT = 12.8  # pixels, a tenth of a patch
_SIDE = 10.0  # units, of the square on which queries are spread before training
_REACH = 1.5  # units, to which a query looks around its reference
_WAVES = (0.3, 12.0)  # radians a unit, of the sines that encode a place
_START = -2.0  # logit before training
_Dense, _Attention, _Normalization = (
    partial(layer, dtype="float32")
    for layer in (layers.Dense, layers.MultiHeadAttention, layers.LayerNormalization)
)


class Queries(layers.Layer):
    """From a map (batch, y, x, channel) to (batch, query, 3): logit and place (pixels) of a source.

    Parameters
    ----------
    stride : int
        Pixels along the side of a cell of the map.
    side, width, heads, depth : int
        Options of the network.
    """

    def __init__(self, stride, side, width, heads, depth, **options):
        super().__init__(dtype="float32", **options)
        self._cell, self._side, self._width = stride / UNIT, side, width
        self._narrow, self._encode = _Dense(width), _Dense(width)
        self._start = _Dense(width)
        self._encoder = [Block(width, heads, is_decoder=False) for _ in range(depth)]
        self._decoder = [Block(width, heads, is_decoder=True) for _ in range(depth)]
        self._hidden = _Dense(width, "relu")
        self._logit = _Dense(1, bias_initializer=keras.initializers.Constant(_START))
        self._step = _Dense(2, kernel_initializer=keras.initializers.RandomNormal(0, 0.01))

    def build(self, shape):
        """Build the references, which are trained, and the layers."""
        grid = _SIDE * ((np.arange(self._side, dtype=np.float32) + 0.5) / self._side - 0.5)
        grid = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(1, -1, 2)
        self.references = self.add_weight(
            name="references", shape=grid.shape,
            initializer=lambda *_, **__: ops.convert_to_tensor(grid),
        )  # fmt: skip
        tokens = None, None, self._width
        self._narrow.build((None, None, shape[-1]))
        for layer in (self._encode, self._start, self._hidden, self._logit, self._step):
            layer.build(tokens)
        for block in (*self._encoder, *self._decoder):
            block.build(tokens)

    def call(self, seen):
        """Encode the map, and ask it."""
        batch, height, width = ops.shape(seen)[0], ops.shape(seen)[1], ops.shape(seen)[2]
        places = self._places(height, width)
        tokens = self._narrow(ops.reshape(seen, (batch, height * width, seen.shape[-1])))
        there = self._encode(self._waves(places))
        for block in self._encoder:
            tokens = block(tokens, there)
        mine = self._encode(self._waves(self.references))
        apart = ops.max(ops.abs(self.references[:, :, None] - places[:, None]), axis=-1)
        answers = ops.broadcast_to(self._start(mine), (batch, self._side**2, self._width))
        for block in self._decoder:
            answers = block(answers, mine, tokens, there, apart < _REACH)
        hidden = self._hidden(answers)
        place = UNIT * (self.references + self._step(hidden))
        return ops.concatenate([self._logit(hidden), place], axis=-1)

    def _places(self, height, width):
        """Return where the cells of the map are, (1, cell, 2)."""
        steps = (ops.arange(number, dtype="float32") for number in (width, height))
        x, y = (self._cell * (step - ops.mean(step)) for step in steps)
        return ops.reshape(ops.stack(ops.meshgrid(x, y), axis=-1), (1, -1, 2))

    def _waves(self, places):
        """Return sines and cosines of places, (1, place, width)."""
        frequency = np.geomspace(*_WAVES, self._width // 4).astype(np.float32)
        phase = [places[..., i : i + 1] * frequency for i in (0, 1)]
        return ops.concatenate([f(p) for p in phase for f in (ops.sin, ops.cos)], axis=-1)


class Block(layers.Layer):
    """Tokens look at each other, in a decoder also at others, and think."""

    def __init__(self, width, heads, is_decoder):
        super().__init__(dtype="float32")
        self._own = _Attention(heads, width // heads)
        self._others = _Attention(heads, width // heads) if is_decoder else None
        self._more, self._less = _Dense(2 * width, "relu"), _Dense(width)
        self._norms = [_Normalization() for _ in range(3 if is_decoder else 2)]

    def build(self, shape):
        """Build the layers."""
        for attention in filter(None, (self._others, self._own)):
            attention.build(shape, shape, shape)
        self._more.build(shape)
        self._less.build((*shape[:-1], self._more.units))
        for norm in self._norms:
            norm.build(shape)

    def call(self, x, place, others=None, their_place=None, is_near=None):
        """Add what each has learnt; places are added to whoever looks and is looked at."""
        norms = iter(self._norms)
        if others is not None:
            seen = self._others(x + place, others, others + their_place, attention_mask=is_near)
            x = next(norms)(x + seen)
        x = next(norms)(x + self._own(x + place, x, x + place))
        return next(norms)(x + self._less(self._more(x)))
