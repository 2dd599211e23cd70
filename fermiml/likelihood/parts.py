"""Results of single regions, kept in a folder until all are there."""

import dataclasses
import json
from contextlib import contextmanager

import numpy as np

from fermiml import __version__
from fermiml.checkpoint import Pieces, content_key
from fermiml.files import write_text
from fermiml.likelihood.position import Place
from fermiml.likelihood.spectral_shapes import FittedSpectrum


class Parts:
    """Results of regions, each named by the content of its task; without pieces, none is kept."""

    def __init__(self, pieces=None):
        self._pieces = pieces

    def load(self, task):
        """Return the result of a task, or None if it has not been done."""
        return None if self._pieces is None else self._pieces.load(key(task))

    def save(self, task, result):
        """Keep the result of a task."""
        if self._pieces is not None:
            self._pieces.save(key(task), result)

    def forget(self):
        """Remove them: the whole result is written."""
        if self._pieces is not None:
            self._pieces.forget()


@contextmanager
def held(folder):
    """Hold a folder for `Parts`; None keeps nothing, and `Parts` that are held already stay so."""
    if isinstance(folder, Parts):
        yield folder
    elif folder is None:
        yield Parts()
    else:
        with Pieces.held(folder, _write, _read) as pieces:
            yield Parts(pieces)


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


def key(task):
    """Return a name that changes with anything that goes into a region's fit."""
    return content_key(
        __version__, [component.content() for component in task.components], task.sources,
        task.core, task.near, task.inner, task.background.content(), task.settings, task.first,
    )  # fmt: skip


def _packed(row):
    plain = {**row, "spectrum": dataclasses.asdict(row["spectrum"])}
    plain["alternatives"] = {k: dataclasses.asdict(s) for k, s in row["alternatives"].items()}
    plain["place"] = None if row["place"] is None else dataclasses.asdict(row["place"])
    return plain


def _unpacked(row):
    row["spectrum"] = _spectrum(row["spectrum"])
    row["alternatives"] = {kind: _spectrum(s) for kind, s in row["alternatives"].items()}
    if row["place"] is not None:
        row["place"]["covariance"] = np.array(row["place"]["covariance"])
        row["place"] = Place(**row["place"])
    if row["bands"] is not None:
        row["bands"] = tuple(np.array(values) for values in row["bands"])
    return row


def _spectrum(stored):
    arrays = {name: np.array(stored[name]) for name in ("values", "covariance")}
    return FittedSpectrum(**{**stored, **arrays})


def _plain(value):
    return value.tolist()
