"""The smooth background: quadratic B-splines on the tangent plane of a region."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

_SPACING = 1.4  # deg between knots
_FINE, _DENSE = 1.0, 1000.0  # deg where counts per deg2 and unit of ln E show finer structure
_STIFFNESS = 0.15  # relative scatter of a coefficient about the mean of its neighbours


@dataclass(frozen=True)
class Splines:
    """`values` is (pixel, coefficient). The penalty pulls the coefficient `middle` of each
    row of `roughness` towards the mean of two neighbours."""

    values: csr_matrix
    roughness: np.ndarray
    middle: np.ndarray

    def penalty(self, level):
        """Matrix of the quadratic penalty for coefficients of about this level."""
        scaled = self.roughness / (_STIFFNESS * level[self.middle])[:, None]
        ridge = np.diag(1e-4 / level**2)  # for coefficients that few pixels know
        return scaled.T @ scaled + ridge


def knot_spacing(counts, area, edges):
    """Deg between knots for the counts of pixels (area in sr) between two energies."""
    density = counts.sum() / (np.sum(area) * np.degrees(1) ** 2 * np.log(edges[1] / edges[0]))
    return _FINE if density > _DENSE else _SPACING


def splines(x, y, area, spacing):
    """B-splines at pixels with tangent-plane coordinates x, y (deg); values are per coefficient
    of density times the pixels' areas (deg2)."""
    first_x, weight_x, count_x = _axis(x, spacing)
    first_y, weight_y, count_y = _axis(y, spacing)
    steps = np.arange(3)
    column = (first_y[:, None] + steps)[:, :, None] * count_x + (first_x[:, None] + steps)[:, None]
    value = weight_y[:, :, None] * weight_x[:, None] * area[:, None, None]
    column, value, number = column.ravel(), value.ravel(), count_x * count_y
    kept = np.bincount(column, value, number) > 1e-3 * np.sum(area) / number
    value[~kept[column]] = 0.0
    column = np.maximum(np.cumsum(kept) - 1, 0)[column]
    pointers = np.arange(0, 9 * len(x) + 1, 9)
    values = csr_matrix((value, column, pointers), (len(x), kept.sum()))
    return Splines(values, *_roughness(np.flatnonzero(kept), count_x))


def _axis(x, spacing):
    """First coefficient, the three weights of each pixel, number of coefficients."""
    position = (x - x.min()) / spacing
    first = position.astype(int)
    t = position - first
    weights = np.stack([0.5 * (1 - t) ** 2, 0.5 + t - t**2, 0.5 * t**2], axis=1)
    return first, weights, int(first.max()) + 3


def _roughness(kept, width):
    """Each coefficient less the mean of its direct neighbours, along each axis."""
    place = np.full(kept.max() + width + 2, -1)
    place[kept] = np.arange(len(kept))
    rows, middles = [], []
    for step, allowed in ((1, (kept % width > 0) & (kept % width < width - 1)), (width, kept >= 0)):
        low, high = place[np.maximum(kept - step, 0)], place[kept + step]
        inner = allowed & (kept >= step) & (low >= 0) & (high >= 0)
        row = np.zeros((inner.sum(), len(kept)))
        numbers = np.arange(inner.sum())
        row[numbers, np.flatnonzero(inner)] = 1.0
        row[numbers, low[inner]] = row[numbers, high[inner]] = -0.5
        rows.append(row)
        middles.append(np.flatnonzero(inner))
    return np.concatenate(rows), np.concatenate(middles)
