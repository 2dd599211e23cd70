"""From score and TS to a probability."""

import numpy as np
import pytest

from fermiml.detect import calibration


def test_a_ts_that_speaks_against_sources_only_breaks_ties():
    """Bright clumps: the probability still rises with TS, and its mean stays true."""
    rng = np.random.default_rng(7)
    score = rng.uniform(0.02, 0.99, 4000)
    ts = rng.gamma(2.0, 20, 4000)
    real = rng.random(4000) < 1 / (1 + np.exp(-(6 * score - 2 - 0.03 * ts)))
    fitted = calibration.fit(score, ts, real, real)
    probability = calibration.probability(score, ts, fitted)
    assert probability.mean() == pytest.approx(real.mean(), abs=0.02)
    assert 0 < fitted["slopes"][1] < 0.01


def test_what_can_be_matched_comes_first():
    """Faint true sources are real, but no matches: TS tells them apart, and so it ranks."""
    rng = np.random.default_rng(8)
    score, ts = rng.uniform(0.02, 0.99, 4000), rng.gamma(2.0, 20, 4000)
    real = rng.random(4000) < score
    matched = real & (ts > 30)
    by_match = calibration.fit(score, ts, matched, real)
    assert by_match["slopes"][1] > 10 * calibration.fit(score, ts, real, real)["slopes"][1]
    probability = calibration.probability(score, ts, by_match)
    assert probability.mean() == pytest.approx(real.mean(), abs=0.02)


def test_calibration_rises_strictly_and_holds_what_it_was_fitted_to():
    """Ties would spoil the ranking; the mean probability is the share of real ones."""
    rng = np.random.default_rng(6)
    score = rng.uniform(0.02, 0.99, 4000)
    ts = rng.gamma(2.0, 20 * score)
    real = rng.random(4000) < 1 / (1 + np.exp(-(6 * score - 3 + 0.02 * ts)))
    for values in (ts, None):
        fitted = calibration.fit(score, values, real, real)
        probability = calibration.probability(score, values, fitted)
        assert probability.mean() == pytest.approx(real.mean(), abs=0.02)
        line = np.linspace(0.05, 0.95, 200)
        given = None if values is None else np.full(200, 30.0)
        assert np.all(np.diff(calibration.probability(line, given, fitted)) > 0)
    fitted = calibration.fit(score, ts, real, real)
    rising = calibration.probability(np.full(200, 0.5), np.linspace(0, 3000, 200), fitted)
    assert np.all(np.diff(rising) > 0)
