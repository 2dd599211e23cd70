"""The set predictor: its targets, its loss, and its answer as sources.

Other than in DETR, and because few patches are seen, each query has a point of reference in the
patch, which is trained, too, and looks around it only.
"""

import numpy as np

from fermiml.errors import InputError
from fermiml.features.patch_features import N_FEATURES
from fermiml.networks import patch_instances, targets, unet
from fermiml.networks.sets import matching
from fermiml.schema import whole

SUMMARY = "set predictor: a transformer that answers with a list of sources"
OPTIONS = {
    "widths": [20, 40, 80, 128],  # channels at each scale of the convolutions
    "encoder": [1, 1, 2, 2],  # and how many of these
    "side": 12,  # the number of queries is its square
    "width": 96,  # channels of the transformer
    "heads": 4,
    "depth": 2,  # blocks of its encoder, and of its decoder
}
VECTORS = ()
LOCALIZER = "queries"  # the network is its own
RADIUS = targets.DISC
MOST = 96  # sources of a patch; the brightest ones
SOURCE, NEITHER = 1, -1  # 0 is none; NEITHER are faint ones, near which nothing is asked
_FAR = 8.0  # radii: farther away, no query is better than another
_LIKELY = 2.0  # radii that a probability of one is worth in the matching


def check(options):
    """Raise InputError if the options do not define a valid network."""
    coarse = {key: options[key] for key in ("widths", "encoder")}
    unet.check({**unet.OPTIONS, **coarse, "decoder": [1] * (len(options["widths"]) - 1)})
    for key, most in (("side", 32), ("width", 512), ("heads", 16), ("depth", 8)):
        whole(1, most)(f"architecture.{key}", options[key])
    if options["side"] ** 2 < MOST:
        raise InputError(f"architecture.side: its square has to be at least {MOST}")
    if options["width"] % 4 or options["width"] % options["heads"]:
        raise InputError("architecture.width: has to be a multiple of 4 and of the heads")


def build(**options):
    """Build the network: logit and position (pixels from the middle of the patch) of each query."""
    import keras

    from fermiml.networks.sets.queries import Queries

    options = {**OPTIONS, **options}
    inputs = keras.layers.Input((None, None, N_FEATURES), name="features")
    widths = options.pop("widths")
    seen = unet.encoded(inputs, widths, options.pop("encoder"))[-1]
    found = Queries(2 ** (len(widths) - 1), **options, name="sources")(seen)
    return keras.Model(inputs, {"sources": found})


def make_targets(patch, **_):
    """List the sources: (`MOST`, 4) of x and y (pixels from the middle), reach (pixels), kind."""
    wanted, faint = targets.sort_sources(patch)
    rows = np.flatnonzero(wanted | faint)
    rows = rows[np.argsort(-patch.ts[rows], kind="stable")][:MOST]
    middle = (len(patch.coverage) - 1) / 2
    reach = targets.reach(patch.extended[rows])
    kind = np.where(wanted[rows], SOURCE, NEITHER)
    listed = np.column_stack([patch.x[rows] - middle, patch.y[rows] - middle, reach, kind])
    return {"sources": np.pad(listed, ((0, MOST - len(rows)), (0, 0)))}


def make_losses(loss=None, **_):
    """Loss of the output."""
    if loss is not None:
        raise InputError("loss: this network has its own")
    return {"sources": _loss}


def _loss(sources, found):
    """Cross-entropy of the queries, and the distance of each from the source it answers for."""
    from keras import ops

    logit, place = found[..., 0], found[..., 1:]
    is_source = ops.cast(sources[..., 3] > 0, "float32")
    away = sources[:, :, None, :2] - place[:, None]
    distance = ops.sqrt(ops.sum(ops.square(away), axis=-1) + 1e-6)
    cost = ops.minimum(distance / RADIUS, _FAR) - _LIKELY * ops.sigmoid(logit)[:, None]
    owner = matching.assigned(cost, is_source)
    answers = ops.sum(owner, axis=1)
    skipped = (distance < sources[..., 2:3]) & (sources[..., 3:] < 0)
    counts = ops.where(ops.any(skipped, axis=1), answers, 1.0)
    entropy = ops.softplus(logit) - answers * logit
    number = ops.sum(answers) + 1
    moved = ops.sum(owner * (ops.sqrt(1 + ops.square(distance)) - 1)) / number
    return ops.sum(counts * entropy) / number + moved


def to_instances(outputs, size, lowest):
    """Return the `fermiml.networks.patch_instances.Instances` of each patch of `size` pixels."""
    middle = (size - 1) / 2
    answers = np.moveaxis(np.asarray(outputs["sources"], float), -1, 1)
    scores = 1 / (1 + np.exp(-answers[:, 0]))
    return [
        patch_instances.of_points(x + middle, y + middle, score, size, lowest)
        for score, (x, y) in zip(scores, answers[:, 1:], strict=True)
    ]
