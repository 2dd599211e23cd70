"""Linear interpolation between the rows of a table."""

import numpy as np


def bracket(nodes, wanted):
    """Index of the node below and the weight of the one above, held at the ends."""
    if len(nodes) == 1:
        return np.zeros(np.shape(wanted), int), np.zeros(np.shape(wanted))
    position = np.interp(wanted, nodes, np.arange(len(nodes)))
    low = np.minimum(position.astype(int), len(nodes) - 2)
    return low, position - low


def rows_at(nodes, rows, wanted):
    """Rows at the `wanted` values of the first axis, constant beyond its ends."""
    low, weight = bracket(nodes, wanted)
    high = np.minimum(low + 1, len(nodes) - 1)
    weight = weight.reshape(-1, *[1] * (rows.ndim - 1))
    return (1 - weight) * rows[low] + weight * rows[high]


def within_reach(nodes, wanted, most=np.inf):
    """Which `wanted` values rising nodes cover, or miss by no more than 0.6 of a step and `most`.

    Tables at the middles of bins end half a bin before the data do. A single node has no step:
    it stands for all.
    """
    if len(nodes) == 1:
        return np.ones(np.shape(wanted), bool)
    tolerance = min(0.6 * np.diff(nodes).max(), most)
    return (wanted >= nodes[0] - tolerance) & (wanted <= nodes[-1] + tolerance)
