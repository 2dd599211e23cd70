"""Variability as a sign of an active galaxy."""

import numpy as np
import pytest
from astropy.table import Table, vstack

from fermiml.catalog.catalog import SourceCatalog
from fermiml.time import class_odds

YEARS = 14


def measured(rng, fraction, error, number=200):
    """Yearly fluxes about one with a relative error, and their index."""
    spread = rng.normal(size=(number, YEARS))
    spread = (spread - spread.mean(axis=1, keepdims=True)) / spread.std(
        axis=1, ddof=1, keepdims=True
    )
    seen = 1 + fraction * spread + error * rng.normal(size=(number, YEARS))
    index = np.sum((seen - seen.mean(axis=1, keepdims=True)) ** 2, axis=1) / error**2
    errors = np.full((number, YEARS, 2), [-error, error])
    return Table({"Variability_Index": index, "Flux_History": seen, "Unc_Flux_History": errors})


def log_ratio(table):
    """ln of the likelihood ratio of pulsar and AGN."""
    bll, fsrq, pulsar, *_ = np.exp(class_odds.log_likelihoods(table)).T
    return np.log(pulsar / (bll + fsrq) * 2)


@pytest.mark.parametrize(("error", "right"), [(0.05, 0.95), (0.3, 0.6)])
def test_variable_sources_are_no_pulsars(error, right):
    """The better the fluxes are measured, the surer."""
    rng = np.random.default_rng(1)
    steady = log_ratio(measured(rng, 0.0, error))
    varying = log_ratio(measured(rng, 0.5, error))
    assert np.mean(steady > 0) > 0.9
    assert np.mean(varying < 0) > right


def test_faint_sources_are_not_judged():
    ratio = log_ratio(measured(np.random.default_rng(2), 0.3, 3.0))
    assert np.abs(np.median(ratio)) < 0.1


def test_nothing_is_ever_certain():
    """Some pulsars do vary, and some active galaxies do not."""
    table = measured(np.random.default_rng(3), 0.0, 0.01, 2)
    table["Variability_Index"] = [13.0, 1e7]
    steady, wild = log_ratio(table)
    assert 2 < steady < 4
    assert wild == pytest.approx(np.log(0.02 / 0.95), abs=0.1)


def test_the_odds_of_a_catalog_are_multiplied():
    """The probabilities still sum to one; a row without a light curve stays as it is."""
    curves = measured(np.random.default_rng(4), 0.5, 0.05, 3)
    catalog = SourceCatalog.from_table({
        "RAJ2000": [1.0, 2, 3], "DEJ2000": [0.0, 0, 0], "ML_Prob": [0.9] * 3,
        "ML_Prob_AGN": [0.4] * 3, "ML_Prob_PSR": [0.5] * 3, "ML_Prob_FAKE": [0.1] * 3,
        "ML_Class": ["PSR"] * 3, **{name: curves[name] for name in curves.colnames},
    })  # fmt: skip
    table = catalog.table
    table["Variability_Index"][2] = np.nan
    class_odds.update(table, np.arange(3))
    assert list(table["ML_Class"]) == ["AGN", "AGN", "PSR"]
    assert np.asarray(table["ML_Prob_AGN"][:2]) == pytest.approx(0.9 * 0.4 / (0.4 + 0.5 * 0.02105),
                                                                 abs=0.02)  # fmt: skip
    assert table["ML_Prob_PSR"][2] == pytest.approx(0.5)
    total = table["ML_Prob_AGN"] + table["ML_Prob_PSR"] + table["ML_Prob_FAKE"]
    assert np.asarray(total) == pytest.approx(1, abs=1e-6)


def test_five_kinds_get_to_know_the_light_curve():
    """A source that varies much is an FSRQ rather than a BL Lac, and hardly a remnant; one that is
    steady is none of both."""
    rng = np.random.default_rng(5)
    curves = vstack([measured(rng, 0.8, 0.05, 1), measured(rng, 0.0, 0.05, 1)])
    kinds = dict.fromkeys(("BLL", "FSRQ", "PSR", "SNR", "OTH"), 0.18)
    catalog = SourceCatalog.from_table({
        "RAJ2000": [1.0, 2], "DEJ2000": [0.0, 0], "ML_Prob": [0.9] * 2,
        **{f"ML_Prob_{kind}": [value] * 2 for kind, value in kinds.items()},
        **{name: curves[name] for name in curves.colnames},
    })  # fmt: skip
    table = catalog.table
    class_odds.update(table, np.arange(2))
    varying, steady = ({kind: float(row[f"ML_Prob_{kind}"]) for kind in kinds} for row in table)
    assert varying["FSRQ"] > 3 * varying["BLL"] > 10 * varying["SNR"]
    assert steady["PSR"] == pytest.approx(steady["SNR"]) and steady["PSR"] > 5 * steady["FSRQ"]
    assert table["ML_Class"][0] == "AGN"
    for row, found in zip(table, (varying, steady), strict=True):
        assert sum(found.values()) == pytest.approx(0.9, abs=1e-5)
        assert row["ML_Prob_AGN"] == pytest.approx(found["BLL"] + found["FSRQ"], abs=1e-6)


def test_catalogs_without_classes_or_light_curves_stay():
    catalog = SourceCatalog.from_table({"RAJ2000": [1.0], "DEJ2000": [0.0]})
    class_odds.update(catalog.table, np.arange(1))
    assert np.isnan(catalog.table["ML_Prob_AGN"][0])
    assert np.all(class_odds.log_likelihoods(catalog.table) == 0)
