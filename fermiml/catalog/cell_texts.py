"""The cells of a table as text, converted column by column, because row by row takes minutes."""

import numpy as np

from fermiml.catalog.positions import decimal


def cell_texts(values, unknown=""):
    """Convert a column to text: for every number that a row has, a list with one text per row.

    What is masked or NaN becomes `unknown`.
    """
    values = np.ma.asarray(values)
    flat = values.reshape(len(values), int(np.prod(values.shape[1:], dtype=int)))
    return [_texts(flat[:, number], unknown) for number in range(flat.shape[1])]


def _texts(cells, unknown):
    kind, data, known = cells.dtype.kind, np.ma.getdata(cells), ~np.ma.getmaskarray(cells)
    if kind == "f":
        data = decimal(data) if cells.dtype.itemsize == 4 else data.astype(float)
        known &= ~np.isnan(data)
    if not known.any():
        return [unknown] * len(data)
    out = np.full(len(data), unknown, object)
    out[known] = list(map(repr if kind == "f" else str, data[known].tolist()))
    return out.tolist()
