"""Scores of `fermiml.evaluate.run` as Markdown tables and figures."""

import numpy as np
from astropy.table import Table

from fermiml.evaluate import instance_tables, metrics, panes2021
from fermiml.evaluate.markdown_cells import table, value
from fermiml.evaluate.scores import FalseScores, FieldScores

_DETECTION = {
    "set": str, "method": str, "zone": str, "true_sources": int, "completeness": float,
    "completeness_low": float, "completeness_high": float, "default_completeness": float,
    "default_purity": float,
}  # fmt: skip
HEADLINE = "Completeness for Asimov TS > 25 at 95 % purity (68 % interval; true sources)"


def markdown(results):
    """Tables of the headline numbers of {set: {method: `MethodScores`}}."""
    rows, parts = list(_rows(results)), []
    with_sources = [row for row in rows if isinstance(row[2], FieldScores)]
    if with_sources:
        zones = list(metrics.ZONES)
        parts += [
            f"{HEADLINE}:",
            table(*headlines(results)),
            "At the default threshold, completeness / purity:",
            table(["set", "method", *zones, "chance matches"],
                   [_at_default(*row) for row in with_sources]),
            "S1 (1e-10 ph cm-2 s-1) at 90 % completeness / 90 % purity, at 95 % purity:",
            table(["set", "method", *zones], [_limits(*row) for row in with_sources]),
            "The same scored as Panes et al. (2021) do, at the default threshold:",
            table(["set", "method", *metrics.HALVES], [*map(_published, with_sources), _panes()]),
            "Positions, numbers, classes, time:",
            table(["set", "method", "median offset (deg)", "within 95 % ellipse",
                    "flux pull (mean, width)", "sources in 10 deg cells: predicted - true",
                    "classes, balanced", "seconds per field"],
                   [_rest(*row) for row in with_sources]),
        ]  # fmt: skip
    bins = [line for row in with_sources for line in _reliability(*row)]
    if bins:
        parts += [
            "Reliability: mean ML_Prob of ten bins of equal counts, and the fraction that is real:",
            table(["set", "method", "zone", "candidates", *range(1, metrics.BINS + 1)], bins),
            "Purity at the default threshold, field by field:",
            table(["set", "method", "all fields", "worst field"],
                   [_by_field(*row) for row in with_sources]),
        ]  # fmt: skip
    parts += instance_tables.markdown([row for row in with_sources if row[2].instances])
    empty = [row for row in rows if isinstance(row[2], FalseScores)]
    if empty:
        parts.append("False sources per 1000 deg2 of a sky without sources, by threshold:")
        parts.append(table(["set", "method", "by threshold"], [_false(*row) for row in empty]))
    return "\n\n".join(parts) + "\n"


def headlines(results):
    """Head and rows of the first table."""
    rows = [_headline(*row) for row in _rows(results) if isinstance(row[2], FieldScores)]
    return ["set", "method", "fields", *metrics.ZONES], rows


def by_zone(results):
    """Make an astropy Table of detection: a row for each set, method and zone."""
    rows = [
        _detection(*row[:2], zone, scores)
        for row in _rows(results)
        if isinstance(row[2], FieldScores)
        for zone, scores in row[2].zones.items()
    ]
    columns = zip(*rows, strict=True) if rows else [[]] * len(_DETECTION)
    typed = [np.array(c, t) for c, t in zip(columns, _DETECTION.values(), strict=True)]
    return Table(typed, names=list(_DETECTION))


def _detection(label, name, zone, scores):
    default = scores.at_default
    at_default = (default.completeness[0], default.purity[0]) if default else (np.nan, np.nan)
    best = scores.at_purity
    return label, name, zone, scores.true_sources, best.completeness, *best.interval, *at_default


def _rows(results):
    """(set, method, scores), of common fields too where there are fewer."""
    for label, methods in results.items():
        for name, scores in methods.items():
            yield label, name, scores.own
            if scores.common is not None:
                yield label, f"{name}, common fields", scores.common


def _zones(scores):
    return [scores.zones[zone] for zone in metrics.ZONES]


def _headline(label, name, scores):
    cells = []
    for zone in _zones(scores):
        best, number = zone.at_purity, zone.true_sources
        low, high = best.interval
        interval = f"{low:.3f}-{high:.3f}; " if np.isfinite(low) else ""
        cells.append(f"{best.completeness:.3f} ({interval}{number})" if number else "-")
    return [label, name, scores.fields, *cells]


def _at_default(label, name, scores):
    cells = []
    for zone in _zones(scores):
        pair = zone.at_default.completeness[0], zone.at_default.purity[0]
        cells.append(" / ".join(value(v, ".3f") for v in pair))
    return [label, name, *cells, value(scores.chance_matches, ".3f")]


def _limits(label, name, scores):
    cells = []
    for zone in _zones(scores):
        pair = zone.at_purity.s1_complete, zone.at_purity.s1_pure
        cells.append(" / ".join(value(v, ".2f", 1e10) for v in pair))
    return [label, name, *cells]


def _published(row):
    label, name, scores = row
    limits = scores.panes2021.values()
    return [label, name, *(_pair(half) for half in limits)]


def _panes():
    return ["", "Panes et al. (2021)", *map(_pair, panes2021.PANES_2021.values())]


def _pair(half):
    return " / ".join(value(half[key], ".2f", 1e10) for key in ("completeness", "purity"))


