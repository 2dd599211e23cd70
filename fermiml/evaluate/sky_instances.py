"""The instances that a finder finds in simulated skies, beside the true masks, and their scores."""

from dataclasses import asdict, dataclass

import numpy as np
from astropy.coordinates import SkyCoord

from fermiml.detect import calibration
from fermiml.detect.detections import checked
from fermiml.detect.finder import label, views_for
from fermiml.errors import InputError
from fermiml.evaluate import instances
from fermiml.evaluate.instances import Overlaps
from fermiml.evaluate.metrics import DETECTABLE
from fermiml.localize import DISC
from fermiml.sky.patches import PIXEL, lies_within, pixel_at

DENSITY_RADIUS = 1.0  # deg, within which the neighbours of a source are counted
DENSITIES = (0, 1, 2, 4, 100)  # of neighbours
SEPARATIONS = (0.3, 0.6, 0.9, 1.2, 1.5)  # 68 % radii of the PSF at 2 GeV, of pairs
RATIOS = (1, 3, 10)  # of the fluxes of a pair
_REACH = 0.5  # of the separation of a pair, within which a detection is of one of them
_PAIR_ENERGY = 2000.0  # MeV
_LEAST = 0.5  # overlap at which recall is quoted


@dataclass(frozen=True)
class FoundInPatch:
    """Detections and true sources of a patch; positions in pixels."""

    masks: Overlaps
    boxes: Overlaps
    x: np.ndarray
    y: np.ndarray
    true_x: np.ndarray
    true_y: np.ndarray
    flux: np.ndarray  # S1
    psf_radius: float  # pixels: 68 % of the PSF at 2 GeV
    threshold: float  # score at which the finder is meant to be used


def collect(finder, sky, true_masks):
    """Find the instances of all patches of a sky.

    Parameters
    ----------
    finder : fermiml.detect.finder.Finder
        Detections without a mask get a disc, as segmenting networks paint it.
    sky : fermiml.simulate.read_fields.Sky
    true_masks : dict
        What `fermiml.simulate.mask_file.read` gives.

    Returns
    -------
    list of FoundInPatch
    """
    if sky.cube.components[0].is_healpix:
        raise InputError(f"{sky.name}: instances are measured in images, not in HEALPix data")
    views, result = views_for(finder, sky.cube), []
    for _, seen, features in views.batches():
        found = checked(finder.find(features), features, label(finder))
        result += [_beside(view.patch, detections, finder, sky, true_masks)
                   for view, detections in zip(seen, found, strict=True)]  # fmt: skip
    return result


def plain(patches):
    """Write patches as what JSON can hold; `of_plain` makes them again."""
    return [_plain(asdict(patch)) for patch in patches]


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    return np.asarray(value).tolist()


def of_plain(rows):
    """Make patches again of what `plain` gave."""
    return [FoundInPatch(**{key: _overlaps(value) if isinstance(value, dict) else np.array(value)
                            for key, value in row.items()}) for row in rows]  # fmt: skip


def _overlaps(row):
    arrays = {key: np.array(value) for key, value in row.items()}
    shape = len(arrays["score"]), len(arrays["true_counts"])
    for key in ("extended", "counts", "true_extended", "true_counts"):
        arrays[key] = arrays[key].astype(bool)
    return Overlaps(**{**arrays, "iou": arrays["iou"].reshape(shape)})


def _beside(patch, detections, finder, sky, true_masks):
    """Return the detections of a patch beside its true sources."""
    component = sky.cube.components[0]
    size = len(patch.owned)
    rows, masks = masks_in(patch, sky, true_masks)
    table, position = sky.truth.table[rows], sky.truth.positions[rows]
    x, y = patch.geom.coord_to_pix(position)
    mine = component.away_from_edge(position) & _is_owned(patch, x, y) & (sky.ts[rows] > DETECTABLE)
    there = patch.geom.pix_to_coord((detections.x, detections.y))
    counts = _is_owned(patch, detections.x, detections.y)
    counts &= component.away_from_edge(SkyCoord(*there, frame=patch.geom.frame))
    found = detections.mask
    if found is None:
        found = _discs(detections.x, detections.y, size)
    known = detections.extent is not None
    common = {
        "score": _probability(finder, detections.score),
        "extended": detections.extent > 0 if known else np.zeros(len(detections), bool),
        "counts": counts,
        "true_extended": np.array([true_masks[n].extended for n in table["Source_Name"]], bool),
        "true_counts": mine,
    }
    boxes = instances.box_iou(instances.boxes_of(found), instances.boxes_of(masks))
    radius = float(component.psf.containment_radius(_PAIR_ENERGY, 0.68)[0])
    return FoundInPatch(
        Overlaps(**common, iou=instances.mask_iou(found, masks)),
        Overlaps(**common, iou=boxes),
        detections.x, detections.y, x, y, np.asarray(table["S1"], float), radius / PIXEL,
        float(finder.operating.get("score", {}).get("threshold", 0.5)),
    )  # fmt: skip


