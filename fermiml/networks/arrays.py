"""Variables of a model in .npz files: plain arrays, no pickle, in the order of the model."""

import zlib
from zipfile import BadZipFile

import numpy as np

from fermiml.errors import InputError
from fermiml.files import replacing

_LARGEST = 2**31  # bytes of all arrays of a file
# What numpy and zipfile raise of a damaged file; an array larger than the memory is one, too.
_FAULTS = (OSError, ValueError, EOFError, LookupError, MemoryError, NotImplementedError,
           RuntimeError, OverflowError, TypeError, SyntaxError)  # fmt: skip


def save(path, variables, dtype=None, **extra):
    """Write the values of variables, with single numbers or arrays by name beside them."""
    values = {f"{i:04d}": _numpy(v, dtype) for i, v in enumerate(variables)}
    with replacing(path, overwrite=True) as temporary, open(temporary, "wb") as stream:
        np.savez(stream, **values, **extra)


def load(path, variables):
    """Fill variables from a file; returns the other arrays of the file."""
    found, others = read_weights(path, [variable.shape for variable in variables])
    for variable, value in zip(variables, found, strict=True):
        variable.assign(value)
    return others


def read_weights(path, shapes):
    """Read the weights of a network whose variables have these shapes, and the other arrays."""
    values = read(path, "these are no weights of fermiml")
    found = [values.pop(f"{number:04d}", None) for number in range(len(shapes))]
    for value, shape in zip(found, shapes, strict=True):
        if value is None or value.shape != tuple(shape):
            raise InputError(f"{path}: the weights do not match the network in model.yaml")
        if not np.all(np.isfinite(value)):
            raise InputError(f"{path}: contains NaN or infinite weights; train the network again")
    return [v.astype(np.float32) if v.dtype.kind == "f" else v for v in found], values


def read(path, otherwise):
    """Read the arrays of an untrusted file by name; if that fails, the error says `otherwise`."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            if not isinstance(stored, np.lib.npyio.NpzFile):
                raise ValueError("not an .npz file")
            size = sum(entry.file_size for entry in stored.zip.infolist())
            if size > _LARGEST:
                raise ValueError(f"{size / 2**30:.1f} GB when unpacked")
            return {name: stored[name] for name in stored.files}
    except (*_FAULTS, BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: {otherwise} ({' '.join(str(error).split())})") from None


def _numpy(variable, dtype):
    from keras import ops

    value = ops.convert_to_numpy(variable)
    return value.astype(dtype) if dtype and value.dtype.kind == "f" else value
