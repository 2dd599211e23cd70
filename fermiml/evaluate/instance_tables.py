"""Scores of instances as Markdown tables and a figure."""

from itertools import pairwise

import numpy as np

from fermiml.evaluate.instances import IOUS
from fermiml.evaluate.markdown_cells import table, value


def markdown(rows):
    """Tables of (set, method, `FieldScores`) whose skies have masks; a list of texts."""
    if not rows:
        return []
    return [
        "Instances: average precision (AP) by overlap (IoU) with true masks, sources of Asimov TS "
        "> 25; at the threshold, precision / recall for an overlap of 0.5:",
        table(
            ["set", "method", "class", "sources", "AP 0.50", "AP 0.75", "AP 0.50-0.95",
             "boxes, AP 0.50-0.95", "at the threshold"],
            [line for row in rows for line in _precision(*row)]),
        "Recall of compact sources by the number of detectable neighbours within 1 deg (sources):",
        table(["set", "method", *_densities(rows[0][2].instances)],
                             [_by_density(*row) for row in rows]),
        "Pairs of compact sources, found as two / one / none, by separation in 68 % radii of the "
        "PSF at 2 GeV, and by the ratio of their fluxes:",
        table(["set", "method", "separation", *_ratios(rows[0][2].instances)],
                             [line for row in rows for line in _pairs(*row)]),
    ]  # fmt: skip


def _precision(label, name, scores):
    found = scores.instances
    ap = found["average_precision"]
    for kind, number in found["sources"].items():
        masks, boxes = (np.array(ap[shape][kind], float) for shape in ("masks", "boxes"))
        values = [masks[IOUS == 0.5][0], masks[IOUS == 0.75][0], masks.mean(), boxes.mean()]
        both = found["at_threshold"][kind]
        pair = [value(both[key], ".2f") for key in ("precision", "recall")]
        cells = [value(v, ".3f") for v in values]
        yield [label, name, kind, number, *cells, " / ".join(pair)]


def _ranges(edges):
    return [f"{a:g} to {b:g}" for a, b in pairwise(edges)]


def _densities(found):
    edges = found["by_density"]["edges"]
    return [f"{a}" if b == a + 1 else f"{a} to {b - 1}" for a, b in pairwise(edges)]


def _by_density(label, name, scores):
    rows = scores.instances["by_density"]
    cells = zip(rows["recall"], rows["number"], strict=True)
    return [label, name, *(f"{value(v, '.2f')} ({n})" for v, n in cells)]


def _ratios(found):
    edges = found["deblending"]["ratios"]
    return [*(f"ratio {text}" for text in _ranges(edges)), f"ratio above {edges[-1]:g}"]


def _pairs(label, name, scores):
    rows = scores.instances["deblending"]
    for text, cells in zip(_ranges(rows["separations"]), rows["number"], strict=True):
        yield [label, name, text, *(" / ".join(map(str, cell)) for cell in cells)]


def draw(scored, ax=None):
    """Plot precision against recall by class of {method: `FieldScores`}."""
    from fermiml.plot import performance

    curves = {
        f"{name}, {kind}": {"purity": curve["precision"], "completeness": curve["recall"]}
        for name, scores in scored.items()
        for kind, curve in scores.instances["curves"].items()
        if curve["recall"] and scores.instances["sources"][kind]
    }
    ax = performance.plot_completeness_purity(curves, ax)
    ax.set(xlabel="precision", ylabel="recall", title="overlap of 0.5")
    return ax