def _reliability(label, name, scores):
    for zone, bins in scores.reliability.items():
        cells = [f"{row['mean']:.2f}, {row['real'][0]:.2f}" for row in bins]
        cells += ["-"] * (metrics.BINS - len(cells))
        yield [label, name, zone, sum(row["number"] for row in bins), *cells]


def _by_field(label, name, scores):
    known = [row for row in scores.purity_by_field if row["detections"]]
    if not known:
        return [label, name, "-", "-"]
    detections = np.array([row["detections"] for row in known])
    purity = np.array([row["purity"][0] for row in known])
    worst = int(np.argmin(purity))
    everywhere = np.sum(purity * detections) / detections.sum()
    told = f"{purity[worst]:.2f} of {detections[worst]} ({known[worst]['field']})"
    return [label, name, f"{everywhere:.3f} of {detections.sum()}", told]


def _rest(label, name, scores):
    place, pulls = scores.localisation, scores.flux_pulls
    counted = scores.source_numbers
    inside = place["within_95"]
    return [
        label, name, value(place["median"], ".3f"),
        f"{value(inside[0], '.3f')} (of {place['number']})",
        f"{value(pulls['mean'], '.2f')}, {value(pulls['width'], '.2f')}",
        f"{value(counted['bias'], '+.2f')} +- {value(counted['scatter'], '.2f')}",
        value(scores.classes["balanced"], ".2f"),
        value(scores.seconds, ".1f"),
    ]  # fmt: skip


def _false(label, name, scores):
    by_threshold = scores.false_per_1000_deg2
    return [label, name, ", ".join(f"{t:g}: {v:.2f}" for t, v in by_threshold.items())]


def draw(results, folder, prefix=""):
    """Figures of every set with sources: SET_methods.png of all methods, and for each method
    SET_METHOD.png with what goes beyond detection; `prefix` and "_" stand before these names."""
    from fermiml.plot import style

    for label, methods in results.items():
        scored = {name: scores.own for name, scores in methods.items()}
        scored = {name: own for name, own in scored.items() if isinstance(own, FieldScores)}
        stem = (f"{prefix}_" if prefix else "") + label.replace(">", "_above_")
        if scored:
            style.save(draw_detection(scored), folder / f"{stem}_methods.png", overwrite=True)
        for name, scores in scored.items():
            own = f"{stem}_{name.replace(':', '_').replace('/', '_')}.png"
            style.save(draw_quality(name, scores), folder / own, overwrite=True)


def draw_detection(scored):
    """Completeness against purity, Asimov TS and S1, zone by zone, of {method: `FieldScores`}."""
    from fermiml.plot import performance, style

    figure = style.new_figure(11, 10)
    axes = figure.subplots(3, len(metrics.ZONES), sharey="row")
    for column, zone in enumerate(metrics.ZONES):
        parts = {name: scores.zones[zone] for name, scores in scored.items()}
        curves = {name: part.curve for name, part in parts.items()}
        ax = performance.plot_completeness_purity(curves, axes[0, column])
        ax.set(title=zone, xlim=(0.7, 1.0), ylim=(0.3, 1.02))
        rows = {name: part.by_ts for name, part in parts.items()}
        ax = performance.plot_fractions(rows, axes[1, column])
        ax.axvline(metrics.DETECTABLE, color=style.GREY, lw=0.8)
        rows = {name: part.by_s1 for name, part in parts.items()}
        performance.plot_fractions(rows, axes[2, column], key="S1",
                                xlabel="S1, 1-100 GeV (ph cm$^{-2}$ s$^{-1}$)")  # fmt: skip
    for ax in axes[:, 1:].ravel():
        ax.set_ylabel("")
    axes[0, 0].set_ylabel("completeness, Asimov TS > 25")
    return figure


def draw_quality(name, scores):
    """Draw what goes beyond detection: reliability, positions, numbers, fluxes, classes, pixels."""
    from fermiml.plot import performance, style

    figure = style.new_figure(15, 7.5)
    figure.suptitle(name)
    axes = figure.subplots(2, 4).ravel()
    performance.plot_reliability(scores.reliability, axes[0])
    sigma = scores.localisation["sigma_quantiles"]
    performance.plot_localisation({"TS > 25": sigma} if sigma else {}, axes[1])
    counted = scores.source_numbers
    performance.plot_numbers({f"cells of {counted['cell']:g} deg": counted}, axes[2])
    ratios = {"median, 68 % of the sources": scores.flux_ratios}
    performance.plot_fractions(ratios, axes[3], value="ratio", ylabel="flux, measured / true")
    axes[3].axhline(1, color=style.GREY, lw=0.8)
    axes[3].set_ylim(0, 3)
    matrix = scores.classes["matrix"]
    performance.plot_confusion(matrix, metrics.CLASSES, axes[4])
    axes[4].set_title("Asimov TS > 64, or false", fontsize=9)
    if scores.classes_by_ts:
        right = {"AGN and PSR": scores.classes_by_ts}
        performance.plot_fractions(right, axes[5], ylabel="classified rightly")
    else:
        axes[5].set_axis_off()
    if scores.pixels:
        pixels = scores.pixels
        curve = {"purity": pixels["precision"], "completeness": pixels["recall"]}
        performance.plot_completeness_purity({"pixels": curve}, axes[6])
        axes[6].set(xlabel="precision", ylabel="recall")
    else:
        axes[6].set_axis_off()
    if scores.instances:
        instance_tables.draw({name: scores}, axes[7])
    else:
        axes[7].set_axis_off()
    return figure
