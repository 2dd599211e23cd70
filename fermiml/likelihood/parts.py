"""Results of single regions as JSON, so that a fit that was interrupted resumes."""

import dataclasses
import json

import numpy as np

from fermiml.checkpoint import Pieces
from fermiml.files import write_text
from fermiml.likelihood.extent import FittedExtent
from fermiml.likelihood.position import Place
from fermiml.likelihood.spectral_shapes import FittedSpectrum


def held(folder):
    """Hold a folder for the results of regions; None keeps nothing."""
    return Pieces.held(folder, _write, _read)


def _write(path, result):
    """First norms are an array, results of sources a list of rows."""
    first = isinstance(result, np.ndarray)
    packed = {"first": list(result)} if first else {"rows": [_packed(row) for row in result]}
    write_text(path, json.dumps(packed, default=_plain), overwrite=True)


def _read(path):
    stored = json.loads(path.read_text(encoding="utf-8"))
    if "first" in stored:
        return np.array(stored["first"])
    return [_unpacked(row) for row in stored["rows"]]


def _packed(row):
    plain = {**row, "spectrum": dataclasses.asdict(row["spectrum"])}
    plain["alternatives"] = {k: dataclasses.asdict(s) for k, s in row["alternatives"].items()}
    for name in ("place", "extent"):
        plain[name] = None if row[name] is None else dataclasses.asdict(row[name])
    return plain


def _unpacked(row):
    row["spectrum"] = _spectrum(row["spectrum"])
    row["alternatives"] = {kind: _spectrum(s) for kind, s in row["alternatives"].items()}
    if row["place"] is not None:
        row["place"]["covariance"] = np.array(row["place"]["covariance"])
        row["place"] = Place(**row["place"])
    if row["extent"] is not None:
        row["extent"] = FittedExtent(**row["extent"])
    if row["bands"] is not None:
        row["bands"] = tuple(np.array(values) for values in row["bands"])
    return row


def _spectrum(stored):
    arrays = {name: np.array(stored[name]) for name in ("values", "covariance")}
    return FittedSpectrum(**{**stored, **arrays})


def _plain(value):
    return value.tolist()
