"""Networks in ONNX, for programs that read neither Keras files nor ours.

The graph is written from the plain weights, with the operations of `fermiml.networks.forward`.
"""

import itertools

import numpy as np

from fermiml.errors import InputError
from fermiml.features.patch_features import LOW_PIXELS, N_ALL, N_FEATURES
from fermiml.files import replacing
from fermiml.networks.forward import LOW_SCALE, UNet
from fermiml.networks.raw_counts import KEPT

OPSET = 17
IR_VERSION = 8  # of the file format: what runtimes since 2022 read
INPUT = "features"
_SIZES = ("batch", "y", "x")


def write(network, path, overwrite=False):
    """Write a `fermiml.networks.pretrained.Pretrained` to an ONNX file.

    The input is features (batch, y, x, plane), the outputs are those of `predict_on_batch`: the
    same names, maps (batch, y, x, channel) and values. Batch and patch may have any size that the
    network can halve.

    Raises
    ------
    InputError
        If the network is not a U-Net with maps, or `onnx` is not installed.
    """
    content = _model(network).SerializeToString()
    with replacing(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(content)


def _model(network):
    helper = _onnx().helper
    if not isinstance(network.model, UNet):
        raise InputError(
            f"{network.name}: has no ONNX form; only networks have one whose outputs are maps of "
            "a U-Net (heatmap, multi, unek, centroid, direction)"
        )
    if network.model.raw not in (False, True):
        raise InputError(f"{network.name}: has no ONNX form with architecture.raw: "
                         f"{network.model.raw}")  # fmt: skip
    graph = _Graph()
    outputs = graph.network(network.model)
    return helper.make_model(
        helper.make_graph(
            graph.nodes, network.name,
            [graph.value(INPUT, N_ALL if network.model.low else N_FEATURES)],
            [graph.value(name, channels) for name, channels in outputs.items()],
            graph.weights,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION,
        producer_name="fermiml", doc_string=network.architecture.SUMMARY,
    )  # fmt: skip


def _onnx():
    try:
        import onnx
    except ImportError:
        raise InputError("ONNX needs the package onnx: pip install 'fermiml[onnx]'") from None
    return onnx


class _Graph:
    """Nodes and weights, as they are added; names of values are strings."""

    def __init__(self):
        self._onnx = _onnx()
        self.nodes, self.weights = [], []
        self._number = itertools.count()

    def network(self, unet):
        """Add all of a `UNet`; return the number of channels of each output."""
        planes = self._add("Transpose", INPUT, perm=[0, 3, 1, 2])
        x = self._channels(planes, 0, N_FEATURES) if unet.low else planes
        if unet.raw:
            x = self._add("Mul", x, self._weight(KEPT[None, :, None, None]))
        x = self._scaled(x, unet)
        skips = []
        for level, layers in enumerate(unet.down):
            for step, layer in enumerate(layers):
                x = self._rectified(x, layer, halves=bool(level and not step))
            if unet.low and level == LOW_SCALE:
                x = self._add("Add", x, self._low_band(planes, unet.low))
            skips.append(x)
        for (narrow, layers), skip in zip(unet.up, skips[-2::-1], strict=True):
            x = self._doubled(self._rectified(x, narrow))
            if unet.skips:
                x = self._add("Add", x, skip)
            for layer in layers:
                x = self._rectified(x, layer)
        for name, head in unet.heads.items():
            self._add("Transpose", self._convolved(x, head), perm=[0, 2, 3, 1], output=name)
        return {name: len(head.bias) for name, head in unet.heads.items()}

    def value(self, name, channels):
        """Describe an input or output: maps of any size."""
        helper, kind = self._onnx.helper, self._onnx.TensorProto.FLOAT
        return helper.make_tensor_value_info(name, kind, [*_SIZES, channels])

    def _low_band(self, planes, low):
        """Add what the low band adds to the maps of its scale."""
        planes = self._channels(planes, N_FEATURES, N_ALL)
        side = [LOW_PIXELS, LOW_PIXELS]
        pooled = self._add("AveragePool", planes, kernel_shape=side, strides=side)
        x = self._scaled(pooled, low)
        for layer in low.layers:
            x = self._rectified(x, layer)
        number = N_ALL - N_FEATURES
        covered = self._add("Sign", self._channels(pooled, number - 1, number))
        return self._add("Mul", self._convolved(x, low.last), covered)

    def _channels(self, x, first, last):
        bounds = (self._weight([bound], np.int64) for bound in (first, last, 1))
        return self._add("Slice", x, *bounds)

    def _scaled(self, x, part):
        x = self._add("Mul", x, self._weight(part.factor[None]))
        return self._add("Add", x, self._weight(part.shift[None]))

    def _rectified(self, x, layer, halves=False):
        return self._add("Relu", self._convolved(x, layer, halves))

    def _convolved(self, x, layer, halves=False):
        """Convolve with zeros around the image; halving begins at its first pixel."""
        margin = (len(layer.rows) - 1) // 2
        pads = [0, 0, margin, margin] if halves else [margin] * 4
        step = 2 if halves else 1
        inputs = (x, self._weight(layer.kernel), self._weight(layer.bias[:, 0]))
        return self._add("Conv", *inputs, pads=pads, strides=[step, step])

    def _doubled(self, x):
        scales = self._weight(np.array([1, 1, 2, 2]))
        return self._add("Resize", x, "", scales, mode="nearest", nearest_mode="floor",
                         coordinate_transformation_mode="asymmetric")  # fmt: skip

    def _add(self, operation, *inputs, output=None, **options):
        """Add a node; return the name of its output."""
        output = output or f"{operation}_{next(self._number)}"
        node = self._onnx.helper.make_node(operation, list(inputs), [output], **options)
        self.nodes.append(node)
        return output

    def _weight(self, values, kind=np.float32):
        """Add constants; return their name."""
        name = f"weight_{next(self._number)}"
        values = np.ascontiguousarray(values, kind)
        self.weights.append(self._onnx.numpy_helper.from_array(values, name))
        return name
