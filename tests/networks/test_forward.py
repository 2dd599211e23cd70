"""Networks answer in numpy as they do in Keras, and without it."""

import numpy as np
import pytest

from fermiml.features.patch_features import N_ALL, N_FEATURES
from fermiml.networks import arrays, get_architecture, looks_low, pretrained

OPTIONS = [
    ("heatmap", {"widths": [6, 8, 12], "encoder": [2, 1, 3], "decoder": [2, 1]}),
    ("multi", {"widths": [6, 8, 12], "encoder": [2, 1, 1], "decoder": [2, 1], "low": 5}),
    ("unek", {"widths": [5, 7], "encoder": [1, 2], "decoder": [1], "classes": True}),
    ("centroid", {"widths": [4, 6], "encoder": [1, 1], "decoder": [1], "raw": True}),
    ("heatmap", {"widths": [5, 7], "encoder": [1, 1], "decoder": [1], "raw": "asinh"}),
    ("heatmap", {"widths": [5, 7], "encoder": [1, 1], "decoder": [1], "raw": "z-score"}),
    ("heatmap", {"widths": [5, 7], "encoder": [1, 1], "decoder": [2], "skips": False}),
]


def features(size=32, number=3, planes=N_FEATURES):
    return np.random.default_rng(2).normal(2, 3, (number, size, size, planes)).astype("f")


def features_for(architecture, size=32):
    return features(size, planes=N_ALL if looks_low(architecture) else N_FEATURES)


def randomly_trained(model):
    """Give a model such weights as no initialisation has: all variables matter."""
    random = np.random.default_rng(5)
    for variable in model.variables:
        spread = 0.3 * random.normal(size=variable.shape)
        is_kernel = len(variable.shape) == 4
        variable.assign(spread if is_kernel else 1 + np.abs(spread))


@pytest.mark.parametrize(("kind", "options"), OPTIONS)
def test_any_of_our_networks_answers_as_in_keras(kind, options, tmp_path):
    architecture = get_architecture(kind)
    model = architecture.build(**options)
    randomly_trained(model)
    arrays.save(tmp_path / "weights.npz", model.variables)
    given = features_for(architecture)
    ours = architecture.read(tmp_path / "weights.npz", **options).predict_on_batch(given)
    theirs = model.predict_on_batch(given)
    assert ours.keys() == theirs.keys()
    for name, values in theirs.items():
        assert values.shape == ours[name].shape
        np.testing.assert_allclose(ours[name], values, rtol=1e-4, atol=1e-4 * np.ptp(values))


@pytest.mark.parametrize("name", pretrained.names())
def test_the_shipped_networks_answer_as_in_keras(name):
    network = pretrained.load(name)
    given = features_for(network.architecture, 64)
    ours = network.model.predict_on_batch(given)
    weights = pretrained.locate(name) / "weights.npz"
    model = pretrained.keras_model(weights, pretrained.card(name))
    for head, values in model.predict_on_batch(given).items():
        np.testing.assert_allclose(ours[head], values, atol=1e-4)


def test_the_answer_does_not_depend_on_the_number_of_threads(monkeypatch):
    model = pretrained.load("lat-unek").model
    answers = []
    for jobs in ("1", "3"):
        monkeypatch.setenv("FERMIML_JOBS", jobs)
        answers.append(model.predict_on_batch(features())["segmentation"])
    assert np.array_equal(*answers)


@pytest.fixture(scope="module")
def multi(tmp_path_factory):
    """A network with a low band, with weights that all matter."""
    folder = tmp_path_factory.mktemp("multi")
    options = {"widths": [6, 8, 12], "encoder": [1, 1, 1], "decoder": [1, 1], "low": 5}
    model = get_architecture("multi").build(**options)
    randomly_trained(model)
    arrays.save(folder / "weights.npz", model.variables)
    return get_architecture("multi").read(folder / "weights.npz", **options)


def test_a_low_band_matters_where_the_data_have_it_only(multi):
    given = features(planes=N_ALL)
    given[..., -1] = 1.0
    absent, other = given.copy(), given.copy()
    absent[..., N_FEATURES:] = 0
    other[..., N_FEATURES:-1] += 1
    other[..., -1] = 0
    maps = [multi.predict_on_batch(some)["heatmap"] for some in (given, absent, other)]
    assert np.array_equal(maps[1], maps[2])
    assert not np.allclose(maps[0], maps[1], rtol=1e-3)
