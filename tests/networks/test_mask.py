"""The Mask R-CNN: targets, losses that the truth makes small, instances, suppression."""

import numpy as np
import pytest
from makers.trainingfields import FULL, SMALL, make_recipe

from fermiml import Trainer
from fermiml.detect.finder import InstanceFinder, load_finder
from fermiml.errors import InputError
from fermiml.networks import get_architecture, patch_instances, pretrained, targets
from fermiml.networks.mask import (
    found_instances,
    instance_targets,
    region_grids,
    region_losses,
    stages,
)
from fermiml.networks.mask.region_grids import COMPACT, PULSAR
from fermiml.train.training_patches import Randomisation, TrainingSet

SIZE = 128


@pytest.fixture(scope="module")
def patch(fields):
    return TrainingSet(fields, size=SIZE, randomisation=FULL).patch(0)


def second_stage(x, y, radius, kind=1, kinds=3):
    """What the second stage says if it is sure: regions as given, their discs painted."""
    x, y, radius = (np.asarray(v, float) for v in (x, y, radius))
    across, down = region_grids.grid(region_grids.PAINTED)
    disc = np.where(np.hypot(across, down) <= 1, 9.0, -9.0).ravel()
    logits = np.full(kinds, -9.0)
    logits[kind] = 9.0
    rest = np.concatenate([[9.0], logits, np.zeros(3), disc])
    return np.column_stack([x, y, radius, np.tile(rest, (len(x), 1))])


