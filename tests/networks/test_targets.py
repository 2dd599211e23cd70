"""What networks are trained towards."""

import numpy as np
import pytest
from makers.trainingfields import FULL

from fermiml import networks
from fermiml.networks import targets
from fermiml.train.training_patches import TrainingSet


@pytest.fixture(scope="module")
def patch(fields):
    return TrainingSet(fields, randomisation=FULL).patch(0)


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
