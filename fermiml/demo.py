"""What `fermiml demo` does: a simulated field, searched in two ways, and the truth beside it.

The diffuse model that the analysis is given lacks structure that the data have: the reason for
detecting sources without such a model.
"""

import textwrap
from importlib import resources

import numpy as np

from fermiml.catalog.catalog import SourceCatalog
from fermiml.catalog.export import export
from fermiml.compare.comparison import Comparison
from fermiml.compare.comparison_result import ML, TRADITIONAL
from fermiml.detect.detector import SourceDetector
from fermiml.executors import check_jobs
from fermiml.files import check_new
from fermiml.plot import sky as sky_plots
from fermiml.plot import style
from fermiml.plot.overview import plot_overview
from fermiml.report import comparison_folder as report
from fermiml.simulate import sky_settings as configs
from fermiml.simulate.read_fields import read_sky
from fermiml.simulate.simulator import SkySimulator
from fermiml.sky.energy_text import range_text

CONFIG = "simulate-demo.yaml"
WRITTEN = {
    "found.png": "start here: the true sources, and the detections of each search",
    "compare.html": "the report: open it in a browser",
    "overview.png": "counts, significance, residuals and heatmap with the network's sources",
    "ml.fits": "the detections of the network, in 4FGL columns",
    "compare.fits": "all sources with their TS in one likelihood fit",
    "sources.reg": "the same as ds9 regions",
    "sky": "the simulated field: counts, response, diffuse emission, truth, as LAT files",
}
_FIGURES = ("found.png", "overview.png")
_WORDS = {ML: "network", TRADITIONAL: "TS maps"}
_BRIGHT = 25.0  # expected TS of a true source that should be found


def run(folder, jobs=None, overwrite=False):
    """Simulate, detect, fit, compare, and write everything into a folder.

    Returns the `ComparisonResult`, whose `known` are the true sources of TS > 9.
    """
    folder = report.check_folder(folder, overwrite)
    for name in ("sources.reg", *_FIGURES):
        check_new(folder / name, overwrite)
    SkySimulator(_settings()).run(folder / "sky", overwrite=overwrite)
    sky = read_sky(folder / "sky", background="background_wrong")
    detector = SourceDetector.from_pretrained()
    comparison = Comparison(
        detector=detector, known=sky.truth, background_alt=folder / "sky" / "background.fits",
        jobs=check_jobs(jobs, default=2), cache=folder / "cache",
    )  # fmt: skip
    result = comparison.run(sky.cube)
    report.write(result, folder, overwrite)
    export(result.catalog, "ds9", folder / "sources.reg", overwrite, colour="match")
    figures = plot_found(result), plot_overview(sky.cube, result.ml, detector.finder)
    for name, figure in zip(_FIGURES, figures, strict=True):
        style.save(figure, folder / name, overwrite)
    return result


def _settings():
    with resources.as_file(resources.files("fermiml.config") / CONFIG) as path:
        return configs.read(path)


def story(comparison):
    """Describe the field and the results of both searches as text."""
    bright = np.asarray(comparison.known["TS_Expected"]) > _BRIGHT
    lines = [
        *_wrapped(f"{_field(comparison)}, with {len(bright)} true sources of TS > 9, "
                  f"{bright.sum()} of them of TS > {_BRIGHT:g}. Its diffuse emission has structure "
                  "that the model given to the analysis lacks, as is the case for real data. "
                  "The same counts were searched in two ways:"),
        "",
        f"{'':<12}{'sources':>9}{'real':>7}{'spurious':>10}{f'of the {bright.sum()} bright':>20}",
    ]  # fmt: skip
    for which, words in _WORDS.items():
        real = _is_real(comparison, which)
        found = np.sum(np.asarray(comparison.known[f"Name_{which}"])[bright] != "")
        numbers = f"{len(real):>9}{real.sum():>7}{(~real).sum():>10}{found:>20}"
        lines.append(f"{words:<12}{numbers}")
    return "\n".join([
        *lines,
        "",
        *_wrapped("TS maps turn structure that their model lacks into sources; the network "
                  "compares every position with its surroundings. In a likelihood fit with that "
                  f"model, {_spurious(comparison, 'TS')} spurious sources have TS > {_BRIGHT:g}; "
                  f"with the true diffuse model, {_spurious(comparison, 'TS_Alt')}."),
    ])  # fmt: skip


def _field(comparison):
    center = comparison.cube.center.galactic
    edges = comparison.cube.components[0].energy_edges
    return (
        f"A simulated field at l = {center.l.deg:.0f}, b = {center.b.deg:.0f} deg: "
        f"{comparison.area:.0f} deg2, {range_text(edges[0], edges[-1])}"
    )


def _wrapped(text):
    return textwrap.wrap(text, 79)


def _found(comparison, which):
    return comparison.ml if which == ML else comparison.traditional


def _is_real(comparison, which):
    """Return which sources of a list are true ones of TS > 9, one to one within 0.3 deg."""
    names = _found(comparison, which).table["Source_Name"]
    return np.isin(np.asarray(names), np.asarray(comparison.known[f"Name_{which}"]))


def _spurious(comparison, column):
    """Count the sources of the fit that are no true ones, with a TS above that of bright ones."""
    table = comparison.catalog.table
    names = np.asarray(comparison.known[f"Name_{TRADITIONAL}"])
    real = np.isin(np.asarray(table["Name_Traditional"]), names[names != ""])
    real[: len(comparison.ml)] |= _is_real(comparison, ML)  # the fit begins with these, in order
    return int(np.sum(~real & (np.asarray(table[column], float) > _BRIGHT)))


def plot_found(comparison):
    """Draw the true sources beside those that each search found."""
    known = SourceCatalog.from_table(comparison.known["Source_Name", "RAJ2000", "DEJ2000"])
    figure = style.new_figure(15, 5.4)
    panels = [(f"Truth: {len(known)} sources of TS > 9", None)]
    for which, words in _WORDS.items():
        real = _is_real(comparison, which)
        title = f"{words.capitalize() if which == ML else words}: "
        panels.append((f"{title}{real.sum()} of these, and {(~real).sum()} spurious", which))
    for number, (title, which) in enumerate(panels, 1):
        ax = figure.add_subplot(1, 3, number, projection=sky_plots.projection(comparison.cube))
        sky_plots.plot_counts(comparison.cube, ax=ax, colorbar=False).set_title(title)
        sky_plots.plot_sources(known, ax, marker="o", color=style.GREEN, label="true sources")
        if which is not None:
            found, real = _found(comparison, which), _is_real(comparison, which)
            sky_plots.plot_sources(found[real], ax, color=style.BLUE, label="found")
            sky_plots.plot_sources(
                found[~real], ax, color=style.VERMILION, marker="x", label="spurious"
            )
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure
