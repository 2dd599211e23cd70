"""The test statistic of a source in a window."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from fermiml.time import excess


def _by_hand(counts, ratio, seen):
    def cost(s):
        return -2 * (np.sum(counts * np.log1p(s * ratio)) - s * seen)

    found = minimize_scalar(cost, bounds=(0, 10 * counts.sum() / seen), method="bounded",
                            options={"xatol": 1e-9})  # fmt: skip
    return found.x, -found.fun


@pytest.mark.parametrize("seed", range(6))
def test_maximum_is_that_of_the_likelihood(seed):
    rng = np.random.default_rng(seed)
    ratio = np.geomspace(1e4, 1e-2, 8)
    counts = rng.poisson([2, 1, 3, 3, 6, 20, 60, 200]).astype(float)
    amplitude, ts = excess.maximum(counts, ratio, 0.8)
    assert np.allclose([amplitude, ts], _by_hand(counts, ratio, 0.8), rtol=1e-4, atol=1e-4)


def test_photons_and_classes_of_them_say_the_same():
    """A class with n photons is n photons."""
    counts, ratio = np.array([3.0, 5.0]), np.array([100.0, 2.0])
    photons = np.repeat(ratio, counts.astype(int))
    assert np.allclose(excess.maximum(counts, ratio, 0.9),
                       excess.maximum(np.ones(8), photons, 0.9))  # fmt: skip


def test_bound_is_above_the_maximum():
    rng = np.random.default_rng(3)
    counts = rng.poisson(2.0, (500, 6)).astype(float)
    ratio = 10 ** rng.uniform(-2, 3, (500, 6))
    ts = excess.maximum(counts, ratio, 0.7)[1]
    limit = excess.bound(counts, ratio, 0.7)
    assert np.all(limit >= ts - 1e-6)
    assert np.median(ts / limit) > 0.2  # it spares most of the work


def test_no_photon_is_no_excess():
    amplitude, ts = excess.maximum(np.zeros(4), np.ones(4), 0.5)
    assert amplitude == ts == 0
    assert excess.bound(np.zeros(4), np.ones(4), 0.5) == 0
