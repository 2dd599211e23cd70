"""The two stages of the network, as Keras layers.

Both compute in single precision: positions would not survive half of it.
"""

import keras
from keras import layers, ops

from fermiml.networks.mask import region_grids

_START = -4.0  # logit of a proposal before training: sources are rare
_WIDTH = 32  # channels of the first stage
_LATERAL, _DENSE, _PAINT = 48, 128, 32  # of the second


class ProposalStage(layers.Layer):
    """First stage: (batch, cell, 4) of all levels, the finest first.

    For each cell: logit that a source is centred there; offset (x, y) of its centre in radii of the
    cell's region; logarithm of its radius over that of the region.
    """

    def __init__(self, levels, **options):
        super().__init__(dtype="float32", **options)
        self._hidden = [_convolution(_WIDTH, 3) for _ in range(levels)]
        self._answers = [_convolution(4, 1, activation=None) for _ in range(levels)]

    def build(self, shapes):
        """Build the convolutions of every level."""
        for hidden, answer, shape in zip(self._hidden, self._answers, shapes, strict=True):
            hidden.build(shape)
            answer.build((*shape[:-1], _WIDTH))
            answer.bias.assign(ops.convert_to_tensor([_START, 0.0, 0.0, 0.0]))

    def call(self, maps):
        """Compute the proposals of the maps of a pyramid."""
        pairs = zip(self._hidden, self._answers, strict=True)
        made = [answer(hidden(m)) for (hidden, answer), m in zip(pairs, maps, strict=True)]
        return ops.concatenate([ops.reshape(m, (ops.shape(m)[0], -1, 4)) for m in made], axis=1)


class InstanceStage(layers.Layer):
    """Second stage: (batch, region, value) of the most promising regions of all levels.

    The values are the region (x, y, radius), the logit of its proposal, a logit for each of the
    kinds, the change of the region (x, y in radii, ln radius, in units of
    `region_grids.OFFSET`), and the logits of its mask, row by row.
    """

    def __init__(self, levels, kinds, **options):
        super().__init__(dtype="float32", **options)
        self._lateral = [_convolution(_LATERAL, 1, activation=None) for _ in range(levels)]
        self._dense = layers.Dense(_DENSE, "relu")
        self._kind = layers.Dense(kinds)
        self._change = layers.Dense(3, kernel_initializer=keras.initializers.RandomNormal(0, 0.01))
        self._paint = _convolution(_PAINT, 3)
        self._finer = layers.Conv2DTranspose(_PAINT, 2, strides=2, activation="relu")
        self._mask = _convolution(1, 1, activation=None)

    def build(self, shapes):
        """Build the layers, which regions of all levels share but for the first."""
        for lateral, shape in zip(self._lateral, shapes[0], strict=True):
            lateral.build(shape)
        pooled = (None, region_grids.POOLED, region_grids.POOLED, _LATERAL)
        self._dense.build((None, None, region_grids.POOLED**2 * _LATERAL))
        self._kind.build((None, None, _DENSE))
        self._change.build((None, None, _DENSE))
        self._paint.build(pooled)
        self._finer.build((*pooled[:-1], _PAINT))
        self._mask.build((None, region_grids.PAINTED, region_grids.PAINTED, _PAINT))

    def call(self, inputs):
        """Look at the best proposals of every level."""
        maps, proposals = inputs
        kept, pooled, first = [], [], 0
        for level, (lateral, each) in enumerate(zip(self._lateral, maps, strict=True)):
            height, width = ops.shape(each)[1], ops.shape(each)[2]
            own = proposals[:, first : first + height * width]
            best = _best(own, height, width, level)
            kept.append(best)
            pooled.append(_pooled(lateral(each), best[..., :3], level))
            first += height * width
        kept, pooled = ops.concatenate(kept, axis=1), ops.concatenate(pooled, axis=1)
        number = ops.shape(kept)[1]
        hidden = self._dense(ops.reshape(pooled, (-1, number, region_grids.POOLED**2 * _LATERAL)))
        image = ops.reshape(pooled, (-1, region_grids.POOLED, region_grids.POOLED, _LATERAL))
        mask = self._mask(self._finer(self._paint(image)))
        mask = ops.reshape(mask, (-1, number, region_grids.PAINTED**2))
        return ops.concatenate([kept, self._kind(hidden), self._change(hidden), mask], axis=-1)


def _convolution(channels, size, activation="relu"):
    return layers.Conv2D(channels, size, padding="same", activation=activation, dtype="float32")


def _best(proposals, height, width, level):
    """(batch, region, 4): region and logit of the highest maxima of a level; no gradient."""
    proposals = ops.stop_gradient(proposals)
    logit = ops.reshape(proposals[..., 0], (-1, height, width, 1))
    is_peak = logit >= ops.max_pool(logit, 3, strides=1, padding="same")
    rank = ops.reshape(ops.where(is_peak, logit, logit - 100.0), (-1, height * width))
    cell = ops.top_k(rank, region_grids.KEPT[level])[1]
    chosen = ops.take_along_axis(proposals, cell[..., None], axis=1)
    stride = region_grids.stride(level)
    anchor = region_grids.ANCHOR * stride
    row, column = ops.cast(cell // width, "float32"), ops.cast(cell % width, "float32")
    x = (column + 0.5) * stride - 0.5 + anchor * ops.clip(chosen[..., 1], -1, 1)
    y = (row + 0.5) * stride - 0.5 + anchor * ops.clip(chosen[..., 2], -1, 1)
    radius = anchor * ops.exp(ops.clip(chosen[..., 3], -1.5, 1.5))
    return ops.stop_gradient(ops.stack([x, y, radius, chosen[..., 0]], axis=-1))


def _pooled(features, found, level):
    """RoIAlign: features (batch, y, x, channel) read at the grids of regions (batch, region, 3)."""
    across, down = (
        ops.convert_to_tensor(g.ravel()) for g in region_grids.grid(region_grids.POOLED)
    )
    x, y, radius = (found[..., i : i + 1] for i in range(3))
    stride = region_grids.stride(level)
    column = (x + radius * across + 0.5) / stride - 0.5
    row = (y + radius * down + 0.5) / stride - 0.5
    return bilinear(features, column, row)


def bilinear(features, column, row):
    """Read features (batch, y, x, channel) between the centres of cells, (batch, region, point).

    Outside, they are those of the border.
    """
    batch, height, width, channels = ops.shape(features)
    flat = ops.reshape(features, (-1, channels))
    start = ops.reshape(ops.arange(batch) * height * width, (-1, 1, 1))
    column = ops.clip(column, 0.0, ops.cast(width - 1, "float32"))
    row = ops.clip(row, 0.0, ops.cast(height - 1, "float32"))
    left, top = ops.floor(column), ops.floor(row)
    total = 0.0
    for dy in (0, 1):
        for dx in (0, 1):
            weight = (1 - ops.abs(column - left - dx)) * (1 - ops.abs(row - top - dy))
            cell_x = ops.minimum(ops.cast(left, "int32") + dx, width - 1)
            cell_y = ops.minimum(ops.cast(top, "int32") + dy, height - 1)
            value = ops.take(flat, start + cell_y * width + cell_x, axis=0)
            total += weight[..., None] * value
    return total
