"""Metrics of instances against cases computed by hand."""

import numpy as np
import pytest

from fermiml.evaluate import instances
from fermiml.evaluate.instances import Overlaps


def squares(*corners, size=10, side=4):
    """Masks of squares by their lower left corners (x, y)."""
    masks = np.zeros((len(corners), size, size), bool)
    for mask, (x, y) in zip(masks, corners, strict=True):
        mask[y : y + side, x : x + side] = True
    return masks


def test_overlap_of_masks_and_boxes():
    """Squares of 16 pixels: the same, one column apart (12 / 20), a corner (1 / 31), apart."""
    found, true = squares((0, 0)), squares((0, 0), (1, 0), (3, 3), (6, 6))
    by_hand = [[1, 12 / 20, 1 / 31, 0]]
    np.testing.assert_allclose(instances.mask_iou(found, true), by_hand, rtol=1e-6)
    boxes = [instances.boxes_of(masks) for masks in (found, true)]
    assert boxes[0].tolist() == [[-0.5, 3.5, -0.5, 3.5]]
    np.testing.assert_allclose(instances.box_iou(*boxes), by_hand)
    empty = np.zeros((1, 10, 10), bool)
    assert instances.mask_iou(empty, true).max() == 0
    assert instances.box_iou(instances.boxes_of(empty), boxes[1]).max() == 0
    assert instances.mask_iou(empty[:0], true).shape == (0, 4)


def test_the_most_probable_detection_chooses_first():
    """It takes source 1, which the other overlaps more; that one then falls back on source 0."""
    iou = np.array([[0.6, 0.9], [0.2, 0.7]])
    assert instances.match(iou, [0.5, 0.8], 0.5).tolist() == [0, 1]
    assert instances.match(iou, [0.8, 0.5], 0.5).tolist() == [1, -1]
    assert instances.match(np.zeros((2, 0)), [0.8, 0.5], 0.5).tolist() == [-1, -1]


def test_average_precision_by_hand():
    """Right, wrong, right of 4 sources: 1/4 x 1 + 1/4 x 2/3."""
    right = [True, False, True]
    precision, recall = instances.precision_recall([0.9, 0.8, 0.7], right, 4)
    np.testing.assert_allclose(precision, [1, 1 / 2, 2 / 3])
    np.testing.assert_allclose(recall, [1 / 4, 1 / 4, 2 / 4])
    value = instances.average_precision([0.7, 0.9, 0.8], [True, True, False], 4)
    assert value == pytest.approx(1 / 4 + 1 / 4 * 2 / 3)
    assert instances.average_precision([0.9, 0.5], [True, True], 2) == 1
    assert instances.average_precision([0.9], [False], 2) == 0
    assert np.isnan(instances.average_precision([], [], 0))


def patch(iou, **changes):
    """Two detections and two sources of which all count."""
    values = {
        "score": np.array([0.9, 0.6]),
        "extended": np.array([False, True]),
        "counts": np.ones(2, bool),
        "true_extended": np.array([False, True]),
        "true_counts": np.ones(2, bool),
    }
    return Overlaps(iou=np.array(iou, float), **{**values, **changes})


def test_average_precisions_of_patches_and_classes():
    """Overlaps of 0.72 are right up to 0.70; a class looks at its own detections and sources."""
    one = patch([[0.72, 0], [0, 1]])
    ap = instances.average_precisions([one])
    np.testing.assert_allclose(ap, [1] * 5 + [0.25] * 5)  # wrong, then right: 1/2 x 1/2
    np.testing.assert_allclose(instances.average_precisions([one], "compact"), [1] * 5 + [0] * 5)
    np.testing.assert_allclose(instances.average_precisions([one], "extended"), 1)
    np.testing.assert_allclose(instances.average_precisions([one, one]), ap)
    swapped = patch([[0.72, 0], [0, 1]], extended=np.array([True, False]))
    assert instances.average_precisions([swapped], "compact").max() == 0


def test_what_does_not_count_is_neither_right_nor_wrong():
    faint = patch([[1, 0], [0, 1]], true_counts=np.array([False, True]))
    score, right, number = faint.judged(0.5)
    assert (score.tolist(), right.tolist(), number) == ([0.6], [True], 1)
    rim = patch([[0, 0], [0, 1]], counts=np.array([False, True]))
    assert rim.judged(0.5)[1].tolist() == [True]
    nothing = patch(
        np.zeros((2, 0)), true_extended=np.zeros(0, bool), true_counts=np.zeros(0, bool)
    )
    assert nothing.judged(0.5)[1].tolist() == [False, False]
    assert faint.found(0.5, 0.7).tolist() == [True, False]


def test_recall_by_density():
    values, found = np.array([0.0, 0, 1, 1, 5]), np.array([True, False, True, True, False])
    recall, number = instances.recall_by(values, found, [0, 1, 4, 9, 99])
    np.testing.assert_allclose(recall, [0.5, 1, 0, np.nan])
    assert number.tolist() == [2, 2, 1, 0]


def test_pairs_and_their_fate():
    """Two within 3 pixels are a pair; three in a heap are none."""
    x, y = np.array([0.0, 2, 20, 22, 24, 50]), np.zeros(6)
    found, distance = instances.pairs(x, y, 3.0)
    assert found.tolist() == [[0, 1]] and distance.tolist() == [2]
    for found_x, wanted in (([0.1, 2.2], "two"), ([1.0], "one"), ([1.0, 9], "one"), ([9.0], "none"),
                            ([], "none")):  # fmt: skip
        positions = np.array(found_x), np.zeros(len(found_x))
        assert instances.fate(found[0], x, y, *positions, reach=1.2) == wanted
