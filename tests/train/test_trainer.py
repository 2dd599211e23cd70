"""Networks: targets, losses, training with interruptions, weights in folders."""

import csv

import numpy as np
import pytest
import yaml
from makers.trainingfields import write_field

from fermiml import checkpoint, networks
from fermiml.errors import InputError
from fermiml.networks import arrays, losses, pretrained, rotations, targets
from fermiml.train import recipe, trainer
from fermiml.train.training_patches import Randomisation, TrainingSet

SMALL = {"widths": [4, 8], "encoder": [1, 1], "decoder": [1]}


@pytest.fixture(scope="module")
def fields(tmp_path_factory):
    """A folder with two training fields."""
    folder = tmp_path_factory.mktemp("fields")
    for number in range(2):
        write_field(folder / f"field_{number:05d}.npz", seed=number)
    return folder


@pytest.fixture(scope="module")
def patch(fields):
    options = Randomisation(exposure=(1, 1), short=0, absent=0, partial=0, rim=0, coarse=0)
    return TrainingSet(fields, randomisation=options).patch(0)


def make_recipe(fields, kind, **changes):
    given = {
        "network": kind,
        "architecture": SMALL,
        "training": {"fields": [str(fields)], "epochs": 2, "patches": 8, "batch": 4, **changes},
        "selection": {"fields": [str(fields)], "patches": 4},
    }
    return recipe.check(given)


@pytest.mark.parametrize("kind", networks.ARCHITECTURES.names())
def test_every_network_is_trained_saved_and_gives_the_same_maps_again(kind, fields, tmp_path):
    folder = trainer.train(make_recipe(fields, kind), tmp_path / "net")
    with (folder / "curve.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert all(np.isfinite(float(row["selection_loss"])) for row in rows)
    net = pretrained.load(str(folder))
    features = np.random.default_rng(1).normal(size=(2, 64, 64, 23)).astype(np.float32)
    maps = net.maps(features)
    assert maps["probability"].shape == (2, 64, 64)
    assert 0 <= maps["probability"].min() <= maps["probability"].max() <= 1
    again = pretrained.load(str(folder))
    other = again.maps(features)
    for name, values in maps.items():
        assert np.array_equal(values, other[name])


def test_an_interrupted_training_goes_on_to_the_same_result(fields, tmp_path, monkeypatch):
    """Stopped after the first epoch and started again: the same weights as in one go."""
    settings = make_recipe(fields, "unek")
    whole = trainer.train(settings, tmp_path / "whole")
    monkeypatch.setattr(pretrained, "save", lambda *_: None)

    def stop(path, variables, dtype=None, epoch=None):
        """Between the curve and the checkpoint of the second epoch."""
        if epoch == 2:
            raise KeyboardInterrupt
        save(path, variables, dtype, epoch=epoch)

    save = arrays.save
    monkeypatch.setattr(arrays, "save", stop)
    with pytest.raises(KeyboardInterrupt):
        trainer.train(settings, tmp_path / "parts")
    monkeypatch.undo()
    parts = trainer.train(settings, tmp_path / "parts")
    with np.load(whole / "weights.npz") as a, np.load(parts / "weights.npz") as b:
        assert all(np.allclose(a[name], b[name], atol=2e-3) for name in a.files)
    assert pretrained.card(str(parts))["trained"] == pretrained.card(str(whole))["trained"]
    with (parts / "curve.csv").open(newline="") as stream:
        assert [row["epoch"] for row in csv.DictReader(stream)] == ["1", "2"]


def test_a_damaged_checkpoint_is_set_aside_and_the_training_begins_anew(fields, tmp_path, caplog):
    settings = make_recipe(fields, "unek", epochs=1)
    folder = trainer.train(settings, tmp_path / "net")
    saved = folder / "checkpoint.npz"
    saved.write_bytes(saved.read_bytes()[:-100])
    trainer.train(settings, folder)
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
        pytest.raises(InputError, match="another run is at work there"),
    ):
        trainer.train(settings, tmp_path / "net")
    with pytest.raises(InputError, match="holds something else"):
        trainer.train({**settings, "seed": 2}, tmp_path / "net")
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "weights.npz").write_text("precious")
    with pytest.raises(InputError, match="holds something else"):
        trainer.train(settings, tmp_path / "given")


