"""Light curves in a catalog: their columns, and whether those of two catalogs can be joined."""

import numpy as np

from fermiml.catalog.columns import COLUMNS, HISTORY_COLUMNS
from fermiml.catalog.conform import unknown_column
from fermiml.catalog.fitsio import HIST_START


def has_light_curves(table):
    """Return whether any row has a light curve."""
    return bool(np.isfinite(table["Flux_History"]).any())


def make_room(table, edges):
    """Give a table empty light curves with intervals between `edges` (mission elapsed time, s)."""
    _empty(table, len(edges) - 1)
    table.meta[HIST_START] = [float(edge) for edge in edges]


def fitted(rows, table):
    """Return rows with light curves of the intervals of `table`, empty where theirs are others."""
    mine, theirs = (np.array(t.meta.get(HIST_START, []), float) for t in (rows, table))
    count = table["Flux_History"].shape[1]
    same = mine.shape == theirs.shape and np.allclose(mine, theirs, rtol=0, atol=1.0)
    if not same or rows["Flux_History"].shape[1] != count:
        rows = rows.copy()
        _empty(rows, count)
    return rows


def _empty(table, count):
    for name in HISTORY_COLUMNS:
        column = COLUMNS[name].with_intervals(count)
        table.replace_column(name, unknown_column(column, len(table)))
