"""What `fermiml demo` does: a simulated field, searched in two ways, and the truth beside it."""

from importlib import resources

from fermiml.catalog.export import export
from fermiml.compare.comparison import Comparison
from fermiml.compare.comparison_result import ML, TRADITIONAL
from fermiml.detect.detector import SourceDetector
from fermiml.executors import check_jobs
from fermiml.files import check_new
from fermiml.plot import style
from fermiml.plot.overview import plot_overview
from fermiml.report import comparison_folder as report
from fermiml.simulate import sky_settings as configs
from fermiml.simulate.read_fields import read_sky
from fermiml.simulate.simulator import SkySimulator

CONFIG = "simulate-demo.yaml"
WRITTEN = {
    "sky": "the simulated field: counts, response, diffuse emission, truth, as LAT files",
    "ml.fits": "what the network found, in the columns of 4FGL",
    "compare.fits": "all sources with their TS in one likelihood fit",
    "sources.reg": "the same as ds9 regions",
    "overview.png": "counts, significance and the network's heatmap with the sources",
    "compare.html": "the report: open it in a browser",
}
_SHOWN = 25.0  # Asimov TS of true sources in the table


def run(folder, jobs=None, overwrite=False):
    """Simulate, detect, fit, compare, and write everything into a folder.

    Returns the `ComparisonResult`, whose `known` are the true sources.
    """
    folder = report.check_folder(folder, overwrite)
    for name in ("sources.reg", "overview.png"):
        check_new(folder / name, overwrite)
    SkySimulator(_settings()).run(folder / "sky", overwrite=overwrite)
    sky = read_sky(folder / "sky")
    detector = SourceDetector.from_pretrained()
    comparison = Comparison(
        detector=detector, known=sky.truth, jobs=check_jobs(jobs, default=2),
        cache=folder / "cache",
    )  # fmt: skip
    result = comparison.run(sky.cube)
    report.write(result, folder, overwrite)
    export(result.catalog, "ds9", folder / "sources.reg", overwrite, colour="match")
    figure = plot_overview(sky.cube, result.catalog, detector.finder)
    style.save(figure, folder / "overview.png", overwrite)
    return result


def _settings():
    with resources.as_file(resources.files("fermiml.config") / CONFIG) as path:
        return configs.read(path)


def table(comparison):
    """List the true sources that a perfect analysis would see above TS 25, and what was found."""
    known = comparison.known[comparison.known["TS_Expected"] > _SHOWN]
    lines = [f"{'true source':<20}{'TS expected':>12}{'network':>9}{'off (deg)':>11}"
             f"{'TS map':>9}{'off (deg)':>11}"]  # fmt: skip
    for row in known:
        ml, traditional = (_found(row, which) for which in (ML, TRADITIONAL))
        lines.append(
            f"{row['Source_Name']:<20}{row['TS_Expected']:>12.0f}{ml:>20}{traditional:>20}"
        )
    lists = (
        (ML, "the network", comparison.ml.table),
        (TRADITIONAL, "the TS map", comparison.traditional.table),
    )
    others = [
        f"{len(set(found['Source_Name']) - set(comparison.known[f'Name_{which}']))} by {words}"
        for which, words, found in lists
    ]
    lines.append(f"found where no true source of TS > 9 is: {' and '.join(others)}")
    return "\n".join(lines)


def _found(row, which):
    """Format columns of a row: whether it was found, and how far from the truth."""
    if not row[f"Name_{which}"]:
        return f"{'-':>9}{'':>11}"
    return f"{'found':>9}{row[f'Sep_{which}']:>11.3f}"