def test_training_on_from_other_weights_needs_the_same_architecture(fields, tmp_path):
    first = trainer.train(make_recipe(fields, "unek"), tmp_path / "first")
    settings = make_recipe(fields, "unek", rate=1e-9, warmup=0, weight_decay=0.0)
    second = trainer.train(settings, tmp_path / "second", start=str(first))
    with np.load(first / "weights.npz") as a, np.load(second / "weights.npz") as b:
        assert np.allclose(a["0002"], b["0002"], atol=1e-3)
    seen = {"patches": 16, "from": "first", "patches before": 16}
    assert pretrained.card(str(second))["trained"] == seen
    assert "after the 16 of first" in pretrained.headline(pretrained.card(str(second)))[0]
    other = make_recipe(fields, "centroid", rate=1e-9, warmup=0, weight_decay=0.0)
    third = trainer.train(other, tmp_path / "other", start=str(first))
    with np.load(first / "weights.npz") as a, np.load(third / "weights.npz") as b:
        assert np.allclose(a["0002"], b["0002"], atol=1e-3)  # the U-Net; the heads are new
    classes = {**settings, "architecture": {**settings["architecture"], "classes": True}}
    fourth = trainer.train(classes, tmp_path / "classes", start=str(first))
    with np.load(first / "weights.npz") as a, np.load(fourth / "weights.npz") as b:
        assert np.allclose(a["0002"], b["0002"], atol=1e-3)  # in the U-Net
        for old, new in zip(sorted(a.files)[-2:], sorted(b.files)[-2:], strict=True):
            assert np.allclose(a[old], b[new], atol=1e-3)  # the head of the discs
        assert len(b.files) == len(a.files) + 2  # the head that tells classes
    wider = {**settings, "architecture": {**settings["architecture"], "widths": [4, 12]}}
    with pytest.raises(InputError, match="another architecture"):
        trainer.train(wider, tmp_path / "third", start=str(first))


def test_weights_that_were_tampered_with_are_refused(fields, tmp_path):
    folder = trainer.train(make_recipe(fields, "unek"), tmp_path / "net")
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
    with pytest.raises(InputError, match="'lat-worst' is not known"):
        pretrained.load("lat-worst")
    with pytest.raises(InputError, match="known are unek, centroid, heatmap"):
        networks.get_architecture("yolo")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": "yolo"}, "unknown network 'yolo'"),
        ({"netwrok": "unek"}, "unknown key netwrok"),
        ({"training": {"fields": ["a"], "epoch": 3}}, "unknown key training.epoch"),
        ({"training": {"fields": ["a"], "batch": 0}}, "training.batch: 0"),
        ({"loss": {"name": "mse"}}, "loss 'mse' is not known; known are bce, focal, dice"),
        ({"architecture": {"widths": [4, 8]}}, "2 widths need 2 encoder"),
        ({"training": {"fields": ["a"], "precision": "half"}}, "training.precision: one of"),
    ],
)
def test_a_wrong_recipe_is_named(tmp_path, change, message):
    path = tmp_path / "train.yaml"
    path.write_text(yaml.safe_dump({"network": "unek", "training": {"fields": ["a"]}, **change}))
    with pytest.raises(InputError, match=message):
        recipe.read(path)


def test_targets_mark_clear_sources_and_leave_out_faint_ones(patch):
    """A disc around each source of TS > 16; no weight around those of 5-16; weight elsewhere."""
    made = networks.get_architecture("unek").make_targets(patch)["segmentation"]
    wanted, faint = targets.sort_sources(patch)
    assert wanted.any()
    assert faint.any()
    row, column = np.round(patch.y).astype(int), np.round(patch.x).astype(int)
    assert np.all(made[row[wanted], column[wanted], 0] == 1)
    weight = made[row[faint], column[faint], 1] * (1 - made[row[faint], column[faint], 0])
    assert np.all(weight == 0)
    assert made[..., 1].mean() > 0.7


