"""A grid detector: several boxes a cell, each with a source's position and counts (after YOLO).

As in YOLO-CIANNA (2024), brightness is regressed in the box, and the first convolutions are
three-dimensional, over the energy bands.
"""

import numpy as np

from fermiml.errors import InputError
from fermiml.features.patch_features import CHANNELS, N_FEATURES
from fermiml.networks import losses, patch_instances, targets, unet
from fermiml.schema import list_of, whole
from fermiml.sky.bands import BANDS

SUMMARY = "grid detector: boxes in cells of 4 pixels, 3-D convolutions over energy"
OPTIONS = {
    "boxes": 2,  # of a cell
    "energy": [12, 24],  # channels of the convolutions over energy, each of which halves the scale
    "width": 96,  # channels of those over the cells
    "blocks": 3,  # pairs of these
}
VECTORS = ()
LOCALIZER = "boxes"  # the network is its own
RADIUS = targets.DISC
CELL = 4  # pixels, what two halvings make
MARGIN = 0.25  # cells beside a cell where it may find a source, too, without being asked to
_CERTAIN = 1.0  # pixels around a faint point source where nothing is asked
_START = -4.0  # logit before training: sources are rare


def check(options):
    """Raise InputError if the options do not define a valid network."""
    whole(1, 8)("architecture.boxes", options["boxes"])
    list_of(whole(1, 256), most=2)("architecture.energy", options["energy"])
    if len(options["energy"]) != 2:
        raise InputError("architecture.energy: two numbers of channels, for two halvings")
    whole(1, 512)("architecture.width", options["width"])
    whole(1, 16)("architecture.blocks", options["blocks"])


def build(**options):
    """Build the network: logit, position in the cell and log10 counts of every box of a cell."""
    import keras
    from keras import layers

    options = {**OPTIONS, **options}
    inputs = layers.Input((None, None, N_FEATURES), name="features")
    x = layers.BatchNormalization(center=False, scale=False)(inputs)
    x = _over_energy(x, options["energy"])
    x = unet.block(x, options["width"], size=1)
    for _ in range(options["blocks"]):
        x = layers.Add()([x, unet.block(unet.block(x, options["width"]), options["width"])])
    start = np.tile([_START, 0, 0, 2], options["boxes"])
    answer = layers.Conv2D(
        4 * options["boxes"],
        1,
        name="boxes",
        dtype="float32",
        bias_initializer=lambda shape, dtype=None: keras.ops.convert_to_tensor(start, dtype),
    )
    return keras.Model(inputs, {"boxes": answer(x)})


def _over_energy(x, channels):
    """Convolve over bands and sky, and lay the bands side by side (batch, y, x, channel)."""
    from keras import layers, ops

    own, bands = len(CHANNELS) * len(BANDS), len(BANDS)
    of_band = [ops.concatenate([x[..., b:own:bands], x[..., own:]], -1) for b in range(bands)]
    x = ops.stack(of_band, axis=1)
    for width in channels:
        x = layers.Conv3D(width, 3, strides=(1, 2, 2), padding="same", use_bias=False)(x)
        x = layers.Activation("relu")(layers.BatchNormalization()(x))
    return ops.concatenate([x[:, b] for b in range(bands)], axis=-1)


def make_targets(patch, boxes=OPTIONS["boxes"], **_):
    """Make the target of each cell (cell y, cell x, box * 6): whether there is a source and its
    weight, position and log10 counts and their weight.

    The brightest source of a cell is in its first box.
    """
    wanted, faint = targets.sort_sources(patch)
    asked = _asked(patch, faint)
    made = np.zeros((*asked.shape, boxes, 6))
    made[..., 1] = asked[..., None]
    used = np.zeros(asked.shape, int)
    order = np.flatnonzero(wanted)[np.argsort(-patch.ts[wanted], kind="stable")]
    x, y = ((at[order] + 0.5) / CELL for at in (patch.x, patch.y))
    counts = np.log10(np.maximum(patch.npred[order].sum(axis=1), 1))

    def fill(row, column, i, is_own):
        if used[row, column] < (boxes if is_own else 1):
            there = x[i] - column - 0.5, y[i] - row - 0.5, counts[i]
            made[row, column, used[row, column]] = is_own, is_own, *there, 1
            used[row, column] += 1

    for i in range(len(order)):
        fill(*(int(np.clip(at[i], 0, len(asked) - 1)) for at in (y, x)), i, True)
    for row, column, i in _beside(x, y, len(asked)):
        fill(row, column, i, False)
    return {"boxes": made.reshape(*asked.shape, -1)}


def _asked(patch, faint):
    """Cells of which the network is asked something; not those with faint sources only."""
    number = len(patch.coverage) // CELL
    cells = number, CELL, number, CELL
    skipped = targets.ignored(patch, faint, _CERTAIN).reshape(cells).any(axis=(1, 3))
    return (patch.coverage > 0).reshape(cells).any(axis=(1, 3)) & ~skipped


def _beside(x, y, number):
    """Yield (row, column, source) of the cells that sources are just outside of."""
    for i in range(len(x)):
        near = np.mgrid[-1:2, -1:2].reshape(2, -1).T + np.floor([y[i], x[i]]).astype(int)
        for row, column in near[np.all((near >= 0) & (near < number), axis=1)]:
            if max(abs(x[i] - column - 0.5), abs(y[i] - row - 0.5)) < 0.5 + MARGIN:
                yield row, column, i


def make_losses(loss=None, **_):
    """Loss of the output."""
    if loss is not None:
        raise InputError("loss: this network has its own")
    return {"boxes": _loss}


def _loss(target, found):
    """Focal loss of the boxes, and the distance (pixels, dex) of positions and counts."""
    from keras import ops

    target, found = ops.reshape(target, (-1, 6)), ops.reshape(found, (-1, 4))
    near = target[..., 5:]
    return (
        losses.focal(target[..., :1], target[..., 1:2], found[..., :1])
        + losses.huber(CELL * target[..., 2:4], near, CELL * found[..., 1:3])
        + losses.huber(target[..., 4:5], near, found[..., 3:])
    )


def to_instances(outputs, size, lowest):
    """Return the `fermiml.networks.patch_instances.Instances` of each patch of `size` pixels."""
    return [_of_patch(np.asarray(found, float), size, lowest) for found in outputs["boxes"]]


def _of_patch(found, size, lowest):
    rows, columns = np.indices(found.shape[:2])[..., None]
    logit, x, y, _ = np.moveaxis(found.reshape(*found.shape[:2], -1, 4), -1, 0)
    x, y = (np.clip(step, -0.5 - MARGIN, 0.5 + MARGIN) for step in (x, y))
    x, y = ((cell + 0.5 + step) * CELL - 0.5 for cell, step in ((columns, x), (rows, y)))
    score = 1 / (1 + np.exp(-logit))
    return patch_instances.of_points(x.ravel(), y.ravel(), score.ravel(), size, lowest)
