"""AGN, pulsar or nothing, from made-up spectra."""

import numpy as np
import pytest
from astropy.table import Table
from numpy.testing import assert_allclose
from pytest import approx

from fermiml.detect import classify

PRIOR = np.array([2.0, -1.5, 0, 0, 0, 0])  # pulsars near the plane


def measured(rng, pulsar, ts=400.0):
    """What photometry would say of log-parabolas, as good as the TS allows."""
    number, error = len(pulsar), 1.5 / np.sqrt(ts)
    bend = np.where(pulsar, 0.35, 0.08) + rng.normal(0, np.hypot(0.05, error), number)
    index = np.where(pulsar, 2.2, 2.1) + rng.normal(0, np.hypot(0.2, error), number)
    energy = np.array([0.7, 1.4, 3.7, 12.0, 40.0])[:, None]
    flux = np.array([1.6, 1.0, 0.75, 0.12, 0.08])[:, None] * energy ** (
        2.2 - index - bend * np.log(energy)
    )
    table = Table()
    table["PL_Index"] = index + bend
    table["LP_Index"], table["LP_beta"] = index, bend
    table["Unc_PL_Index"] = table["Unc_LP_beta"] = np.full(number, error)
    table["LP_SigCurv"] = np.abs(bend) / error
    table["Pivot_Energy"] = np.full(number, 1500.0)
    table["ML_TS"] = np.full(number, ts)
    table["Flux1000"] = np.full(number, 1e-9)
    table["ML_Flux_Band"] = 1e-9 * flux.T
    table["Unc_ML_Flux_Band"] = np.full((number, 5), 1e-9 * error)
    table["GLAT"] = rng.uniform(-90, 90, number)
    table["ML_Prob"] = rng.uniform(0, 1, number)
    return table


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(1)
    pulsar = rng.random(400) < 0.5
    return classify.fit_classifier(
        measured(rng, pulsar), pulsar, np.arange(400) % 10, PRIOR, seed=2
    )


def test_pulsars_are_told_from_agn_by_their_spectra(fitted):
    rng = np.random.default_rng(3)
    pulsar = rng.random(500) < 0.5
    logit = fitted.spectral_logit(measured(rng, pulsar))
    assert np.mean((logit > 0) == pulsar) > 0.9


def test_the_prior_enters_as_odds(fitted):
    table = measured(np.random.default_rng(4), np.ones(50, bool))
    odds = {}
    for lat in (0.0, 60.0):
        table["GLAT"] = lat
        p = fitted.pulsar_probability(table)
        odds[lat] = np.log(p / (1 - p))
    assert_allclose(odds[0.0] - odds[60.0], 1.5 * np.log(61), rtol=1e-6)


def test_probabilities_sum_to_one_and_the_class_follows(fitted):
    rng = np.random.default_rng(5)
    table = measured(rng, rng.random(200) < 0.5)
    classify.add_classes(table, fitted.pulsar_probability(table))
    agn, psr, fake = (table[f"ML_Prob_{name}"] for name in ("AGN", "PSR", "FAKE"))
    assert_allclose(agn + psr + fake, 1)
    assert_allclose(fake, 1 - table["ML_Prob"])
    expected = np.where(fake > 0.5, "FAKE", np.where(psr > agn, "PSR", "AGN"))
    assert np.array_equal(table["ML_Class"], expected)
    assert set(expected) == {"AGN", "PSR", "FAKE"}


def test_sources_without_a_fit_get_a_probability_too(fitted):
    table = measured(np.random.default_rng(6), np.ones(3, bool))
    for name in table.colnames:
        if name not in ("GLAT", "ML_Prob"):
            table[name] = np.full_like(table[name], np.nan)
    probability = fitted.pulsar_probability(table)
    assert np.all((probability > 0) & (probability < 1))


def test_saved_and_read_again_it_answers_the_same(fitted, tmp_path):
    fitted.save(tmp_path / "classifier.npz")
    again = classify.Classifier.load(tmp_path / "classifier.npz")
    table = measured(np.random.default_rng(7), np.arange(40) % 2 == 0)
    assert_allclose(again.pulsar_probability(table), fitted.pulsar_probability(table), atol=1e-4)


def test_the_prior_is_the_share_of_pulsars_at_each_latitude():
    rng = np.random.default_rng(8)
    table = Table({"GLAT": rng.uniform(-90, 90, 40_000), "Flux1000": np.full(40_000, 1e-9)})
    near = np.abs(table["GLAT"]) < 10
    pulsar = rng.random(40_000) < np.where(near, 0.6, 0.1)
    logit = classify.prior_features(table) @ classify.fit_prior(table, pulsar)
    share = 1 / (1 + np.exp(-logit))
    assert share[near].mean() == approx(0.6, abs=0.1)
    assert share[~near].mean() == approx(0.1, abs=0.02)


def test_the_installed_classifier_knows_a_curved_spectrum():
    rng = np.random.default_rng(9)
    pulsar = np.arange(200) % 2 == 0
    logit = classify.Classifier.load().spectral_logit(measured(rng, pulsar, ts=2500.0))
    assert logit[pulsar].mean() > logit[~pulsar].mean() + 2


def test_an_empty_table_stays_empty(fitted):
    table = measured(np.random.default_rng(10), np.zeros(0, bool))
    classify.add_classes(table, fitted.pulsar_probability(table))
    assert len(table) == 0 and "ML_Class" in table.colnames
