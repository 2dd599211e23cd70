"""Losses of pixels."""

import numpy as np
import pytest

from fermiml.networks import losses


@pytest.mark.parametrize("name", losses.PIXEL_LOSSES)
def test_losses_are_small_for_the_truth_and_blind_where_the_weight_is_zero(name):
    rng = np.random.default_rng(2)
    target = (rng.random((2, 32, 32, 1)) < 0.1).astype(np.float32)
    weight = (rng.random(target.shape) < 0.8).astype(np.float32)
    loss = losses.pixel_loss(name)
    right = np.where(target > 0, 9.0, -9.0).astype(np.float32)
    wrong_elsewhere = np.where(weight > 0, right, -right)
    assert float(loss(target, weight, right)) < 0.01
    assert float(loss(target, weight, wrong_elsewhere)) < 0.01
    assert float(loss(target, weight, -right)) > 0.5
