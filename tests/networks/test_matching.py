"""Sources and predictions are matched in the loss as the Hungarian algorithm would."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from fermiml.networks import start_keras
from fermiml.networks.sets import matching


@pytest.mark.parametrize("sources", [0, 5, 40])
def test_the_cost_is_that_of_the_hungarian_algorithm(sources):
    start_keras()
    rng = np.random.default_rng(sources)
    here, there = rng.uniform(0, 8, (3, 45, 1, 2)), rng.uniform(0, 8, (3, 1, 60, 2))
    cost = np.minimum(np.hypot(*np.moveaxis(here - there, -1, 0)), 4).astype(np.float32)
    present = np.broadcast_to(np.arange(45) < sources, (3, 45)).astype(np.float32)
    owner = np.asarray(matching.assigned(cost, present))
    assert owner.shape == cost.shape
    assert np.all(owner.sum(axis=2) == present)
    assert owner.sum(axis=1).max(initial=0) <= 1
    for mine, costs in zip(owner, cost, strict=True):
        rows, columns = linear_sum_assignment(costs[:sources])
        least = costs[rows, columns].sum()
        assert least - 1e-4 <= (mine * costs).sum() <= least + sources * matching.STEP
