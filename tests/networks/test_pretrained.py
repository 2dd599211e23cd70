"""Networks in folders: weights and what is known about them."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from makers.trainingfields import make_recipe, write_fields

from fermiml import Trainer, networks
from fermiml.errors import InputError
from fermiml.features.patch_features import N_ALL, N_FEATURES
from fermiml.networks import arrays, pretrained


def test_weights_that_were_tampered_with_are_refused(tmp_path):
    fields = write_fields(tmp_path)
    folder = Trainer(make_recipe(fields, "unek")).run(tmp_path / "net")
    weights = folder / "weights.npz"
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    with pytest.raises(InputError, match="SHA-256"):
        pretrained.load(str(folder))


def test_pickled_arrays_are_never_loaded(tmp_path):
    np.savez(tmp_path / "bad.npz", **{"0000": np.array([{"a": 1}], dtype=object)})
    with pytest.raises(InputError, match="no weights of fermiml"):
        arrays.load(tmp_path / "bad.npz", [])


def test_an_unknown_network_is_an_error_that_lists_the_known_ones():
    with pytest.raises(InputError, match="unknown network 'lat-worst'"):
        pretrained.load("lat-worst")
    with pytest.raises(InputError, match="known are unek, centroid, heatmap"):
        networks.get_architecture("yolo")


@pytest.fixture
def network(tmp_path):
    """A copy of a shipped network, and how its description is changed."""
    folder = tmp_path / "mine"
    shutil.copytree(pretrained.locate("lat-unek"), folder)

    def change(sealed=False, **values):
        content = yaml.safe_load((folder / "model.yaml").read_text()) | values
        if not sealed:
            content.pop("description_sha256", None)
        (folder / "model.yaml").write_text(yaml.safe_dump(content))
        return str(folder)

    return change


def test_a_folder_of_fermiml_01_has_a_hash_of_its_weights_alone(network):
    assert pretrained.load(network()).maps(np.zeros((1, 32, 32, 23)))["probability"].shape


def test_the_former_name_of_an_architecture_loads(tmp_path):
    """In model folders and recipes of fermiml 0.1 a heatmap network is called best."""
    folder = tmp_path / "old"
    shutil.copytree(pretrained.locate("lat-best"), folder)
    content = yaml.safe_load((folder / "model.yaml").read_text()) | {"network": "best"}
    del content["description_sha256"]
    (folder / "model.yaml").write_text(yaml.safe_dump(content))
    assert pretrained.load(str(folder)).architecture.LOCALIZER == "peaks"
    assert Trainer({"network": "best", "training": {"fields": ["a"]}})


@pytest.mark.parametrize(
    "values", [{"network": "heatmap"}, {"turns": 4}, {"operating": {}}, {"sha256": "0" * 64}]
)
def test_the_description_is_covered_by_a_hash(network, values):
    """On every way to a network; what was trained is told, and changes nothing."""
    with pytest.raises(InputError, match=r"model\.yaml: has changed since it was written"):
        pretrained.card(network(sealed=True, **values))
    with pytest.raises(InputError, match="has changed since it was written"):
        pretrained.load_weights(None, {"network": "unek"}, network(sealed=True))
    with pytest.raises(InputError, match="has changed since it was written"):
        pretrained.note(network(sealed=True), operating={})


def test_facts_that_are_noted_are_covered(network):
    folder = network()
    pretrained.note(folder, trained={"patches": 7})
    assert "description_sha256" in pretrained.card(folder)
    assert pretrained.card(folder)["trained"]["from"] == "lat-best-1"
    network(sealed=True, trained={"patches": 8})
    assert pretrained.card(folder)["trained"] == {"patches": 8}


POINT = {"intercept": 0.0, "slopes": [1.0], "threshold": 0.5, "completeness": 0.9, "sources": 9}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"network": ["unek"]}, "network: .* is not text"),
        ({"network": "yolo"}, "unknown network 'yolo'"),
        ({"turns": 3}, "turns: one of 1, 2, 4, not 3"),
        ({"architecture": 5}, "architecture: expected settings"),
        ({"architecture": {"widths": [20000] * 4}}, "parameters is larger than 5e.07"),
        ({"architecture": {"widths": ["a"] * 4}}, "architecture.widths: 'a' is not a number"),
        ({"architecture": {"encoder": [1, 2]}}, "4 widths need 4 encoder"),
        ({"operating": [1]}, "operating: expected settings"),
        ({"operating": {"log": {"score": POINT}}}, "operating.log.photometry is missing"),
        (
            {"operating": {"log": {"score": POINT, "photometry": POINT}}},
            "log.photometry.slopes: 1 numbers instead of 2 or 4",
        ),
        (
            {"operating": {"log": {"photometry": POINT | {"threshold": float("nan")}}}},
            "threshold: nan is not a number from 0 to 1",
        ),
        ({"trained": {"patches": "many"}}, "trained.patches: 'many' is not a number"),
        ({"colour": "blue"}, "unknown key colour"),
    ],
)
def test_a_description_that_is_wrong_is_named_in_one_line(network, values, message):
    with pytest.raises(InputError, match=message) as error:
        pretrained.card(network(**values))
    assert "\n" not in str(error.value) and "model.yaml" in str(error.value)


def test_a_key_without_a_value_has_its_default(network):
    """As where the file was cut behind it."""
    card = pretrained.load(network(turns=None, operating=None)).card
    assert "turns" not in card and "operating" not in card


def test_weights_that_are_not_finite_are_refused(network):
    folder = Path(network())
    with np.load(folder / "weights.npz") as stored:
        values = dict(stored)
    values["0002"][...] = np.nan
    np.savez(folder / "weights.npz", **values)
    digest = hashlib.sha256((folder / "weights.npz").read_bytes()).hexdigest()
    with pytest.raises(InputError, match="contains NaN or infinite weights"):
        pretrained.load(network(sha256=digest))


def test_a_network_with_a_low_band_begins_with_the_answers_of_the_one_it_starts_from():
    recipe = {"network": "multi"}
    networks.start_keras()
    model = networks.get_architecture("multi").build()
    pretrained.load_weights(model, recipe, "lat-best")
    features = np.random.default_rng(3).normal(2, 3, (2, 32, 32, N_ALL)).astype("f")
    features[..., -1] = 1.0
    answers = model.predict_on_batch(features)
    before = pretrained.load("lat-best").model.predict_on_batch(features[..., :N_FEATURES])
    for name, values in before.items():
        np.testing.assert_allclose(answers[name], values, atol=1e-4)
