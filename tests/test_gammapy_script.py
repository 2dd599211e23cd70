"""The script of the documentation that goes on in gammapy."""

import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pytest
import smallskies as sky

from fermiml import SourceDetector
from fermiml.likelihood.datasets import to_datasets

SCRIPT = Path(__file__).parents[1] / "docs" / "gammapy_analysis.py"


class Stub:
    """A detector that knows the truth."""

    def __init__(self, sources):
        self.sources = sources

    def run(self, data):
        catalog = sky.seeds(self.sources)
        catalog.table["ML_Prob"], catalog.table["ML_TS"] = 0.99, 500.0
        assert data.counts is not None  # a gammapy MapDataset arrives
        return catalog


def test_from_a_dataset_to_flux_points(monkeypatch):
    source = sky.power_laws([100.0], [45.0], [3e-9])
    data = sky.cube(source, seed=2, width=3.0, edges=(1e3, 2e3, 5e3, 2e4, 1e5))
    (dataset,) = to_datasets(data)
    monkeypatch.setattr(SourceDetector, "from_pretrained", lambda: Stub(source))
    spec = importlib.util.spec_from_file_location("gammapy_analysis", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        catalog, result, points = script.analyse(dataset)
    assert len(catalog) == 1 and result.success
    spectrum = dataset.models[0].spectral_model
    error = spectrum.amplitude.error
    assert abs(spectrum.amplitude.value - source.amplitude[0]) < 4 * error
    assert spectrum.index.value == pytest.approx(2.2, abs=4 * spectrum.index.error)
    flux = points.dnde.quantity.to_value("MeV-1 s-1 cm-2").ravel()
    assert len(flux) == 4 and np.all(flux > 0)
