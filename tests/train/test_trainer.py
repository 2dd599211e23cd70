"""Training: with interruptions, from other weights, on counts alone."""

import csv

import numpy as np
import pytest
import yaml
from makers.trainingfields import make_recipe, write_fields

from fermiml import Trainer, checkpoint, networks
from fermiml.errors import InputError
from fermiml.features.patch_features import N_ALL, N_FEATURES
from fermiml.networks import arrays, pretrained
from fermiml.train import trainer


@pytest.fixture(scope="module")
def fields(tmp_path_factory):
    return write_fields(tmp_path_factory.mktemp("fields"))


@pytest.mark.parametrize("kind", ["unek", "centroid", "heatmap", "multi"])
@pytest.mark.slow
def test_every_network_of_maps_is_trained_saved_and_gives_the_same_maps_again(
    kind, fields, tmp_path
):
    folder = Trainer(make_recipe(fields, kind)).run(tmp_path / "net")
    with (folder / "curve.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert all(np.isfinite(float(row["selection_loss"])) for row in rows)
    net = pretrained.load(str(folder))
    planes = N_ALL if kind == "multi" else N_FEATURES
    features = np.random.default_rng(1).normal(size=(2, 64, 64, planes)).astype(np.float32)
    maps = net.maps(features)
    assert maps["probability"].shape == (2, 64, 64)
    assert 0 <= maps["probability"].min() <= maps["probability"].max() <= 1
    again = pretrained.load(str(folder))
    other = again.maps(features)
    for name, values in maps.items():
        assert np.array_equal(values, other[name])


@pytest.mark.slow
def test_an_interrupted_training_goes_on_to_the_same_result(fields, tmp_path, monkeypatch):
    """Stopped after the first epoch and started again: the same weights as in one go."""
    settings = make_recipe(fields, "unek")
    whole = Trainer(settings).run(tmp_path / "whole")
    monkeypatch.setattr(pretrained, "save", lambda *_: None)

    def stop(path, variables, dtype=None, epoch=None):
        """Between the curve and the checkpoint of the second epoch."""
        if epoch == 2:
            raise KeyboardInterrupt
        save(path, variables, dtype, epoch=epoch)

    save = arrays.save
    monkeypatch.setattr(arrays, "save", stop)
    with pytest.raises(KeyboardInterrupt):
        Trainer(settings).run(tmp_path / "parts")
    monkeypatch.undo()
    parts = Trainer(settings).run(tmp_path / "parts")
    with np.load(whole / "weights.npz") as a, np.load(parts / "weights.npz") as b:
        assert all(np.allclose(a[name], b[name], atol=2e-3) for name in a.files)
    assert pretrained.card(str(parts))["trained"] == pretrained.card(str(whole))["trained"]
    with (parts / "curve.csv").open(newline="") as stream:
        assert [row["epoch"] for row in csv.DictReader(stream)] == ["1", "2"]


def test_a_damaged_checkpoint_is_set_aside_and_the_training_begins_anew(fields, tmp_path, caplog):
    settings = make_recipe(fields, "unek", epochs=1)
    folder = Trainer(settings).run(tmp_path / "net")
    saved = folder / "checkpoint.npz"
    saved.write_bytes(saved.read_bytes()[:-100])
    Trainer(settings).run(folder)
    assert "checkpoint.npz: is damaged" in caplog.text
    assert (folder / "checkpoint.npz.damaged").is_file()
    assert pretrained.card(str(folder))["trained"] == {"patches": 8}


def test_two_trainings_in_one_folder_are_refused(fields, tmp_path):
    """At the same time, or with another recipe, or over a network from elsewhere."""
    settings = make_recipe(fields, "unek", epochs=1)
    text = yaml.safe_dump(settings, sort_keys=False)
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "train.yaml").touch()  # what else lies there is nobody's network
    with (
        checkpoint.claim(tmp_path / "net", text, record="recipe.yaml", results=()),
        pytest.raises(InputError, match="another run is using this folder"),
    ):
        Trainer(settings).run(tmp_path / "net")
    with pytest.raises(InputError, match="contains something other"):
        Trainer({**settings, "seed": 2}).run(tmp_path / "net")
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "weights.npz").write_text("precious")
    with pytest.raises(InputError, match="contains something other"):
        Trainer(settings).run(tmp_path / "given")


