"""All architectures alike: what they answer, what they learn, and that they learn it."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from makers.trainingfields import FULL, SMALL

from fermiml import networks
from fermiml.detect.detections import checked
from fermiml.detect.finder import load_finder
from fermiml.errors import InputError
from fermiml.features.patch_features import N_FEATURES
from fermiml.networks import pretrained, targets
from fermiml.train import recipe, trainer
from fermiml.train.training_patches import TrainingSet

RECIPES = sorted((Path(__file__).parents[2] / "config" / "architectures").glob("*.yaml"))
SIZE = 64
# Options that make a network quick; recipes have those of the networks that are compared.
TINY = {
    "heatmap": SMALL,
    "unek": SMALL,
    "centroid": SMALL,
    "direction": SMALL,
    "mask": SMALL,
    "tiramisu": {"first": 8, "growth": 4, "layers": [1, 2, 2]},
    "panknet": {"widths": [4, 8], "encoder": [1, 1], "decoder": 4},
    "grid": {"boxes": 2, "energy": [4, 8], "width": 16, "blocks": 1},
    "set": {"widths": [4, 8, 8], "encoder": [1, 1, 1], "side": 10, "width": 16, "heads": 2,
            "depth": 1},
}  # fmt: skip
NEW = ("tiramisu", "panknet", "direction", "grid", "set")


@pytest.fixture(scope="module")
def patch(fields):
    return TrainingSet(fields, size=SIZE, randomisation=FULL).patch(0)


@pytest.fixture(scope="module", params=NEW)
def learnt(request, fields):
    """An architecture, its options, its model after some steps on one batch, and the losses."""
    kind = request.param
    settings = recipe.check({
        "network": kind,
        "architecture": TINY[kind],
        "training": {"fields": [str(fields)], "rate": 0.01, "precision": "mixed_bfloat16"},
    })  # fmt: skip
    model, _ = trainer._compiled(settings)
    architecture = networks.get_architecture(kind)
    patches = TrainingSet(fields, size=SIZE, randomisation=FULL)
    features, drawn = zip(*(patches.example(i) for i in range(2)), strict=True)
    made = [architecture.make_targets(p, **settings["architecture"]) for p in drawn]
    wanted = {key: np.array([m[key] for m in made], np.float32) for key in made[0]}
    batch = np.moveaxis(np.array(features), 1, -1), wanted
    losses = []
    for _ in range(12):
        losses.append(model.train_on_batch(*batch, return_dict=True)["loss"])
        model.reset_metrics()
    return architecture, settings, model, losses


def test_the_recipes_are_trained_alike():
    """They differ in the network and its options only."""
    read = [recipe.read(path) for path in RECIPES]
    assert len(read) > 4
    for each in read:
        assert each["training"] == read[0]["training"]
        assert each["selection"] == read[0]["selection"]
        assert each["training"]["epochs"] * each["training"]["patches"] == 20_000


def test_the_loss_falls(learnt):
    losses = learnt[-1]
    assert np.all(np.isfinite(losses))
    assert losses[-1] < 0.7 * losses[0]


def test_a_trained_network_is_read_back_and_finds_something(learnt, tmp_path):
    """The same from its folder as from the model; averaged over turns where it has maps."""
    architecture, settings, model, _ = learnt
    turns = 1 if hasattr(architecture, "to_instances") else 4
    pretrained.save(model, {**settings, "turns": turns}, tmp_path)
    finder = load_finder(str(tmp_path))
    finder.lowest = 1e-4
    features = np.random.default_rng(1).normal(0, 2, (2, SIZE, SIZE, N_FEATURES)).astype("f")
    found = checked(finder.find(features), features, finder.name)
    assert sum(map(len, found)) > 0
    assert finder.heatmap(features).shape == (2, SIZE, SIZE)
    if hasattr(architecture, "read"):  # answers without Keras
        theirs = pretrained.keras_model(tmp_path / "weights.npz", finder.network.card)
        for name, values in theirs.predict_on_batch(features).items():
            ours = finder.network.model.predict_on_batch(features)[name]
            np.testing.assert_allclose(ours, values, atol=1e-4 * np.ptp(values))


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("heatmap", {"skips": 1}, "architecture.skips: 1 is neither"),
        ("tiramisu", {"layers": [3]}, "between 2 and 5 scales"),
        ("tiramisu", {"growth": 0}, "architecture.growth: 0"),
        ("panknet", {"widths": [4, 8]}, "2 widths need 2 encoder"),
        ("panknet", {"decoder": 1000}, "architecture.decoder: 1000"),
        ("grid", {"energy": [4]}, "two numbers of channels"),
        ("set", {"side": 5}, "its square has to be at least 96"),
        ("set", {"width": 30}, "has to be a multiple of 4"),
    ],
)
def test_options_that_make_no_network_are_named(kind, change, message):
    with pytest.raises(InputError, match=message):
        recipe.check({"network": kind, "architecture": change, "training": {"fields": "a"}})


@pytest.mark.parametrize("kind", ["grid", "set", "mask"])
def test_networks_with_a_loss_of_their_own_take_no_other(kind):
    with pytest.raises(InputError, match="loss: this network has its own"):
        networks.get_architecture(kind).make_losses({"name": "bce"})


def test_what_a_direction_field_learns_leads_to_the_sources(patch):
    """Its targets as an answer, through its localizer, give the sources back."""
    architecture = networks.get_architecture("direction")
    made = architecture.make_targets(patch)
    sure = {
        "segmentation": 20 * made["segmentation"][None, ..., :1] - 10,
        "direction": made["direction"][None, ..., :2],
    }
    assert_gives_back(architecture, sure, patch)


def test_what_a_grid_learns_are_the_sources(patch):
    """Its targets as an answer: each source once, also beside the border of a cell."""
    architecture = networks.get_architecture("grid")
    made = architecture.make_targets(patch, boxes=2)["boxes"]
    assert made.shape == (SIZE // 4, SIZE // 4, 12)
    boxes = made.reshape(SIZE // 4, SIZE // 4, 2, 6)
    sure = np.concatenate([20 * boxes[..., :1] - 10, boxes[..., 2:5]], axis=-1)
    sure = sure.reshape(1, SIZE // 4, SIZE // 4, 8)
    one = architecture.to_instances({"boxes": sure}, SIZE, 0.5)[0]
    assert_same(one.x, one.y, patch, 1e-6)
    assert one.mask.shape == (len(one.x), SIZE, SIZE)
    wanted, _ = targets.sort_sources(patch)
    assert boxes[..., 0].sum() == wanted.sum()  # no cell has more than two
    assert boxes[boxes[..., 0] > 0][:, 4].max() == pytest.approx(
        np.log10(patch.npred[wanted].sum(axis=1).max())
    )


def test_beside_a_cell_with_a_source_nothing_is_asked():
    """A source 0.2 pixels right of a border: the cell to the left may find it, too."""
    architecture = networks.get_architecture("grid")
    patch = SimpleNamespace(
        coverage=np.ones((32, 32)), x=np.array([11.7]), y=np.array([13.5]), ts=np.array([50.0]),
        npred=np.array([[100.0]]), extended=np.zeros(1), artefact=np.zeros(1, bool),
    )  # fmt: skip
    boxes = architecture.make_targets(patch, boxes=1)["boxes"]
    assert boxes[3, 3].tolist() == pytest.approx([1, 1, -0.45, 0, 2, 1])
    assert boxes[3, 2].tolist() == pytest.approx([0, 0, 0.55, 0, 2, 1])
    assert boxes[3, 4].tolist() == [0, 1, 0, 0, 0, 0]


def test_what_a_set_predictor_learns_are_the_sources(patch):
    """Its target as an answer has no loss, and gives the sources back."""
    architecture = networks.get_architecture("set")
    made = architecture.make_targets(patch)["sources"].astype(np.float32)
    is_source = made[:, 3] == 1
    assert is_source.sum() == targets.sort_sources(patch)[0].sum()
    answer = np.column_stack([20 * is_source - 10, made[:, :2]])[None].astype(np.float32)
    one = architecture.to_instances({"sources": answer}, SIZE, 0.5)[0]
    assert_same(one.x, one.y, patch, 1e-4)
    loss = architecture.make_losses()["sources"]
    assert float(loss(made[None], answer)) < 0.01
    moved = answer + np.float32([0, 1, 0])
    assert float(loss(made[None], moved)) > 0.3


def assert_gives_back(architecture, outputs, patch, within=0.1):
    """All isolated sources, and nothing that is none."""
    from fermiml.localize import get_localizer

    maps = {name: values[0] for name, values in architecture.to_maps(outputs).items()}
    x, y, _ = get_localizer(architecture.LOCALIZER)(maps, 0.3, radius=architecture.RADIUS)
    assert_same(x, y, patch, within)


def assert_same(x, y, patch, within):
    wanted, _ = targets.sort_sources(patch)
    true = np.column_stack([patch.x, patch.y])[wanted]
    apart = np.hypot(*(true[:, None] - true[None]).T)
    alone = np.sort(apart, axis=1)[:, 1] > 6
    assert alone.sum() > 3
    distance = np.hypot(*(true[:, None] - np.column_stack([x, y])[None]).T).T
    assert distance[alone].min(axis=1).max() < within
    assert distance.min(axis=0).max() < 2
