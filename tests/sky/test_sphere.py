"""Directions: to angles and back, the same wherever they lie in memory."""

import numpy as np
import pytest

from fermiml.sky.sphere import angles, unit_vectors


def test_angles_are_those_that_the_vectors_were_made_of():
    lon, lat = [0.0, 130.0, 359.9, 210.0], [0.0, -45.0, 89.0, -89.9]
    assert np.array(angles(unit_vectors(lon, lat))) == pytest.approx(np.array([lon, lat]))


def test_angles_do_not_depend_on_the_place_in_memory():
    """A simulated sky is the same in every process."""
    kept, seen = [], set()
    for n in range(200):
        kept.append(np.ones(n % 37 * 50))  # what else a process has in memory
        vectors = np.random.default_rng(3).normal(size=(4000, 3))
        vectors /= np.linalg.norm(vectors, axis=1)[:, None]
        seen.add(b"".join(angle.tobytes() for angle in angles(vectors)))
    assert len(seen) == 1
