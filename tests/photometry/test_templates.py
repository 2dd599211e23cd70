"""Templates of sources on the pixels around them."""

from types import SimpleNamespace

import numpy as np

from fermiml.photometry.templates import NearPixels
from fermiml.sky.sphere import axes, unit_vectors


def test_sources_without_any_pixel_around_them():
    """All of them may lie where the data of a region have a hole."""
    mesh = SimpleNamespace(
        within=lambda _, vectors: [np.array([], int) for _ in vectors],
        points=np.zeros((5, 4, 3)),
        area=np.ones(5),
    )
    vectors = unit_vectors(np.array([10.0, 20.0]), np.array([0.0, 60.0]))
    near = NearPixels.within(mesh, vectors, axes(vectors), 3.0)
    assert near.squares(np.zeros((2, 2))).shape == (4, 0)
    assert near.sources == 2