def masks_in(patch, sky, true_masks):
    """Return the rows of the sources that have pixels in a patch, and their masks there."""
    geom, image = patch.geom, sky.cube.components[0].counts.geom.to_image()
    column, row = image.coord_to_idx(geom.get_coord())
    number = np.where((row >= 0) & (column >= 0), row * image.data_shape[1] + column, -1)
    rows, masks = [], []
    for i, name in enumerate(sky.truth.table["Source_Name"]):
        mask = np.isin(number, true_masks[name].pixels) if name in true_masks else np.zeros(1, bool)
        if mask.any():
            rows.append(i)
            masks.append(mask)
    return np.array(rows, int), np.reshape(masks, (-1, *geom.data_shape))


def _is_owned(patch, x, y):
    size = len(patch.owned)
    return lies_within(x, y, size) & patch.owned[pixel_at(x, y, size)]


def _discs(x, y, size):
    rows, columns = np.ogrid[:size, :size]
    return np.hypot(columns - x[:, None, None], rows - y[:, None, None]) <= DISC


def _probability(finder, score):
    """Calibrate scores, so that the threshold of a finder applies."""
    point = finder.operating.get("score")
    return score if point is None else calibration.probability(score, None, point)


def summary(patches):
    """Score patches (`FoundInPatch`); None without any.

    Returns
    -------
    dict
        ``average_precision`` by "masks" and "boxes" and by class, at `instances.IOUS`;
        ``curves`` of precision and recall by class, for overlaps of 0.5; and at the threshold of
        the finder ``at_threshold``, ``by_density`` and ``deblending``.
    """
    if not patches:
        return None
    threshold = float(patches[0].threshold)
    kinds = {"all": None, "compact": "compact", "extended": "extended"}
    shapes = {"masks": [p.masks for p in patches], "boxes": [p.boxes for p in patches]}
    return {
        "sources": {name: _number(shapes["masks"], kind) for name, kind in kinds.items()},
        "threshold": threshold,
        "average_precision": {
            shape: {name: instances.average_precisions(overlaps, kind).tolist()
                    for name, kind in kinds.items()}
            for shape, overlaps in shapes.items()
        },
        "curves": {name: _curve(shapes["masks"], kind) for name, kind in kinds.items()},
        "at_threshold": {
            name: _at(shapes["masks"], kind, threshold) for name, kind in kinds.items()
        },
        "by_density": _by_density(patches, threshold),
        "deblending": _deblending(patches, threshold),
    }  # fmt: skip


def _judged(overlaps, kind):
    score, right, number = zip(*(o.judged(_LEAST, kind) for o in overlaps), strict=True)
    return np.concatenate(score), np.concatenate(right), sum(number)


def _number(overlaps, kind):
    return _judged(overlaps, kind)[2]


def _curve(overlaps, kind):
    """Precision against recall, thinned for a figure."""
    precision, recall = instances.precision_recall(*_judged(overlaps, kind))
    steps = np.unique(np.linspace(0, max(len(recall) - 1, 0), 60).astype(int))[: len(recall)]
    return {"precision": precision[steps].tolist(), "recall": recall[steps].tolist()}


def _at(overlaps, kind, threshold):
    """Precision and recall at a threshold."""
    score, right, number = _judged(overlaps, kind)
    right = right[score >= threshold]
    return {"precision": float(np.mean(right)) if len(right) else np.nan,
            "recall": right.sum() / number if number else np.nan}  # fmt: skip


def _by_density(patches, threshold):
    """Recall of compact sources by the number of detectable neighbours."""
    near, found = [], []
    for p in patches:
        distance = np.hypot(np.subtract.outer(p.true_x, p.true_x),
                            np.subtract.outer(p.true_y, p.true_y))  # fmt: skip
        counted = p.masks.true_counts & ~p.masks.true_extended
        near.append((np.sum(distance < DENSITY_RADIUS / PIXEL, axis=1) - 1)[counted])
        found.append(p.masks.found(_LEAST, threshold)[counted])
    recall, number = instances.recall_by(np.concatenate(near), np.concatenate(found), DENSITIES)
    return {"edges": list(DENSITIES), "recall": recall.tolist(), "number": number.tolist()}


def _deblending(patches, threshold):
    """Fates of pairs of compact sources by separation and ratio of their fluxes."""
    table = np.zeros((len(SEPARATIONS) - 1, len(RATIOS), len(instances.FATES)), int)
    for p in patches:
        mine = np.flatnonzero(p.masks.true_counts & ~p.masks.true_extended)
        x, y, flux = p.true_x[mine], p.true_y[mine], p.flux[mine]
        above = p.masks.score >= threshold
        pairs, distance = instances.pairs(x, y, SEPARATIONS[-1] * p.psf_radius)
        for pair, apart in zip(pairs, distance, strict=True):
            row = np.searchsorted(SEPARATIONS, apart / p.psf_radius, side="right") - 1
            if row < 0:
                continue
            column = np.searchsorted(RATIOS, flux[pair].max() / flux[pair].min(), side="right") - 1
            fate = instances.fate(pair, x, y, p.x[above], p.y[above], _REACH * apart)
            table[row, column, instances.FATES.index(fate)] += 1
    return {"separations": list(SEPARATIONS), "ratios": list(RATIOS),
            "fates": list(instances.FATES), "number": table.tolist()}  # fmt: skip
