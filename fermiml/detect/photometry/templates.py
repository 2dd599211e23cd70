"""PSF templates of many sources at once: sparse matrices (pixel, source)."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_matrix
from scipy.spatial import cKDTree

from fermiml.detect.photometry.planes import INDICES
from fermiml.detect.photometry.regions import axes


@dataclass(frozen=True)
class Templates:
    """Share of each source's counts that falls into each pixel; `east` and `north` are the
    changes of it when the source moves by one deg that way."""

    values: csc_matrix
    east: csc_matrix | None = None
    north: csc_matrix | None = None


def make_templates(grid, tree, plane, vectors, index, gradients=False):
    """Templates of sources with unit `vectors` and photon `index` on the grid of a plane."""
    chord = 2 * np.sin(np.radians(plane.reach) / 2)
    found = tree.query_ball_point(vectors, chord, return_sorted=True)
    lengths = np.array([len(f) for f in found], int)
    pixel = np.concatenate([*found, np.zeros(0, int)]).astype(np.int32)
    source = np.repeat(np.arange(len(vectors)), lengths)
    pointers = np.concatenate([[0], np.cumsum(lengths)])
    shape = len(grid.area), len(vectors)
    spectrum = _nearest_index(index)[source]
    parts = [_part(grid, plane, vectors, p, pixel, source, spectrum, gradients)
             for p in range(grid.points.shape[1])]  # fmt: skip
    data = np.mean(parts, axis=0) * grid.area[pixel]
    return Templates(*(csc_matrix((d, pixel, pointers), shape) for d in data))


def pixel_tree(grid):
    """A tree of the grid's pixel centres."""
    return cKDTree(grid.vectors)


def _nearest_index(index):
    return np.argmin(np.abs(np.asarray(index)[:, None] - INDICES), axis=1)


def _part(grid, plane, vectors, point, pixel, source, spectrum, gradients):
    """Profile, and its change to the east and north, at one point in every pixel."""
    apart = grid.points[pixel, point] - vectors[source]
    distance = np.degrees(np.sqrt(np.einsum("ij,ij->i", apart, apart)))  # chords will do
    place = np.minimum(np.sqrt(distance) * plane.nodes_per_root, plane.profiles.shape[1] - 2)
    node = place.astype(int)
    weight = place - node
    width = plane.profiles.shape[1]

    def table(values):
        flat, start = values.ravel(), spectrum * width + node
        return (1 - weight) * flat[start] + weight * flat[start + 1]

    profile = table(plane.profiles)
    if not gradients:
        return (profile,)
    east, north = axes(vectors)
    slope = -table(plane.slopes) / np.maximum(distance, 1e-6) * np.degrees(1)
    return (
        profile,
        slope * np.einsum("ij,ij->i", apart, east[source]),
        slope * np.einsum("ij,ij->i", apart, north[source]),
    )