@pytest.mark.slow
def test_training_on_from_other_weights_needs_the_same_architecture(fields, tmp_path):
    first = Trainer(make_recipe(fields, "unek")).run(tmp_path / "first")
    settings = make_recipe(fields, "unek", rate=1e-9, warmup=0, weight_decay=0.0)
    second = Trainer(settings, first).run(tmp_path / "second")
    with np.load(first / "weights.npz") as a, np.load(second / "weights.npz") as b:
        assert np.allclose(a["0002"], b["0002"], atol=1e-3)
    seen = {"patches": 16, "from": "first", "patches before": 16}
    assert pretrained.card(str(second))["trained"] == seen
    assert "after the 16 of first" in pretrained.headline(pretrained.card(str(second)))[0]
    other = make_recipe(fields, "centroid", rate=1e-9, warmup=0, weight_decay=0.0)
    third = Trainer(other, first).run(tmp_path / "other")
    with np.load(first / "weights.npz") as a, np.load(third / "weights.npz") as b:
        assert np.allclose(a["0002"], b["0002"], atol=1e-3)  # the U-Net; the heads are new
    classes = {**settings, "architecture": {**settings["architecture"], "classes": True}}
    fourth = Trainer(classes, first).run(tmp_path / "classes")
    with np.load(first / "weights.npz") as a, np.load(fourth / "weights.npz") as b:
        assert np.allclose(a["0002"], b["0002"], atol=1e-3)  # in the U-Net
        for old, new in zip(sorted(a.files)[-2:], sorted(b.files)[-2:], strict=True):
            assert np.allclose(a[old], b[new], atol=1e-3)  # the head of the discs
        assert len(b.files) == len(a.files) + 2  # the head that tells classes
    wider = {**settings, "architecture": {**settings["architecture"], "widths": [4, 12]}}
    with pytest.raises(InputError, match="different architecture"):
        Trainer(wider, first).run(tmp_path / "third")


def test_the_rate_rises_stays_and_falls():
    rate = trainer.rates({"epochs": 10, "rate": 1.0, "warmup": 5, "decay": 0.2}, steps=10)
    assert rate(0) == pytest.approx(0.2)
    assert rate(40) == 1.0
    assert rate(90) == pytest.approx(0.5)
    assert rate(99) == pytest.approx(0.05)


@pytest.mark.slow
def test_a_raw_network_sees_counts_only(fields, tmp_path):
    """The ablation: the other features change nothing."""
    settings = make_recipe(fields, "unek", epochs=1)
    settings["architecture"]["raw"] = True
    net = pretrained.load(str(Trainer(settings).run(tmp_path / "raw")))
    features = np.random.default_rng(1).normal(size=(1, 32, 32, 23)).astype(np.float32)
    other = features.copy()
    other[..., 5:15] += 1
    other[..., 20:] += 1
    assert np.array_equal(net.maps(features)["probability"], net.maps(other)["probability"])
    other[..., 2] += 1
    assert not np.array_equal(net.maps(features)["probability"], net.maps(other)["probability"])


@pytest.mark.slow
def test_a_training_of_the_low_band_alone_leaves_the_rest(fields, tmp_path):
    """Without that band the network answers as the one it started from."""
    settings = make_recipe(fields, "multi", epochs=1, patches=2, batch=2, low_only=True)
    settings["architecture"] = networks.get_architecture("multi").OPTIONS
    net = pretrained.load(str(Trainer(settings, start="lat-best").run(tmp_path / "net")))
    features = np.random.default_rng(1).normal(size=(2, 64, 64, N_ALL)).astype(np.float32)
    features[..., N_FEATURES:] = 0
    answers = net.model.predict_on_batch(features)
    before = pretrained.load("lat-best").model.predict_on_batch(features[..., :N_FEATURES])
    for name, values in before.items():
        assert np.array_equal(answers[name], values)


@pytest.mark.slow
def test_an_encoder_may_be_held(fields, tmp_path):
    """All weights of the way down stay, also the means of its normalisations; the others do not."""
    settings = make_recipe(fields, "heatmap", epochs=1, patches=2, batch=2, encoder_held=True)
    settings["architecture"] = networks.get_architecture("heatmap").OPTIONS
    after = Trainer(settings, start="lat-best").run(tmp_path / "net") / "weights.npz"
    with np.load(pretrained.locate("lat-best") / "weights.npz") as a, np.load(after) as b:
        same = [np.array_equal(a[name], b[name]) for name in sorted(a.files)]
    held = 2 + 5 * sum(settings["architecture"]["encoder"])  # arrays, of 5 for a block
    assert all(same[:held]) and sum(same[held:]) < len(same[held:]) / 2


def test_a_network_without_an_encoder_cannot_hold_it(fields, tmp_path):
    settings = make_recipe(fields, "heatmap", encoder_held=True)
    settings |= {"network": "grid", "architecture": networks.get_architecture("grid").OPTIONS}
    with pytest.raises(InputError, match="encoder_held: grid has no encoder to hold"):
        Trainer(settings).run(tmp_path / "net")


def test_other_networks_have_no_low_band_to_train(fields):
    with pytest.raises(InputError, match="low_only: heatmap does not look"):
        make_recipe(fields, "heatmap", low_only=True)
