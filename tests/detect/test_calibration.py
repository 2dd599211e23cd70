"""From score and TS to a probability."""

import numpy as np
import pytest

from fermiml.detect import calibration


def measured(ts, level=1000.0, extended=0.0):
    """A photometry with these TS, background counts, and TS of an extension."""
    ts = np.asarray(ts, float)
    return {
        "ML_TS": ts,
        "ML_TS_Ext": np.broadcast_to(extended, ts.shape),
        "Npred": np.sqrt(level * np.maximum(ts, 1)),
    }


def test_a_ts_that_speaks_against_sources_only_breaks_ties():
    """Bright clumps: the probability still rises with TS, and its mean stays true."""
    rng = np.random.default_rng(7)
    score = rng.uniform(0.02, 0.99, 4000)
    ts = rng.gamma(2.0, 20, 4000)
    real = rng.random(4000) < 1 / (1 + np.exp(-(6 * score - 2 - 0.03 * ts)))
    fitted = calibration.fit(score, measured(ts), real, real)
    probability = calibration.probability(score, measured(ts), fitted)
    assert probability.mean() == pytest.approx(real.mean(), abs=0.02)
    assert 0 < fitted["slopes"][1] < 0.01


def test_what_can_be_matched_comes_first():
    """Faint true sources are real, but no matches: TS tells them apart, and so it ranks."""
    rng = np.random.default_rng(8)
    score, ts = rng.uniform(0.02, 0.99, 4000), rng.gamma(2.0, 20, 4000)
    real = rng.random(4000) < score
    matched = real & (ts > 30)
    by_match = calibration.fit(score, measured(ts), matched, real)
    assert (
        by_match["slopes"][1] > 10 * calibration.fit(score, measured(ts), real, real)["slopes"][1]
    )
    probability = calibration.probability(score, measured(ts), by_match)
    assert probability.mean() == pytest.approx(real.mean(), abs=0.02)


def test_calibration_rises_strictly_and_holds_what_it_was_fitted_to():
    """Ties would spoil the ranking; the mean probability is the share of real ones."""
    rng = np.random.default_rng(6)
    score = rng.uniform(0.02, 0.99, 4000)
    ts = rng.gamma(2.0, 20 * score)
    real = rng.random(4000) < 1 / (1 + np.exp(-(6 * score - 3 + 0.02 * ts)))
    for values in (measured(ts), None):
        fitted = calibration.fit(score, values, real, real)
        probability = calibration.probability(score, values, fitted)
        assert probability.mean() == pytest.approx(real.mean(), abs=0.02)
        line = np.linspace(0.05, 0.95, 200)
        given = None if values is None else measured(np.full(200, 30.0))
        assert np.all(np.diff(calibration.probability(line, given, fitted)) > 0)
    fitted = calibration.fit(score, measured(ts), real, real)
    more = measured(np.linspace(0, 3000, 200))
    rising = calibration.probability(np.full(200, 0.5), more, fitted)
    assert np.all(np.diff(rising) > 0)


def test_bright_backgrounds_and_extended_candidates_are_trusted_less():
    """Structure that no model has makes false sources where there are many counts."""
    rng = np.random.default_rng(9)
    score, ts = rng.uniform(0.02, 0.99, 8000), rng.gamma(2.0, 20, 8000)
    level = 10 ** rng.uniform(1.5, 4.5, 8000)
    extended = rng.exponential(3.0, 8000) * (rng.random(8000) < 0.3)
    logit = 6 * score - 0.5 * np.log10(level) - 0.6 * np.log1p(extended)
    real = rng.random(8000) < 1 / (1 + np.exp(-logit))
    given = measured(ts, level, extended)
    probability = calibration.probability(score, given, calibration.fit(score, given, real, real))
    for chosen in (level < 200, level > 5000, extended == 0, extended > 3):
        assert probability[chosen].mean() == pytest.approx(real[chosen].mean(), abs=0.025)


def test_points_of_two_slopes_know_score_and_ts_only():
    point = {"intercept": -1.0, "slopes": [1.0, 1.0]}
    one, other = (
        calibration.probability([0.5], measured([40.0], *more), point)[0]
        for more in ((10.0, 0.0), (1e4, 20.0))
    )
    assert one == other


def test_a_purity_is_that_of_the_list_as_its_probabilities_tell_it():
    """Purer lists are shorter, and none crosses the measured list of 95 %."""
    probability = np.concatenate([np.full(90, 0.999), np.linspace(0.02, 0.98, 60)])
    limits = [calibration.threshold_for(p, probability, 0.7) for p in (0.8, 0.9, 0.98, 0.995)]
    assert np.all(np.diff(limits) >= 0)
    listed = [probability[probability >= limit] for limit in limits]
    assert [values.mean() for values in listed] == pytest.approx([0.8, 0.9, 0.98, 0.995], abs=0.01)
    assert calibration.threshold_for(0.9, [0.8, 0.75], 0.7) == 0.7
    assert calibration.threshold_for(0.99, [0.999, 0.999], 0.7) == 0.999
    assert not np.any(np.array([0.8, 0.9]) >= calibration.threshold_for(0.99, [0.8, 0.9], 0.7))
