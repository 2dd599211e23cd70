"""The regions of the feature pyramid, and the grids on which a region is looked at and painted.

A region is (x, y, radius) in pixels of the patch. Level l has cells of 2^l pixels, and one region
a cell, of `ANCHOR` cells radius.
"""

import numpy as np

ANCHOR = 2.5  # cells: on the finest level, a disc of the PSF's 68 % radius at about 2 GeV
KEPT = (128, 24, 12, 6)  # regions of each level that the second stage looks at
CONTEXT = 1.6  # radii to which a region is looked at and painted
POOLED = 7  # points along a side at which the features of a region are read
PAINTED = 14  # and at which its mask is painted
# What the second stage tells apart; clumps of gas are asked for by the option `artefacts`, pulsars
# by `classes`.
NOTHING, COMPACT, EXTENDED, ARTEFACT, PULSAR = range(5)
OFFSET = 0.1  # radii: the unit in which the second stage moves a region


def stride(level):
    """Pixels along the side of a cell."""
    return 2**level


def grid(number):
    """Coordinates (x, y) in radii of the points of a region, each (number, number)."""
    steps = CONTEXT * (2 * (np.arange(number, dtype=np.float32) + 0.5) / number - 1)
    return np.meshgrid(steps, steps)


def levels_of(compact, radius, levels):
    """Return the level of each source: by its radius (pixels), and above the finest if extended."""
    if levels == 1:
        return np.zeros(len(radius), int)
    level = np.round(np.log2(np.maximum(radius, 1e-3) / ANCHOR)).astype(int)
    return np.where(compact, 0, np.clip(level, 1, levels - 1))
