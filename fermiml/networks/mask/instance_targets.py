"""What the two stages should say of a training patch."""

import numpy as np

from fermiml.networks import targets
from fermiml.networks.mask import region_grids
from fermiml.networks.mask.region_grids import ARTEFACT, COMPACT, EXTENDED, NOTHING, PULSAR
from fermiml.sky.patches import PIXEL, lies_within, pixel_at

MOST = 256  # sources of a patch; the brightest ones
NEITHER = -1  # kind of a source near which nothing is asked
_SIGMA = 1.1  # cells, of the Gaussian around each centre
_REACH = 1.6  # cells around a centre where a region is learned
_SURE = 25.0  # Asimov TS of an extended source, or a clump, to be found


def table(patch, artefacts=False, classes=False):
    """List the sources, and clumps of gas if they are a kind, pulsars as such where there are
    `classes`: (`MOST`, 5) of x, y, radius and hole (pixels), and kind.

    Too faint ones, and those off the data, are `NEITHER`: nothing is asked near them.
    """
    row, column = pixel_at(patch.x, patch.y, len(patch.coverage))
    extended = patch.extended >= targets.EXTENDED
    least = np.where(extended | patch.artefact, _SURE, targets.POSITIVE)
    wanted = (patch.ts > least) & (patch.coverage[row, column] > 0)
    compact = np.where(classes & patch.pulsar, PULSAR, COMPACT)
    kind = np.where(wanted, np.where(extended, EXTENDED, compact), NEITHER)
    kind[patch.artefact] = (
        np.where(wanted, ARTEFACT, NEITHER)[patch.artefact] if artefacts else NOTHING
    )
    rows = np.column_stack([patch.x, patch.y, patch.radius / PIXEL, patch.hole / PIXEL, kind])
    rows = rows[patch.ts > targets.FAINT]
    order = np.argsort(-patch.ts[patch.ts > targets.FAINT], kind="stable")[:MOST]
    return np.pad(rows[order], ((0, MOST - len(order)), (0, 0)))


def proposals(sources, coverage, levels):
    """Make the target of the first stage, (cell, 6): height of a Gaussian around each centre and
    its weight, the three values of the region and their weight."""
    x, y, radius, _, kind = sources[sources[:, 4] != NOTHING].T
    level = region_grids.levels_of(np.isin(kind, (COMPACT, PULSAR)), radius, levels)
    made = []
    for number in range(levels):
        mine, faint = (kind > 0) & (level == number), kind == NEITHER
        cells = _binned(coverage, region_grids.stride(number))
        made.append(_level(x[mine], y[mine], radius[mine], (x[faint], y[faint]), cells, number))
    return np.concatenate(made)


def _level(x, y, radius, faint, coverage, level):
    """Make the target of one level."""
    stride, size = region_grids.stride(level), len(coverage)
    x, y = _in_cells(x, stride), _in_cells(y, stride)
    distance, nearest, way = targets.nearest(x, y, size)
    heat = np.exp(-0.5 * np.square(distance / _SIGMA))
    inside = lies_within(x, y, size)
    heat[np.round(y[inside]).astype(int), np.round(x[inside]).astype(int)] = 1.0
    away = targets.nearest(*(_in_cells(f, stride) for f in faint), size)[0]
    counts = (coverage > 0) & ((away > region_grids.ANCHOR) | (heat >= 0.3))
    ratio = (
        np.log(radius / (region_grids.ANCHOR * stride))[nearest]
        if len(radius)
        else np.zeros_like(distance)
    )
    near = distance <= _REACH
    planes = [
        heat,
        counts,
        way[..., 0] / region_grids.ANCHOR,
        way[..., 1] / region_grids.ANCHOR,
        ratio,
        near,
    ]
    return np.stack(planes, axis=-1).reshape(-1, 6)


def _in_cells(position, stride):
    return (position + 0.5) / stride - 0.5


def _binned(coverage, stride):
    size = len(coverage) // stride
    return coverage.reshape(size, stride, size, stride).mean(axis=(1, 3))
