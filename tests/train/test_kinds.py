"""The classifier of sources learns from measured spectra, and says how sure it may be."""

import numpy as np
import pytest
from astropy.table import Table
from makers import spectra
from numpy.testing import assert_allclose
from pytest import approx

from fermiml.catalog.source_classes import KINDS
from fermiml.detect import classify
from fermiml.train import kinds

PRIORS = np.zeros((len(KINDS), 3)), np.zeros((len(KINDS), 6))
SOFT = KINDS.index("FSRQ")


@pytest.fixture(scope="module")
def fitted():
    """From twice as many BL Lacs as of any other kind."""
    rng = np.random.default_rng(1)
    kind = np.append(spectra.kinds(rng, 240), ["BLL"] * 60)
    table = spectra.measured(rng, kind)
    return kinds.fit_classifier(table, kind, np.arange(300) % 30, PRIORS, seed=2)


def test_kinds_are_told_by_their_spectra(fitted):
    rng = np.random.default_rng(3)
    kind = spectra.kinds(rng, 500)
    named = fitted.probabilities(spectra.measured(rng, kind)).argmax(axis=1)
    assert np.mean(np.array(KINDS)[named] == kind) > 0.8


def test_the_mixture_of_the_sample_is_no_prior(fitted):
    """Spectra that say nothing are as likely one as the other."""
    rng = np.random.default_rng(4)
    table = spectra.measured(rng, spectra.kinds(rng, 2000), ts=400.0)
    mean = fitted.probabilities(table).mean(axis=0)
    assert_allclose(mean, 0.2, atol=0.05)


def test_probabilities_are_as_right_as_they_say(fitted):
    rng = np.random.default_rng(5)
    kind = spectra.kinds(rng, 3000)
    probability = fitted.probabilities(spectra.measured(rng, kind))
    right = np.array(KINDS)[probability.argmax(axis=1)] == kind
    assert right.mean() == approx(probability.max(axis=1).mean(), abs=0.05)


def test_the_prior_enters_as_odds(fitted):
    """Among bright sources FSRQs are e times as many."""
    prior = np.zeros((len(KINDS), 3))
    prior[SOFT, 1] = 1.0
    changed = classify.Classifier(**{**vars(fitted), "prior": prior})
    table = spectra.measured(np.random.default_rng(6), ["FSRQ"] * 4, ts=25.0)
    table["Flux1000"] = 1e-8

    def odds(classifier):
        probability = classifier.probabilities(table)[:, SOFT]
        return probability / (1 - probability)

    assert_allclose(odds(changed) / odds(fitted), np.e, rtol=1e-6)


def test_saved_and_read_again_it_answers_the_same(fitted, tmp_path):
    fitted.save(tmp_path / "classifier.npz")
    again = classify.Classifier.load(tmp_path / "classifier.npz")
    table = spectra.measured(np.random.default_rng(7), ["BLL", "PSR"] * 20)
    assert_allclose(again.probabilities(table), fitted.probabilities(table), atol=1e-4)


def test_the_prior_is_the_fraction_of_a_kind_at_each_latitude():
    rng = np.random.default_rng(8)
    table = Table({"GLAT": rng.uniform(-90, 90, 5_000), "Flux1000": np.full(5_000, 1e-9)})
    near = np.abs(table["GLAT"]) < 10
    pulsar = rng.random(5_000) < np.where(near, 0.6, 0.1)
    kind = np.where(pulsar, "PSR", rng.choice(["BLL", "FSRQ", "SNR", "OTH"], 5_000))
    for by_position, expected in ((True, (0.6, 0.1)), (False, 2 * (np.mean(pulsar),))):
        prior = kinds.fit_prior(table, kind, by_position)
        logits = classify.prior_features(table, by_position) @ prior.T
        share = classify.normalised(logits)[:, KINDS.index("PSR")]
        assert share[near].mean() == approx(expected[0], abs=0.1)
        assert share[~near].mean() == approx(expected[1], abs=0.02)