def test_every_clear_source_is_a_row_and_has_a_cell_of_its_own_level(patch):
    sources = instance_targets.table(patch)
    clear = sources[sources[:, 4] > 0]
    assert len(clear) > 5
    target = instance_targets.proposals(sources, patch.coverage, levels=4)
    assert len(target) == sum((SIZE // 2**level) ** 2 for level in range(4))
    heat, x, y = target[: SIZE**2, 0].reshape(SIZE, SIZE), *clear[:, :2].T
    assert np.all(heat[np.round(y).astype(int), np.round(x).astype(int)] == 1)
    row, column = np.divmod(np.flatnonzero(target[: SIZE**2, 5]), SIZE)
    there = (
        np.column_stack([column, row])
        + region_grids.ANCHOR * target[: SIZE**2, 2:4][target[: SIZE**2, 5] > 0]
    )
    apart = np.hypot(*(there[:, None] - clear[None, :, :2]).T)
    assert apart.min(axis=0).max() < 1e-4
    assert not target[SIZE**2 :, 5].any()  # no extended source in this field


def test_extended_sources_go_to_the_level_of_their_size():
    compact = np.array([True, False, False, False, False])
    radius = region_grids.ANCHOR * np.array([6.0, 0.5, 2.1, 3.9, 30.0])
    assert region_grids.levels_of(compact, radius, 4).tolist() == [0, 1, 1, 2, 3]


def test_the_truth_has_the_least_loss(patch):
    """Of the second stage: regions at the sources are sources, moved ones cost more."""
    sources = instance_targets.table(patch)[None].astype(np.float32)
    clear = sources[0, sources[0, :, 4] == region_grids.COMPACT]
    losses = []
    for moved in (0.0, 0.3):
        found = second_stage(clear[:, 0] + moved * clear[:, 2], clear[:, 1], clear[:, 2])
        losses.append(float(region_losses.instances(sources, found[None].astype(np.float32))))
    nothing = second_stage(clear[:, 0], clear[:, 1], clear[:, 2], kind=0)
    losses.append(float(region_losses.instances(sources, nothing[None].astype(np.float32))))
    assert losses[0] < 0.5 < losses[1] < losses[2]


def test_features_are_read_between_cells():
    """A ramp read off the grid, and clipped beyond the border."""
    rows, columns = np.mgrid[:6, :8].astype(np.float32)
    ramp = np.stack([columns, rows], axis=-1)[None].repeat(2, axis=0)
    x, y = np.float32([[[2.25, 7.5]], [[0.5, -3]]]), np.float32([[[3.5, 1.0]], [[4.75, 2.0]]])
    read = np.asarray(stages.bilinear(ramp, x, y))
    np.testing.assert_allclose(read[0, 0], [[2.25, 3.5], [7, 1]], atol=1e-6)
    np.testing.assert_allclose(read[1, 0], [[0.5, 4.75], [0, 2]], atol=1e-6)


def test_each_source_is_found_once_with_its_pixels():
    """Two regions of one source, a neighbour 1.2 radii away, a disk below a point."""
    found = second_stage([30, 30.5, 33, 80, 80], [40, 40, 40, 80, 80], [2.5, 2.5, 2.5, 20, 2.5])
    found[3, 4:7] = [-9, -9, 9]
    one = found_instances.of_patch(found, SIZE, 0.05)
    assert sorted(one.x.round(3)) == [30, 33, 80, 80]
    assert one.extended.sum() == 1
    for mask, radius in zip(one.mask > 0.5, one.radius, strict=True):
        assert mask.sum() == pytest.approx(np.pi * radius**2, rel=0.2)
    nothing = found_instances.of_patch(second_stage([30], [40], [2.5], kind=0), SIZE, 0.05)
    assert nothing.mask.shape == (0, SIZE, SIZE)


def test_clumps_of_gas_are_a_kind_that_scores_nothing(fields):
    """They are in the targets of a network that knows them, and in those of no other."""
    drawn = Randomisation(exposure=(1, 1), short=0, absent=0, rim=0, coarse=0, artefacts=4.0)
    patch = TrainingSet(fields, size=SIZE, randomisation=drawn).patch(0)
    bright = patch.artefact & (patch.ts > 25)
    assert 1 <= bright.sum() < 12
    table = instance_targets.table(patch, artefacts=True)
    assert (table[:, 4] == region_grids.ARTEFACT).sum() == bright.sum()
    assert not (instance_targets.table(patch)[:, 4] == region_grids.ARTEFACT).any()
    wanted, faint = targets.sort_sources(patch)
    assert not (wanted | faint)[patch.artefact].any()
    sources = table[None].astype(np.float32)
    x, y, radius = sources[0, sources[0, :, 4] == region_grids.ARTEFACT, :3].T
    right, wrong = (second_stage(x, y, radius, kind, kinds=4) for kind in (3, 2))
    losses = [float(region_losses.instances(sources, found[None].astype(np.float32)))
              for found in (right, wrong)]  # fmt: skip
    assert losses[0] < 0.5 < losses[1]
    assert len(found_instances.of_patch(right, SIZE, 0.05).x) == 0
    assert len(found_instances.of_patch(wrong, SIZE, 0.05).x) > 0


def test_pulsars_are_a_kind_where_classes_are_asked_for(fields):
    """They are compact, are told from the others, and score as these."""
    patches = TrainingSet(fields, size=SIZE, randomisation=FULL)
    patch = next(
        p for p in map(patches.patch, range(40)) if (p.pulsar & ~p.artefact & (p.ts > 100)).any()
    )
    table = instance_targets.table(patch, classes=True)
    pulsars, others = (table[table[:, 4] == kind] for kind in (PULSAR, COMPACT))
    assert len(pulsars) and len(others)
    same = instance_targets.table(patch)
    assert (same[:, 4] == COMPACT).sum() == len(pulsars) + len(others)
    levels = [instance_targets.proposals(t, patch.coverage, 4) for t in (table, same)]
    assert np.array_equal(*levels)
    x, y, radius = pulsars[:, :3].T
    one = found_instances.of_patch(second_stage(x, y, radius, PULSAR, kinds=PULSAR + 1), SIZE, 0.05)
    assert len(one.x) == len(pulsars) and not one.extended.any()
    assert one.score.min() > 0.9 and one.pulsar.min() > 0.9
    other = found_instances.of_patch(
        second_stage(x, y, radius, COMPACT, kinds=PULSAR + 1), SIZE, 0.05
    )
    assert other.score.min() > 0.9 and other.pulsar.max() < 0.1


def test_overlap_of_discs():
    """None, one within the other, and equal ones half a radius apart (by hand 0.521)."""
    got = patch_instances.overlap(*np.array([[9.0, 2, 3], [1, 1, 2], [0.5, 1, 1]]).T)
    np.testing.assert_allclose(got, [0, 0.25, 0.521], atol=1e-3)


@pytest.mark.slow
def test_a_small_network_is_trained_saved_and_finds_the_same_again(fields, tmp_path):
    """Heads alone first: the trunk stays; then all. Instances go into detections."""
    heads = make_recipe(
        fields, "mask", heads_only=True, optimizer="sgd", precision="mixed_bfloat16"
    )
    start = Trainer(make_recipe(fields, "unek", epochs=1)).run(tmp_path / "unek")
    first = Trainer(heads, start).run(tmp_path / "heads")
    with np.load(start / "weights.npz") as a, np.load(first / "weights.npz") as b:
        assert np.array_equal(a["0002"], b["0002"])
    second = Trainer(make_recipe(fields, "mask"), first).run(tmp_path / "all")
    finder = load_finder(str(second))
    assert isinstance(finder, InstanceFinder)
    assert finder.localizer == "instances"
    finder.lowest = 0.0
    features = np.random.default_rng(1).normal(size=(2, 64, 64, 23)).astype(np.float32)
    found = finder.find(features)
    again = InstanceFinder(pretrained.load(str(second)), lowest=0.0).find(features)
    for one, other in zip(found, again, strict=True):
        assert len(one) > 0
        assert one.mask.shape == (len(one), 64, 64)
        assert np.array_equal(one.x, other.x) and np.array_equal(one.score, other.score)
    assert finder.heatmap(features).shape == (2, 64, 64)
    with pytest.raises(InputError, match="takes no localizer"):
        load_finder(str(second), "peaks")


def test_options_that_make_no_network_are_refused():
    architecture = get_architecture("mask")
    five = {"widths": [4] * 5, "encoder": [1] * 5, "decoder": [1] * 4, "skips": True, "raw": False,
            "artefacts": False, "classes": False}  # fmt: skip
    with pytest.raises(InputError, match="at most 4 scales"):
        architecture.check(five)
    with pytest.raises(InputError, match="has its own"):
        architecture.make_losses({"name": "bce"}, **SMALL)
