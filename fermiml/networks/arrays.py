"""Variables of a model in .npz files: plain arrays, no pickle, in the order of the model."""

import zlib
from zipfile import BadZipFile

import numpy as np

from fermiml.errors import InputError
from fermiml.files import replacing


def save(path, variables, dtype=None, **extra):
    """Write the values of variables, with single numbers or arrays by name beside them."""
    values = {f"{i:04d}": _numpy(v, dtype) for i, v in enumerate(variables)}
    with replacing(path, overwrite=True) as temporary, open(temporary, "wb") as stream:
        np.savez(stream, **values, **extra)


def load(path, variables):
    """Fill variables from a file; returns the other arrays of the file."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            values = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, KeyError, BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: these are no weights of fermiml ({error})") from None
    found = [values.pop(f"{number:04d}", None) for number in range(len(variables))]
    for variable, value in zip(variables, found, strict=True):
        if value is None or value.shape != tuple(variable.shape):
            raise InputError(f"{path}: the weights do not fit the network that model.yaml names")
    for variable, value in zip(variables, found, strict=True):
        variable.assign(value.astype(np.float32) if value.dtype.kind == "f" else value)
    return values


def _numpy(variable, dtype):
    from keras import ops

    value = ops.convert_to_numpy(variable)
    return value.astype(dtype) if dtype and value.dtype.kind == "f" else value
