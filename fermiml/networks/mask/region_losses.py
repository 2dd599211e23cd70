"""The losses of the two stages."""

from fermiml.networks import losses
from fermiml.networks.mask import region_grids

_MATCHED, _NEAR = 0.7, 1.2  # how far (see `_apart`) a region may be from its source, and from none
_FAR = 1e3


def proposals(target, found):
    """Focal loss of the centres, and the distance of regions from those of the sources."""
    logit, region = found[..., :1], found[..., 1:]
    heat, counts, wanted, near = (
        target[..., :1],
        target[..., 1:2],
        target[..., 2:5],
        target[..., 5:],
    )
    return losses.focal(heat, counts, logit) + losses.huber(4 * wanted, near, 4 * region)


def instances(sources, found):
    """Cross-entropy of the kinds, and for regions of a source that of its mask, and its distance.

    A region is a source's if it is the nearest one and `_apart` by less than `_MATCHED`; it is
    nobody's beyond `_NEAR`, and in between nothing is asked.
    """
    from keras import ops

    x, y, radius, _, kinds, change, mask = split(found)
    apart = _apart(x, y, radius, sources)
    nearest = ops.argmin(apart, axis=-1)
    least = ops.min(apart, axis=-1)
    own = ops.take_along_axis(sources, nearest[..., None], axis=1)
    kind = own[..., 4]
    is_source = ops.cast((least < _MATCHED) & (kind > 0), "float32")
    is_nothing = ops.cast(least > _NEAR, "float32")
    wanted = ops.one_hot(ops.cast(is_source * kind, "int32"), ops.shape(kinds)[-1])
    entropy = -ops.sum(wanted * ops.log_softmax(kinds, axis=-1), axis=-1)
    weight = is_source + is_nothing
    classes = ops.sum(weight * entropy) / (ops.sum(weight) + 1)
    number = ops.sum(is_source) + 1
    there = ops.stack([(own[..., 0] - x) / radius, (own[..., 1] - y) / radius,
                       ops.log(ops.maximum(own[..., 2], 0.1) / radius)], axis=-1)  # fmt: skip
    moved = losses.huber(there / region_grids.OFFSET, is_source[..., None], change)
    painted = ops.sum(is_source * _mask_loss(x, y, radius, own, mask)) / number
    return 4 * classes + moved + painted


def split(found):
    """Divide what the second stage says: x, y, radius, logit, kinds, change, mask."""
    kinds = found.shape[-1] - 3 - region_grids.PAINTED**2
    numbers = (found[..., i] for i in range(4))
    return (*numbers, found[..., 4:kinds], found[..., kinds : kinds + 3], found[..., kinds + 3 :])


def _apart(x, y, radius, sources):
    """(batch, region, source): distance in radii of the source, plus difference of ln radius."""
    from keras import ops

    sx, sy, size, kind = (sources[:, None, :, i] for i in (0, 1, 2, 4))
    size = ops.maximum(size, 0.1)
    distance = ops.sqrt(ops.square(x[..., None] - sx) + ops.square(y[..., None] - sy)) / size
    apart = distance + ops.abs(ops.log(radius[..., None] / size))
    return ops.where(kind == 0, _FAR, apart)


def _mask_loss(x, y, radius, own, logits):
    """(batch, region): mean cross-entropy of the mask of each region with that of its source."""
    from keras import ops

    across, down = (
        ops.convert_to_tensor(g.ravel()) for g in region_grids.grid(region_grids.PAINTED)
    )
    dx = x[..., None] + radius[..., None] * across - own[..., 0:1]
    dy = y[..., None] + radius[..., None] * down - own[..., 1:2]
    distance = ops.sqrt(ops.square(dx) + ops.square(dy))
    inside = ops.cast((distance <= own[..., 2:3]) & (distance >= own[..., 3:4]), "float32")
    return ops.mean(ops.softplus(logits) - inside * logits, axis=-1)
