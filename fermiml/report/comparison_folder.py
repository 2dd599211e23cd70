"""The folder of a comparison: tables, figures, and the page."""

from pathlib import Path

import numpy as np

from fermiml.catalog.catalog import SourceCatalog
from fermiml.compare.comparison_result import BOTH, ML, TRADITIONAL
from fermiml.detect.finder import finder_of
from fermiml.errors import InputError
from fermiml.files import check_new, make_folder, write_text
from fermiml.plot import comparison_figures as plots
from fermiml.plot import sky, style
from fermiml.report.catalog_page import facts_of_data, layers
from fermiml.report.page import build
from fermiml.report.source_table import SHOWN, Shown

FILES = ("compare.fits", "compare.txt", "ml.fits", "traditional.fits", "known.txt", "compare.html",
         "map.png", "ts.png", "cumulative.png", "known.png")  # fmt: skip
_NAMED = 10  # sources that a line of the summary names
_OWN = (
    Shown("Found_By", "Found by", tip=True),
    Shown("TS_Alt", "TS, 2nd model", 1),
    Shown("TS_Traditional", "TS traditional", 1),
    Shown("Sep_Both", "Separation", 3),
    Shown("Sigma_Both", "in sigma"),
    Shown("Sigma_Final_ML", "Network off (sigma)"),
    Shown("Sigma_Final_Traditional", "Traditional off (sigma)"),
)
_FIGURES = {
    "map": "Counts and sources.",
    "ts": "TS given by each detection against the TS of the final fit.",
    "cumulative": "Number of sources above a TS of the final fit.",
    "known": "Known sources above an expected TS, and those recovered by each detection.",
}


def check_folder(folder, overwrite=False):
    """Make the folder; refuse one that holds a comparison, before the long work begins."""
    folder = Path(folder).expanduser()
    if folder.is_file():
        raise InputError(f"{folder}: is a file; give the name of a folder")
    if not folder.parent.is_dir():
        raise InputError(f"{folder}: the folder {folder.parent} does not exist")
    for name in FILES if folder.is_dir() else ():
        check_new(folder / name, overwrite)
    return make_folder(folder)


def write(comparison, folder, overwrite=False):
    """Write everything into a folder."""
    folder = check_folder(folder, overwrite)
    comparison.catalog.write(folder / "compare.fits", overwrite=overwrite)
    comparison.ml.write(folder / "ml.fits", overwrite=overwrite)
    comparison.traditional.write(folder / "traditional.fits", overwrite=overwrite)
    write_text(folder / "compare.txt", as_text(comparison), overwrite)
    if comparison.known is not None:
        write_text(folder / "known.txt", _lines(_rounded(comparison.known)), overwrite)
    made = figures(comparison)
    for name, figure in made.items():
        style.save(figure, folder / f"{name}.png", overwrite)
    write_text(folder / "compare.html", page(comparison, made), overwrite)


def figures(comparison):
    """Draw the figures, by name."""
    made = {name: style.new_figure(7, 6 if name == "map" else 4.5) for name in _FIGURES}
    projection = sky.projection(comparison.cube)
    plots.plot_map(comparison, made["map"].add_subplot(projection=projection))
    plots.plot_ts(comparison, made["ts"].add_subplot())
    plots.plot_cumulative(comparison, made["cumulative"].add_subplot())
    if comparison.known is None:
        del made["known"]
    else:
        plots.plot_known(comparison, made["known"].add_subplot())
    return made


def page(comparison, made=None):
    """Build the self-contained HTML page (a text)."""
    made = figures(comparison) if made is None else made
    return build(
        *layers(comparison.cube, comparison.catalog, finder_of(comparison.ml)),
        comparison.catalog,
        title="Neural and traditional source detection on the same data",
        shown=_columns(),
        groups=comparison.catalog.table["Found_By"],
        colours=plots.COLOURS,
        facts=facts_of_data(comparison.cube) + summary(comparison),
        figures=[(_FIGURES[name], figure) for name, figure in made.items() if name != "map"],
        known=None if comparison.known is None else SourceCatalog.from_table(comparison.known),
    )


def _columns():
    """Who found it stands beside the name, the rest behind what decides about a source."""
    decisive = 1 + next(i for i, s in enumerate(SHOWN) if s.name == "ML_TS")
    rest = [s for s in SHOWN[decisive:] if s.name != "Signif_Avg"]
    return (SHOWN[0], _OWN[0], *SHOWN[1:decisive], *_OWN[1:], *rest)


def _hanging(comparison):
    """Name the sources that the second diffuse model takes away (bit 64 of ML_Flags)."""
    hanging = comparison.detected & ~comparison.survives
    names = [str(name).strip() for name in comparison.catalog.table["Source_Name"][hanging]]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{len(names)} (bit 64)" + (": " if names else "") + ", ".join(names[:_NAMED]) + more


def summary(comparison):
    """Summarise what came out, as (what, text)."""
    threshold = f"TS > {comparison.threshold:g}"
    lines = [("background", comparison.background)]
    for which, words in ((BOTH, "found by both"), (ML, "only by the network"),
                         (TRADITIONAL, "only traditionally")):  # fmt: skip
        rows = comparison.found_by(which)
        text = f"{rows.sum()}, {np.sum(rows & comparison.detected)} of them with {threshold}"
        if comparison.survives is not None:
            text += f" ({np.sum(rows & comparison.survives)} with both diffuse models)"
        lines.append((words, text))
    if comparison.alternative:
        lines.append(("second diffuse model", comparison.alternative))
        lines.append(("depend on the diffuse model", _hanging(comparison)))
    if comparison.known is not None:
        lines.append(_known_line(comparison, threshold))
    false = comparison.expected_false
    text = "" if np.isnan(false["ML"]) else f"{false['ML']:.1f} of the network's list; "
    text += f"from noise alone, in {comparison.area:.0f} deg2, {false['traditional']:.1f} of the "
    lines.append(("expected to be false",
                  f"{text}traditional list and {false['noise']:.2f} with {threshold}"))  # fmt: skip
    times = [f"{name} {'given' if np.isnan(s) else f'{s:.1f} s'}"
             for name, s in comparison.seconds.items()]  # fmt: skip
    lines.append(("wall time", ", ".join(times)))
    return lines


def _known_line(comparison, threshold):
    known = comparison.known
    bright = np.asarray(known["TS_Expected"], float) > comparison.threshold
    found = [
        f"{np.sum(np.asarray(known[f'Name_{which}'])[bright] != '')} found by {words}"
        for which, words in ((ML, "the network"), (TRADITIONAL, "traditional detection"))
    ]
    return f"known, expected {threshold}", f"{bright.sum()}; {' and '.join(found)}"


def as_text(comparison):
    """Summary and table, for the eye."""
    table = comparison.catalog.sort("TS", reverse=True).table
    table = table[[s.name for s in _columns() if s.name in table.colnames]]
    lines = [f"{what + ':':<28}{text}" for what, text in summary(comparison)]
    return "\n".join([*lines, "", _lines(_rounded(table))])


def _rounded(table):
    table = table.copy()
    for name in table.colnames:
        if table[name].dtype.kind == "f":
            table[name].info.format = ".3e" if "Flux" in name else ".3f"
    return table


def _lines(table):
    return "\n".join(table.pformat(max_lines=-1, max_width=-1, show_unit=True)) + "\n"
