"""Networks in ONNX answer as they do here, and tell programs what they are."""

import sys

import numpy as np
import pytest
from click.testing import CliRunner

from fermiml.cli.main import main
from fermiml.features.patch_features import N_ALL, N_FEATURES
from fermiml.networks import arrays, get_architecture, pretrained

U_NETS = [name for name in pretrained.names() if name != "lat-mask"]


def run(*arguments):
    return CliRunner().invoke(main, ["models", *map(str, arguments)])


def features(height=64, width=48, number=2, planes=N_FEATURES):
    """Features about as large as those of a sky."""
    random = np.random.default_rng(2)
    return random.normal(2, 3, (number, height, width, planes)).astype("f")


def answers(path, given):
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"features": given}), strict=True))


@pytest.mark.parametrize("name", U_NETS)
def test_the_exported_network_answers_as_the_original(name, tmp_path):
    """Within 1e-4, in patches of any size and shape."""
    onnx = pytest.importorskip("onnx")
    path = tmp_path / "network.onnx"
    result = run("export", name, "-o", path)
    assert result.exit_code == 0, result.output
    onnx.checker.check_model(onnx.load(path), full_check=True)
    weights = pretrained.locate(name) / "weights.npz"
    keras = pretrained.keras_model(weights, pretrained.card(name))
    for given in (features(), features(128, 128, 1)):
        theirs, ours = keras.predict_on_batch(given), answers(path, given)
        assert ours.keys() == theirs.keys()
        for head, values in theirs.items():
            np.testing.assert_allclose(ours[head], values, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("change", [{"raw": True}, {"skips": False}])
def test_a_network_of_ones_own_is_exported_from_its_folder(change, tmp_path):
    """The ablation `raw` and its factors of the features included; also without skips."""
    pytest.importorskip("onnx")
    options = {"widths": [4, 6, 7], "encoder": [1, 2, 1], "decoder": [1, 2], **change}
    model = get_architecture("centroid").build(**options)
    recipe = {"network": "centroid", "architecture": options, "turns": 1}
    (tmp_path / "own").mkdir()
    pretrained.save(model, recipe, tmp_path / "own")
    assert run("export", tmp_path / "own", "-o", tmp_path / "own.onnx").exit_code == 0
    arrays.load(tmp_path / "own" / "weights.npz", model.variables)
    ours = answers(tmp_path / "own.onnx", features())
    for head, values in model.predict_on_batch(features()).items():
        np.testing.assert_allclose(ours[head], values, atol=1e-4, rtol=1e-4)


def test_a_network_with_a_low_band_is_exported(tmp_path):
    pytest.importorskip("onnx")
    options = {"widths": [4, 6, 7], "encoder": [1, 2, 1], "decoder": [1, 2], "low": 5}
    model = get_architecture("multi").build(**options)
    last = model.get_layer("low").layers[-1].kernel
    last.assign(np.random.default_rng(1).normal(size=last.shape))
    recipe = {"network": "multi", "architecture": options, "turns": 1}
    (tmp_path / "own").mkdir()
    pretrained.save(model, recipe, tmp_path / "own")
    assert run("export", tmp_path / "own", "-o", tmp_path / "own.onnx").exit_code == 0
    arrays.load(tmp_path / "own" / "weights.npz", model.variables)
    given = features(planes=N_ALL)
    ours = answers(tmp_path / "own.onnx", given)
    for head, values in model.predict_on_batch(given).items():
        np.testing.assert_allclose(ours[head], values, atol=1e-4, rtol=1e-4)


def test_what_cannot_be_exported_is_one_line(tmp_path, monkeypatch):
    pytest.importorskip("onnx")
    path = tmp_path / "network.onnx"
    path.write_text("mine")
    for arguments, message in (
        (("lat-mask", "-o", tmp_path / "mask.onnx"), "lat-mask: has no ONNX form"),
        (("lat-worst", "-o", tmp_path / "a.onnx"), "unknown network 'lat-worst'"),
        (("lat-best", "-o", path), "exists already"),
        (("lat-best", "-o", tmp_path / "a.keras"), ".onnx"),
    ):
        result = run("export", *arguments)
        assert result.exit_code == 2 and message in result.output
        assert result.output.count("\n") == 1
    assert path.read_text() == "mine"
    assert run("export", "lat-best", "-o", path, "--overwrite").exit_code == 0
    monkeypatch.setitem(sys.modules, "onnx", None)
    result = run("export", "lat-best", "-o", tmp_path / "a.onnx")
    assert result.exit_code == 2 and "pip install 'fermiml[onnx]'" in result.output
    assert [p.name for p in tmp_path.iterdir()] == ["network.onnx"]
