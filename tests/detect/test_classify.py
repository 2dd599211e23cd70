"""What kind of source a candidate is, from made-up spectra."""

import numpy as np
import pytest
from astropy.table import Table
from makers import smallskies, spectra
from numpy.testing import assert_allclose

from fermiml import SourceDetector
from fermiml.catalog.source_classes import CLASSES, KINDS
from fermiml.detect import classify


def test_the_position_counts_only_where_asked_for():
    """The same spectrum in the plane and far from it."""
    table = spectra.measured(np.random.default_rng(4), ["PSR"], ts=16.0)[[0, 0]]
    table["GLAT"] = [0.0, 60.0]
    classifier = classify.shipped()
    spectrum = classifier.probabilities(table)
    assert_allclose(spectrum[0], spectrum[1])
    place = classifier.probabilities(table, by_position=True)
    pulsar, agn = KINDS.index("PSR"), [KINDS.index("BLL"), KINDS.index("FSRQ")]
    assert place[0, pulsar] > 2 * place[1, pulsar]
    assert place[0, agn].sum() < place[1, agn].sum()


def test_detection_uses_the_position_only_where_asked_for(monkeypatch):
    """And gives all columns that sum to one."""
    cube = smallskies.cube(smallskies.power_laws(smallskies.LON, smallskies.LAT, 1e-9))
    wanted = []
    monkeypatch.setattr(
        classify, "add_kinds",
        lambda table, by_position, original=classify.add_kinds: (
            wanted.append(by_position), original(table, by_position)),
    )  # fmt: skip
    for settings in ({}, {"classes_by_position": True}):
        table = SourceDetector.from_pretrained(**settings).run(cube).table
        assert len(table)
        total = sum(np.asarray(table[f"ML_Prob_{name}"]) for name in (*CLASSES, "FAKE"))
        assert_allclose(total, 1, atol=1e-5)
        assert_allclose(table["ML_Prob_BLL"] + table["ML_Prob_FSRQ"], table["ML_Prob_AGN"])
    assert wanted == [False, True]


def test_the_installed_classifier_knows_the_kinds_of_bright_sources():
    """A hard, a curved and an extended source; a soft one may be of several kinds."""
    rng = np.random.default_rng(9)
    for kind in ("BLL", "PSR", "SNR"):
        table = spectra.measured(rng, [kind] * 200, ts=2500.0)
        named = np.argmax(classify.shipped().log_likelihoods(table), axis=1)
        assert np.mean(named == KINDS.index(kind)) > 0.6, kind


def test_probabilities_sum_to_one_and_the_class_follows():
    rng = np.random.default_rng(5)
    table = spectra.measured(rng, spectra.kinds(rng, 300))
    classify.add_kinds(table)
    columns = {name: np.asarray(table[f"ML_Prob_{name}"]) for name in (*CLASSES, *KINDS, "FAKE")}
    assert_allclose(sum(columns[name] for name in (*CLASSES, "FAKE")), 1)
    assert_allclose(columns["BLL"] + columns["FSRQ"], columns["AGN"])
    assert_allclose(columns["FAKE"], 1 - table["ML_Prob"])
    fake = columns["FAKE"] > 0.5
    likeliest = np.array(CLASSES)[np.argmax([columns[name] for name in CLASSES], axis=0)]
    assert np.array_equal(table["ML_Class"], np.where(fake, "FAKE", likeliest))
    assert {"AGN", "PSR", "FAKE"} <= set(table["ML_Class"])


def test_a_network_that_knows_two_classes():
    """Remnants and others are then excluded, and of the kinds of AGN nothing is known."""
    table = Table({"ML_Prob": [0.9, 0.4]})
    classify.add_classes(table, {"AGN": np.array([0.2, 0.9]), "PSR": np.array([0.8, 0.1])})
    assert_allclose(table["ML_Prob_AGN"], [0.18, 0.36])
    assert_allclose(table["ML_Prob_PSR"], [0.72, 0.04])
    assert_allclose([table["ML_Prob_SNR"], table["ML_Prob_OTH"]], 0)
    assert np.isnan([table["ML_Prob_BLL"], table["ML_Prob_FSRQ"]]).all()
    assert list(table["ML_Class"]) == ["PSR", "FAKE"]


def test_sources_without_a_fit_get_probabilities_too():
    table = spectra.measured(np.random.default_rng(6), ["PSR"] * 3)
    for name in table.colnames:
        if name not in ("GLAT", "ML_Prob"):
            table[name] = np.full_like(table[name], np.nan)
    probability = classify.shipped().probabilities(table)
    assert np.all((probability > 0) & (probability < 1))
    assert_allclose(probability.sum(axis=1), 1)


def test_the_columns_of_4fgl_are_enough():
    """Its significance stands for the TS; no TS of an extension is no extension."""
    table = spectra.measured(np.random.default_rng(7), ["BLL", "PSR"])
    real = table.copy()
    real["Signif_Avg"] = np.sqrt(real["ML_TS"])
    real.remove_columns(["ML_TS", "ML_TS_Ext", "ML_Prob"])
    ours, theirs = (classify.shipped().probabilities(t) for t in (table, real))
    assert_allclose(ours, theirs)


def test_an_empty_table_stays_empty():
    table = spectra.measured(np.random.default_rng(10), [])
    classify.add_kinds(table)
    assert len(table) == 0 and "ML_Class" in table.colnames


@pytest.mark.parametrize("start", [1e3, 1e4])
def test_data_that_begin_at_high_energies_are_no_error(start):
    """Bands that they lack are unknown."""
    table = spectra.measured(np.random.default_rng(11), ["BLL"] * 5)
    lacking = 3 if start == 1e3 else 5
    for name in ("Flux_Band", "Unc_Flux_Band", "Sqrt_TS_Band"):
        table[name][:, :lacking] = np.nan
    assert np.all(np.isfinite(classify.shipped().probabilities(table)))
