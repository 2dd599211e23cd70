"""The minimum of the likelihood is where it should be, also at bounds and on bent surfaces."""

import numpy as np
import pytest
from scipy.optimize import minimize

from fermiml.likelihood.poisson import Poisson, minimise

PIXELS = np.arange(40)
STARTS = np.array([0, 40, 80])  # two energy bins


def poisson(norms, seed=None):
    """Two overlapping sources on a flat background in two bins; counts are what is expected."""
    shapes = np.array([np.exp(-0.5 * np.square((PIXELS - place) / 4)) for place in (16, 22)])
    templates = np.tile(np.vstack([shapes, np.ones(len(PIXELS))]), 2)
    expected = norms @ templates
    counts = expected if seed is None else np.random.default_rng(seed).poisson(expected)
    sums = np.repeat(templates[:, :40].sum(axis=1)[:, None], 2, axis=1)
    return Poisson(templates, sums, counts.astype(float), np.zeros(len(expected)), STARTS)


def in_norms(likelihood):
    """Value, gradient and curvature as functions of norms that are the same in both bins."""

    def function(norms):
        loss, gradient, curvature = likelihood.slopes(np.repeat(norms[:, None], 2, axis=1))
        matrix = curvature.sum(axis=0)
        return loss, gradient.sum(axis=1), matrix, np.zeros_like(matrix)

    return function


BOUNDS = np.zeros(3), np.full(3, 1e3)


def test_expected_counts_give_back_their_norms():
    truth = np.array([30.0, 8.0, 5.0])
    found = minimise(in_norms(poisson(truth)), np.ones(3), *BOUNDS)
    assert found.converged
    assert found.values == pytest.approx(truth, rel=1e-3)


def test_the_minimum_is_that_of_a_general_minimiser():
    function = in_norms(poisson(np.array([30.0, 8.0, 5.0]), seed=2))
    other = minimize(lambda n: function(n)[:2], np.ones(3), jac=True, method="L-BFGS-B",
                     bounds=[(1e-6, None)] * 3, options={"ftol": 1e-13})  # fmt: skip
    found = minimise(function, np.ones(3), *BOUNDS)
    assert found.loss == pytest.approx(other.fun, abs=1e-4)
    assert found.values == pytest.approx(other.x, rel=1e-2)


def test_errors_are_the_scatter_of_many_skies():
    truth = np.array([30.0, 8.0, 5.0])
    fits = [minimise(in_norms(poisson(truth, seed)), truth, *BOUNDS) for seed in range(200)]
    scatter = np.std([fit.values for fit in fits], axis=0)
    errors = np.sqrt(np.mean([np.diag(fit.covariance()) for fit in fits], axis=0))
    assert scatter == pytest.approx(errors, rel=0.2)


def test_a_source_that_is_not_there_stays_at_zero():
    likelihood = poisson(np.array([30.0, -3.0, 5.0]))  # a hole beside a source
    found = minimise(in_norms(likelihood), np.ones(3), *BOUNDS)
    assert found.converged
    assert found.values[1] == 0
    assert in_norms(likelihood)(found.values)[1][1] > 0  # below zero the likelihood would rise


def test_the_gradient_is_that_of_the_value():
    likelihood = poisson(np.array([30.0, 8.0, 5.0]), seed=3)
    norms, step = np.repeat([[20.0], [9.0], [4.0]], 2, axis=1), 1e-4
    _, gradient, _ = likelihood.slopes(norms)
    for column in range(3):
        low, high = norms.copy(), norms.copy()
        low[column, 1], high[column, 1] = norms[column, 1] - step, norms[column, 1] + step
        change = (likelihood.slopes(high)[0] - likelihood.slopes(low)[0]) / (2 * step)
        assert gradient[column, 1] == pytest.approx(change, rel=1e-5, abs=1e-4)


def test_the_value_along_one_norm():
    likelihood = poisson(np.array([30.0, 8.0, 5.0]), seed=3)
    norms = np.repeat([[20.0], [9.0], [4.0]], 2, axis=1)
    along = likelihood.along(norms, 1, unit=np.array([9.0, 9.0]))
    for factor in (0.5, 1.0, 2.0):
        norms[1] = 9.0 * factor
        assert along(factor) == pytest.approx(likelihood.slopes(norms)[0])


def test_a_surface_that_is_bent_the_wrong_way_is_left_downhill():
    """Between its two minima a quartic curves downwards: Newton's step would lead to the top."""

    def quartic(x):
        return np.sum(x**4 / 4 - x**2 / 2), x**3 - x, np.diag(3 * x**2), -np.eye(len(x))

    found = minimise(quartic, np.array([0.1, -0.2]), np.full(2, -5.0), np.full(2, 5.0))
    assert found.converged
    assert found.values == pytest.approx([1, -1], abs=1e-2)
    assert np.diag(found.covariance()) == pytest.approx([0.5, 0.5], rel=0.05)


def test_a_parameter_that_changes_nothing_has_no_variance():
    def bowl(x):
        return 0.5 * x[0] ** 2, np.array([x[0], 0.0]), np.diag([1.0, 0.0]), np.zeros((2, 2))

    found = minimise(bowl, np.array([3.0, 2.0]), np.full(2, -9.0), np.full(2, 9.0))
    assert found.converged
    assert found.values == pytest.approx([0, 2], abs=1e-2)
    assert found.covariance() == pytest.approx(np.diag([1.0, 0.0]))


def test_a_value_that_is_no_number_is_never_taken():
    """The full step would lead to where nothing is known."""

    def walled(x):
        value = np.inf if x[0] < -1 else x[0] + np.exp(-x[0])
        slope = np.array([1 - np.exp(-x[0])])
        return value, slope, np.array([[np.exp(-x[0])]]), np.zeros((1, 1))

    found = minimise(walled, np.array([4.0]), np.array([-99.0]), np.array([99.0]))
    assert found.converged
    assert found.values == pytest.approx([0], abs=1e-2)


def test_the_gain_of_a_last_step_that_is_not_made_is_known():
    """A fit that stops early has nearly the loss of the minimum."""
    likelihood = poisson(np.array([8.0, 5.0, 3.0]), seed=1)
    start, high = np.array([6.0, 6.0, 3.0]), np.full(3, np.inf)
    best = minimise(in_norms(likelihood), start, np.zeros(3), high)
    early = minimise(in_norms(likelihood), start, np.zeros(3), high, tolerance=0.3)
    assert early.converged
    assert np.abs(early.values - best.values).max() > 1e-3
    assert early.loss == pytest.approx(best.loss, abs=5e-3)
