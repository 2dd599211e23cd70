"""Metrics of instances: overlap, average precision, recall by density, deblending.

The words of the field of object detection: a detection is right if its mask (or box) and that of a
true source overlap enough, one to one, the most probable detection first.
"""

from dataclasses import dataclass

import numpy as np

IOUS = np.round(np.arange(0.5, 1.0, 0.05), 2)  # intersection over union, at which AP is quoted
FATES = ("two", "one", "none")  # of a pair of sources


def mask_iou(found, true):
    """Intersection over union of masks (n, pixels...) with masks (m, pixels...), (n, m)."""
    size = int(np.prod(np.shape(true)[1:]))
    found, true = (np.reshape(m, (len(m), size)).astype(np.float32) for m in (found, true))
    common = found @ true.T
    either = found.sum(axis=1)[:, None] + true.sum(axis=1) - common
    return np.divide(common, either, out=np.zeros_like(common), where=either > 0)


def box_iou(found, true):
    """Intersection over union of boxes (n, 4) with boxes (m, 4): x from, to, y from, to."""
    found, true = (np.reshape(np.asarray(b, float), (-1, 4)) for b in (found, true))
    sides = []
    for start, stop in ((0, 1), (2, 3)):
        last = np.minimum(found[:, None, stop], true[:, stop])
        sides.append(np.clip(last - np.maximum(found[:, None, start], true[:, start]), 0, None))
    common = sides[0] * sides[1]
    areas = [(b[:, 1] - b[:, 0]) * (b[:, 3] - b[:, 2]) for b in (found, true)]
    either = areas[0][:, None] + areas[1] - common
    return np.divide(common, either, out=np.zeros_like(common), where=either > 0)


def boxes_of(masks):
    """Boxes (n, 4) around masks (n, y, x), with their outer edges: x from, to, y from, to."""
    boxes = []
    for mask in masks:
        rows, columns = np.nonzero(mask)
        empty = not len(rows)
        ends = (0, -1, 0, -1) if empty else (*_ends(columns), *_ends(rows))
        boxes.append((ends[0] - 0.5, ends[1] + 0.5, ends[2] - 0.5, ends[3] + 0.5))
    return np.reshape(boxes, (-1, 4))


def _ends(values):
    return values.min(), values.max()


def match(iou, score, least):
    """Return the number of the true source that each detection is matched with, -1 for none.

    The most probable detection chooses first, and takes the free source that it overlaps most.
    """
    matched, free = np.full(len(score), -1), np.ones(np.shape(iou)[1], bool)
    for i in np.argsort(-np.asarray(score), kind="stable"):
        open_to = np.where(free, iou[i], 0.0)
        best = int(np.argmax(open_to)) if len(open_to) else -1
        if best >= 0 and open_to[best] >= least:
            matched[i], free[best] = best, False
    return matched


def precision_recall(score, right, number):
    """Precision and recall as the least score falls, for `number` true sources."""
    order = np.argsort(-np.asarray(score, float), kind="stable")
    found = np.cumsum(np.asarray(right, float)[order])
    return found / np.arange(1, len(order) + 1), found / max(number, 1)


def average_precision(score, right, number):
    """Area below precision against recall, where precision is the best at that recall or higher.

    NaN without true sources.
    """
    if not number:
        return np.nan
    precision, recall = precision_recall(score, right, number)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * best))


@dataclass(frozen=True)
class Overlaps:
    """Detections and true sources of a patch, and how they overlap.

    Sources that do not count (too faint, off the patch) may be matched; such matches say nothing,
    and nor do detections off the sky that the patch owns.
    """

    score: np.ndarray  # (detection,)
    extended: np.ndarray
    counts: np.ndarray
    true_extended: np.ndarray  # (source,)
    true_counts: np.ndarray
    iou: np.ndarray  # (detection, source)

    def judged(self, least, kind=None):
        """Return scores and rightness of the detections that count, and the number of sources.

        `kind` is "compact" or "extended" for detections and sources of that class only.
        """
        matched = match(self.iou, self.score, least)
        mine, true = np.ones(len(self.score), bool), self.true_counts
        if kind is not None:
            mine = self.extended == (kind == "extended")
            true = true & (self.true_extended == (kind == "extended"))
        right = (matched >= 0) & true[matched] if len(true) else np.zeros(len(mine), bool)
        neutral = (
            (matched >= 0) & ~right & ~self.true_counts[matched] if len(true) else ~mine & False
        )
        used = self.counts & mine & ~neutral
        return self.score[used], right[used], int(true.sum())

    def found(self, least, threshold):
        """Which sources are matched by a detection of at least a score."""
        matched = match(self.iou, self.score, least)[self.score >= threshold]
        return np.isin(np.arange(len(self.true_counts)), matched)


def average_precisions(overlaps, kind=None):
    """AP at each of `IOUS` of the patches together."""
    values = []
    for least in IOUS:
        score, right, numbers = zip(*(o.judged(least, kind) for o in overlaps), strict=True)
        values.append(average_precision(np.concatenate(score), np.concatenate(right), sum(numbers)))
    return np.array(values)


def recall_by(values, found, edges):
    """Fraction found, and number, of sources in bins of a value."""
    number = np.histogram(values, edges)[0]
    right = np.histogram(values[found], edges)[0]
    return np.divide(right, number, out=np.full(len(number), np.nan), where=number > 0), number


def pairs(x, y, radius):
    """Pairs (first, second) of points that have each other, and nobody else, within `radius`."""
    distance = np.hypot(np.subtract.outer(x, x), np.subtract.outer(y, y))
    near = (distance < radius) & ~np.eye(len(x), dtype=bool)
    alone = near.sum(axis=1) == 1
    first, second = np.nonzero(np.triu(near) & alone[:, None] & alone)
    return np.column_stack([first, second]), distance[first, second]


def fate(pair, x, y, found_x, found_y, reach):
    """Return how many of a pair of sources were found: "two", "one" or "none".

    Each is matched with a detection of its own within `reach`, the closest ones first.
    """
    distance = np.hypot(np.subtract.outer(x[pair], found_x), np.subtract.outer(y[pair], found_y))
    number = 0
    while distance.size and np.min(distance) < reach:
        number += 1
        source, detection = np.unravel_index(np.argmin(distance), distance.shape)
        distance[source], distance[:, detection] = np.inf, np.inf
    return FATES[2 - min(number, 2)]
