"""Inputs other than the features: counts, scaled in different ways."""

import numpy as np
import pytest

from fermiml.errors import InputError
from fermiml.features.patch_features import N_FEATURES, PatchFeatures, stabilised
from fermiml.networks import get_architecture, raw_counts

COUNTS = np.random.default_rng(3).poisson([[[20.0, 9, 4, 1, 0.1]]], (32, 32, 5)).astype("f")


def features():
    counts = np.moveaxis(COUNTS, -1, 0)[None]
    make = PatchFeatures([[None] * 5], 32)
    return np.moveaxis(make(counts, np.ones((1, 32, 32)), np.ones(5)), 0, -1)


def test_the_mean_of_the_bands_becomes_its_asinh():
    mean = raw_counts.asinh_scaled(COUNTS).mean(axis=-1)
    wanted = np.arcsinh(0.005 * 10 * COUNTS.mean(axis=-1)) / 10
    np.testing.assert_allclose(mean, wanted, rtol=1e-5)
    bright, faint = raw_counts.asinh_scaled(np.array([[1e4, 5e3], [0.0, 0.0]]))
    assert bright[0] == pytest.approx(2 * bright[1])  # colours stay
    assert not faint.any()


def test_z_scores_have_no_mean_and_unit_variance():
    scores = raw_counts.z_scores(COUNTS)
    assert scores.mean(axis=(0, 1)) == pytest.approx(0, abs=1e-4)
    assert scores.std(axis=(0, 1)) == pytest.approx(1, abs=1e-4)
    assert not raw_counts.z_scores(np.zeros((8, 8, 5))).any()  # an absent band


@pytest.mark.parametrize("scaling", raw_counts.SCALINGS[1:])
def test_only_counts_and_what_is_observed_are_looked_at(scaling):
    given = features()
    shown = raw_counts.scaled(given, scaling)
    assert shown.shape == given.shape == (32, 32, N_FEATURES)
    assert not shown[..., 5:15].any() and not shown[..., 20:].any()
    assert np.array_equal(shown[..., 15:20], given[..., 15:20])
    wanted = {
        True: stabilised(COUNTS),
        "asinh": raw_counts.asinh_scaled(COUNTS),
        "z-score": raw_counts.z_scores(COUNTS),
    }
    np.testing.assert_allclose(shown[..., :5], wanted[scaling], rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("value", [1, "log", None])
def test_other_scalings_are_refused(value):
    network = get_architecture("heatmap")
    with pytest.raises(InputError, match=r"architecture\.raw: one of false, true, asinh, z-score"):
        network.check({**network.OPTIONS, "raw": value})
