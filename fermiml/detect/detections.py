"""The detections of a finder in one patch, and their checks."""

from dataclasses import dataclass, fields

import numpy as np

from fermiml.errors import InputError


@dataclass(frozen=True)
class Detections:
    """The detections in one patch: arrays with one row for each detection.

    Positions count from the centre of pixel (0, 0), x along the last axis. What a finder does not
    know is None; of single detections it is NaN.
    """

    x: np.ndarray
    y: np.ndarray
    score: np.ndarray  # from 0 to 1: the higher, the more probable
    covariance: np.ndarray | None = None  # (n, 2, 2) of (x, y), pixels squared
    pulsar: np.ndarray | None = None  # probability that it is a pulsar, if it is a source
    extent: np.ndarray | None = None  # radius in pixels; 0 for a point
    mask: np.ndarray | None = None  # (n, y, x), pixels that belong to it

    def __len__(self):
        return len(self.x)

    def __getitem__(self, rows):
        values = (getattr(self, field.name) for field in fields(self))
        return Detections(*(None if value is None else value[rows] for value in values))


_NEEDED = ("x", "y", "score")
_RANGES = {"score": (0, 1), "pulsar": (0, 1), "extent": (0, np.inf)}


def checked(answer, features, finder):
    """Check the answer of a finder, and return it with arrays of numbers in it.

    Parameters
    ----------
    answer : list of Detections
        What `find` gave.
    features : numpy.ndarray
        What it was given: (patch, y, x, feature).
    finder : str
        The finder in a message.

    Raises
    ------
    InputError
        Names the finder, where the answer is none.
    """
    if not isinstance(answer, list) or not all(isinstance(each, Detections) for each in answer):
        raise InputError(f"network {finder}: does not return a list of Detections")
    if len(answer) != len(features):
        raise InputError(f"network {finder}: returns {len(answer)} Detections, expected "
                         f"one for each of {len(features)} patches")  # fmt: skip
    try:
        return [_as_arrays(each, features.shape[1:3]) for each in answer]
    except (TypeError, ValueError) as error:
        raise InputError(f"network {finder}: {error}") from error


def _as_arrays(detections, size):
    """Return Detections with checked arrays; ValueError says what is wrong with them."""
    number = np.size(detections.x)
    rows = {"covariance": (2, 2), "mask": size}  # shapes of one row; the others are numbers
    arrays = {}
    for field in fields(Detections):
        name, values = field.name, getattr(detections, field.name)
        if values is not None or name in _NEEDED:
            values = np.asarray(values, bool if name == "mask" else float)
            _check(name, values, (number, *rows.get(name, ())))
        arrays[name] = values
    return Detections(**arrays)


def _check(name, values, shape):
    if values.shape != shape:
        raise ValueError(f"{name} has the shape {values.shape}, expected {shape}")
    if name in _NEEDED and not np.isfinite(values).all():
        raise ValueError(f"{name} is not finite")
    least, most = _RANGES.get(name, (-np.inf, np.inf))
    wrong = values[(values < least) | (values > most)]
    if len(wrong):
        raise ValueError(f"{name} {wrong[0]:.4g} is not between {least} and {most}")
