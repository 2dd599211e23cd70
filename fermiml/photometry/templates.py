"""PSF templates of many sources at once: sparse matrices (pixel, source)."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_matrix
from scipy.spatial import cKDTree

from fermiml.photometry.energy_groups import INDICES


@dataclass(frozen=True)
class Templates:
    """Fraction of each source's counts that falls into each pixel; `east` and `north` are the
    changes of it when the source moves by one deg that way."""

    values: csc_matrix
    east: csc_matrix | None = None
    north: csc_matrix | None = None


def make_templates(grid, near, group, vectors, index, directions=None):
    """Templates of sources with unit `vectors` and photon `index` on the grid of a group.

    `near` are `pairs` of about these places, with room for how far the sources have moved. With
    `directions` (unit vectors of each source's east and north) the gradients are given, too.
    """
    source, pixel, pointers = _within(grid, near, vectors, group.reach)
    spectrum = _nearest_index(index)[source]
    points = range(grid.points.shape[1])
    parts = [_part(grid, group, vectors, p, pixel, source, spectrum, directions) for p in points]
    data = np.mean(parts, axis=0) * grid.area[pixel]
    shape = len(grid.area), len(vectors)
    return Templates(*(csc_matrix((d, pixel, pointers), shape) for d in data))


def make_shapes(grid, group, vectors):
    """(source, pixel, values): fractions of the counts of points and disks (shape, pair)."""
    source, pixel = pairs(grid, vectors, group.shape_reach)
    rows = range(len(group.shapes))
    total = np.zeros((len(group.shapes), len(pixel)))
    for point in range(grid.points.shape[1]):
        _, distance = _apart(grid, vectors, point, pixel, source)
        place = group.shapes.place(distance)
        total += [group.shapes.at(row, *place) for row in rows]
    return source, pixel, total * grid.area[pixel] / grid.points.shape[1]


def pairs(grid, vectors, reach):
    """Source and pixel of all pairs within `reach` (deg), source by source."""
    found = cKDTree(vectors).sparse_distance_matrix(
        cKDTree(grid.vectors), _chord(reach), output_type="ndarray"
    )
    found = found[np.lexsort((found["j"], found["i"]))]
    return found["i"], found["j"].astype(np.int32)


def _within(grid, near, vectors, reach):
    """Those of the pairs `near` that are within `reach` (deg), and where each source's begin."""
    source, pixel = near
    apart = grid.vectors[pixel] - vectors[source]
    keep = np.einsum("ij,ij->i", apart, apart) <= _chord(reach) ** 2
    source, pixel = source[keep], pixel[keep]
    lengths = np.bincount(source, minlength=len(vectors))
    return source, pixel, np.concatenate([[0], np.cumsum(lengths)])


def _chord(angle):
    return 2 * np.sin(np.radians(angle) / 2)


def _nearest_index(index):
    return np.argmin(np.abs(np.asarray(index)[:, None] - INDICES), axis=1)


def _apart(grid, vectors, point, pixel, source):
    """Vectors from sources to a point in pixels, and their lengths in deg (chords will do)."""
    apart = grid.points[pixel, point] - vectors[source]
    return apart, np.degrees(np.sqrt(np.einsum("ij,ij->i", apart, apart)))


def _part(grid, group, vectors, point, pixel, source, spectrum, directions):
    """Profile, and its change to the east and north, at one point in every pixel."""
    apart, distance = _apart(grid, vectors, point, pixel, source)
    place = group.profiles.place(distance)
    profile = group.profiles.at(spectrum, *place)
    if directions is None:
        return (profile,)
    east, north = directions
    slope = -group.slopes.at(spectrum, *place) / np.maximum(distance, 1e-6) * np.degrees(1)
    return (
        profile,
        slope * np.einsum("ij,ij->i", apart, east[source]),
        slope * np.einsum("ij,ij->i", apart, north[source]),
    )
