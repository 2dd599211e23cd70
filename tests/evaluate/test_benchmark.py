"""Catalogs are judged on simulated fields."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from fermiml import SkySimulator
from fermiml.catalog.catalog import SourceCatalog
from fermiml.catalog.ellipses import R95
from fermiml.evaluate import benchmark, metrics, tables
from fermiml.evaluate.scores import MethodScores
from fermiml.simulate import read_fields, sky_settings


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    """A small simulated field."""
    settings = sky_settings.check(
        {
            "seed": 3,
            "sky": {"centers": [[100, 50]], "width": 6, "projection": "ZEA"},
            "energy": {"edges": [1000, 3000, 10000, 100000]},
            "population": {"spectra": "parametric", "faintest": "2e-11"},
            "diffuse": {"model": "none", "isotropic": None},
            "wrong": {"model": "embedded", "vary": {"structure": 0.1}},
        }
    )
    folder = tmp_path_factory.mktemp("field") / "sky"
    return SkySimulator(settings).run(folder)[0]


def test_the_edge_of_the_data(field):
    """The counted area of 6 x 6 deg without half a degree on each side is 25 deg2."""
    component = read_fields.read_sky(field).cube.components[0]
    assert component.area_away_from_edge() == pytest.approx(25, rel=0.02)
    center = component.center
    there = SkyCoord([center.directional_offset_by(0 * u.deg, d * u.deg) for d in (2.4, 2.6, 4)])
    assert list(component.away_from_edge(there)) == [True, False, False]


def test_a_sky_above_an_energy(field):
    """Fewer bins, less TS; the truth's TS is the sum over the bins that are left."""
    whole, hard = read_fields.read_sky(field), read_fields.read_sky(field, lowest=10000)
    assert hard.cube.components[0].energy_edges == pytest.approx([1e4, 1e5])
    assert hard.cube.components[0].edisp.matrix.shape[1] == 1
    bins = np.asarray(whole.truth.table["TS_Asimov_Bin"], float)
    assert whole.ts == pytest.approx(bins.sum(axis=1), rel=1e-4)
    assert hard.ts == pytest.approx(bins[:, 2], rel=1e-4)


def test_the_truth_itself_is_a_perfect_catalog(field):
    """All found, none false, no offset, errors as wide as they should be."""
    sky = read_fields.read_sky(field)
    truth = sky.truth.table
    rows = np.flatnonzero(sky.ts > 25)
    rng = np.random.default_rng(8)
    moved = sky.truth.positions[rows].directional_offset_by(
        rng.uniform(0, 360, len(rows)) * u.deg, 0.02 * u.deg
    )
    table = {
        "RAJ2000": moved.ra.deg,
        "DEJ2000": moved.dec.deg,
        "Conf_95_SemiMajor": np.full(len(rows), R95 * 0.02),
        "Conf_95_SemiMinor": np.full(len(rows), R95 * 0.02),
        "Conf_95_PosAng": np.zeros(len(rows)),
        "ML_Prob": np.linspace(0.9, 0.98, len(rows)),
        "ML_Class": metrics.true_classes(rows, truth["CLASS1"]),
        "Flux1000": np.asarray(truth["S1"])[rows],
        "Unc_Flux1000": 0.1 * np.asarray(truth["S1"])[rows],
    }
    judged = benchmark.judge(SourceCatalog.from_table(table), sky, {"seconds": 2.0})
    assert benchmark.score_column(judged.catalog) == "ML_Prob"
    result = benchmark.summary([judged], default=0.5)
    high = result.zones["|b|>20"]
    assert high.true_sources > 5
    assert high.at_purity.completeness == 1
    assert high.at_default.purity[0] == 1
    assert result.localisation["median"] == pytest.approx(0.02, rel=0.05)
    assert result.localisation["within_95"][0] == 1
    assert result.purity_by_field[0]["purity"][0] == 1
    text = tables.markdown({"test": {"truth": MethodScores(result)}})
    assert "| test | truth | \\|b\\|>20 |" in text  # the row of its reliability
    assert f"1.00 of {result.purity_by_field[0]['detections']} ({sky.name})" in text
    assert result.seconds == 2
    assert result.flux_pulls["mean"] == pytest.approx(0, abs=1e-4)


def test_an_empty_catalog_can_be_judged(field):
    judged = benchmark.judge(SourceCatalog(), read_fields.read_sky(field))
    result = benchmark.summary([judged], default=0.5)
    assert result.zones["|b|>20"].at_purity.completeness == 0
    assert benchmark.false_sources([judged], [0.5]) == {0.5: 0.0}


def test_catalogs_are_kept(field, tmp_path):
    """The second time nothing is run."""
    calls = []

    def run():
        calls.append(1)
        return SourceCatalog.from_table({"RAJ2000": [1.0], "DEJ2000": [2.0]})

    first, spent = benchmark.kept(tmp_path / "a" / "field.fits", run)
    again, same = benchmark.kept(tmp_path / "a" / "field.fits", run)
    assert len(first) == len(again) == len(calls) == 1
    assert same == spent and spent["seconds"] >= 0
