"""The script of the documentation that goes on in gammapy, with the shipped network."""

import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pytest
from makers import smallskies as sky

from fermiml.likelihood.datasets import to_datasets

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[1] / "docs" / "gammapy_analysis.py"


def test_from_a_dataset_to_flux_points(capsys):
    source = sky.power_laws([100.0], [45.0], [3e-9])
    data = sky.cube(source, seed=2, width=4.0, edges=(1e3, 2e3, 5e3, 2e4, 1e5))
    (dataset,) = to_datasets(data)
    spec = importlib.util.spec_from_file_location("gammapy_analysis", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        catalog, result, points = script.analyse(dataset, most=1)
    assert len(catalog) == 1 and result.success
    truth = sky.seeds(source).positions
    assert catalog.positions.separation(truth).deg[0] < 0.05
    spectrum = dataset.models[0].spectral_model
    expected = source.shapes.density(np.array([spectrum.reference.value]))[0] * source.amplitude
    assert abs(spectrum.amplitude.value - expected[0]) < 4 * spectrum.amplitude.error
    assert spectrum.index.value == pytest.approx(2.2, abs=4 * spectrum.index.error)
    flux = points.dnde.quantity.to_value("MeV-1 s-1 cm-2").ravel()
    assert len(flux) == 4 and np.all(flux > 0)
    assert "expected to be real" in capsys.readouterr().out