def test_vectors_and_offsets_lead_to_the_source(patch):
    for kind, name in (("centroid", "vector"), ("heatmap", "offset")):
        made = networks.get_architecture(kind).make_targets(patch)[name]
        positive = targets.sort_sources(patch, *((16, 5) if kind == "centroid" else (10, 4)))[0]
        y, x = np.nonzero(made[..., 2])
        ends = np.column_stack([x + made[y, x, 0], y + made[y, x, 1]])
        points = np.column_stack([patch.x[positive], patch.y[positive]])
        distance = np.linalg.norm(ends[:, None] - points, axis=-1).min(axis=1)
        assert distance.max() < 1e-4


def test_the_heatmap_peaks_at_one_in_the_pixel_of_each_source(patch):
    made = networks.get_architecture("heatmap").make_targets(patch)["heatmap"][..., 0]
    positive = targets.sort_sources(patch, 10, 4)[0]
    assert (made > 0.999).sum() == len(
        set(zip(np.round(patch.x[positive]), np.round(patch.y[positive]), strict=True))
    )


@pytest.mark.parametrize("name", losses.PIXEL_LOSSES)
def test_losses_are_small_for_the_truth_and_blind_where_the_weight_is_zero(name):
    rng = np.random.default_rng(2)
    target = (rng.random((2, 32, 32, 1)) < 0.1).astype(np.float32)
    weight = (rng.random(target.shape) < 0.8).astype(np.float32)
    loss = losses.pixel_loss(name)
    right = np.where(target > 0, 9.0, -9.0).astype(np.float32)
    wrong_elsewhere = np.where(weight > 0, right, -right)
    assert float(loss(target, weight, right)) < 0.01
    assert float(loss(target, weight, wrong_elsewhere)) < 0.01
    assert float(loss(target, weight, -right)) > 0.5


def test_the_rate_rises_stays_and_falls():
    rate = trainer.rates({"epochs": 10, "rate": 1.0, "warmup": 5, "decay": 0.2}, steps=10)
    assert rate(0) == pytest.approx(0.2)
    assert rate(40) == 1.0
    assert rate(90) == pytest.approx(0.5)
    assert rate(99) == pytest.approx(0.05)


def test_turning_the_sky_turns_the_answer_with_it():
    """A model that gives the way to the brightest pixel gives the same after any turns."""

    class Finder:
        def predict_on_batch(self, planes):
            image = planes[0, ..., 0]
            row, column = np.unravel_index(np.argmax(image), image.shape)
            y, x = np.mgrid[: image.shape[0], : image.shape[1]]
            return {"offset": np.stack([column - x, row - y], -1)[None], "heat": image[None]}

    planes = np.random.default_rng(3).normal(size=(1, 8, 8, 1))
    plain = Finder().predict_on_batch(planes)
    for turns in (2, 4):
        turned = rotations.predict(Finder(), planes, turns, ("offset",))
        assert np.allclose(turned["offset"], plain["offset"])
        assert np.allclose(turned["heat"], plain["heat"])


def test_a_raw_network_sees_counts_only(fields, tmp_path):
    """The ablation: the other features change nothing."""
    settings = make_recipe(fields, "unek", epochs=1)
    settings["architecture"]["raw"] = True
    net = pretrained.load(str(trainer.train(settings, tmp_path / "raw")))
    features = np.random.default_rng(1).normal(size=(1, 32, 32, 23)).astype(np.float32)
    other = features.copy()
    other[..., 5:15] += 1
    other[..., 20:] += 1
    assert np.array_equal(net.maps(features)["probability"], net.maps(other)["probability"])
    other[..., 2] += 1
    assert not np.array_equal(net.maps(features)["probability"], net.maps(other)["probability"])
