"""What a network saw of a source, and the figures of `fermiml plot` that show it."""

from types import SimpleNamespace

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from click.testing import CliRunner
from makers import smallskies as small
from makers.latfiles import write_ccube
from makers.matchedfilter import finder

from fermiml import SkyCube, SourceDetector
from fermiml.cli.main import main
from fermiml.detect.explain import explain
from fermiml.errors import InputError
from fermiml.features.patch_features import LABELS
from fermiml.features.views import Views
from fermiml.likelihood.datasets import to_datasets
from fermiml.networks import pretrained
from fermiml.plot import overview
from fermiml.plot.explanation import plot_explanation

HARD = small.power_laws([100.0, 102.0], [45.0, 45.0], [3e-10, 3e-10], index=1.6)


@pytest.fixture(scope="module")
def cube():
    """Two sources that are hard: their photons are above 2 GeV."""
    cube = small.cube(HARD, seed=2)
    cube.components[0].background = None
    return cube


@pytest.fixture(scope="module")
def catalog():
    return small.seeds(HARD, shapes=True)


@pytest.fixture(scope="module")
def explanation(cube, catalog):
    return explain(catalog.positions[0], Views(cube), finder())


def test_the_score_rests_on_the_photons_of_the_source(explanation):
    middle = len(explanation.saliency) // 2
    assert explanation.score > 0.9
    assert explanation.saliency[middle, middle] > 0.5 * explanation.score
    assert explanation.saliency[middle, middle] > explanation.saliency[0, 0] + 0.3


def test_a_band_that_the_data_lack_has_no_share_in_it(explanation):
    """The cube begins at 1 GeV; the hard source is seen by its bands above 2 GeV."""
    assert np.isnan(explanation.without[0])
    assert explanation.without[1] > explanation.without[2:4].min()


def test_offsets_are_those_on_the_sky(explanation, catalog):
    """Two degrees of longitude at 45 deg of latitude: 1.41 deg to the left."""
    dx, dy = explanation.offset(catalog.positions)
    assert (dx[0], dy[0]) == (pytest.approx(0, abs=1e-6), pytest.approx(0, abs=1e-6))
    assert np.hypot(dx[1], dy[1]) == pytest.approx(np.sqrt(2), rel=0.02)
    left, right, bottom, top = explanation.extent
    assert right - left == pytest.approx(0.1 * explanation.heatmap.shape[1])
    assert top - bottom == pytest.approx(0.1 * explanation.heatmap.shape[0])


def test_the_figure_of_a_source_names_it(explanation, catalog):
    catalog.table["ML_TS"][0] = 3674.9
    figure = plot_explanation(explanation, catalog, 0)
    assert catalog.table["Source_Name"][0] in figure.get_suptitle()
    assert "e+" not in figure.get_suptitle()
    titles = " ".join(ax.get_title() for ax in figure.axes)
    for text in ("0.5-1 GeV: no data", "2-7 GeV: significance", "without this band", "heatmap",
                 "photons on which the score depends"):  # fmt: skip
        assert text in titles, text


def test_the_heatmap_is_brightest_where_the_sources_are(cube, catalog):
    image = SourceDetector(finder(), threshold=0.5).heatmap(cube)
    values = image.get_by_coord(catalog.positions.galactic)
    assert np.all(values > 0.5)
    assert np.nanmedian(image.data) < 0.05
    assert np.isfinite(image.data).all()


@pytest.mark.parametrize("binsz", [0.1, 0.5])
def test_the_heatmap_has_no_holes(binsz, tmp_path):
    """Patches of coarse data have larger pixels, and more sky of their own."""
    write_ccube(tmp_path / "counts.fits", binsz=binsz)
    image = SourceDetector(finder(), threshold=0.5).heatmap(SkyCube.read(tmp_path / "counts.fits"))
    assert np.isfinite(image.data).all()


def test_the_heatmap_takes_what_run_takes(cube, catalog):
    """A gammapy dataset, for instance, with its own background."""
    image = SourceDetector(finder(), threshold=0.5).heatmap(to_datasets(cube)[0])
    assert np.all(image.get_by_coord(catalog.positions.galactic) > 0.5)


def test_features_are_maps_of_what_the_network_is_shown(cube, catalog):
    """The matched filter is most significant where the sources are; the planes have names."""
    maps = SourceDetector(finder(), threshold=0.5).features(cube)
    assert list(maps) == LABELS
    significance = maps["filter 2-7 GeV"].get_by_coord(catalog.positions.galactic)
    assert np.all(significance > 3)


def test_a_finder_without_a_heatmap_has_no_panel_and_no_explanation(cube, catalog):
    blind = SimpleNamespace(name="blind")
    shown = [len(projections(overview.plot_overview(cube, catalog, f))) for f in (finder(), blind)]
    assert shown == [4, 3]
    with pytest.raises(InputError, match="network 'blind' returns detections only"):
        explain(catalog.positions[0], Views(cube), blind)


def projections(figure):
    """The axes that show the sky."""
    return [ax for ax in figure.axes if hasattr(ax, "wcs")]


def test_a_source_outside_of_the_data_is_refused(cube):
    with pytest.raises(InputError, match="outside the data"):
        Views(cube).deepest(SkyCoord(200, 0, unit="deg", frame="galactic"))


@pytest.fixture
def files(cube, catalog, tmp_path, monkeypatch):
    catalog.write(tmp_path / "ml.fits")
    monkeypatch.setattr(pretrained, "load", lambda name: finder().network)
    monkeypatch.setattr("fermiml.cli.plot.read_counts", lambda counts, **options: cube)
    return str(tmp_path / "ml.fits"), str(tmp_path / "counts.fits")


@pytest.mark.slow
def test_the_command_draws_all_sources_or_one(files, tmp_path, catalog):
    run = CliRunner().invoke
    assert run(main, ["plot", *files], catch_exceptions=False).output.strip().endswith("ml.png")
    assert run(main, ["plot", *files]).exit_code == 2  # it exists already
    name = catalog.table["Source_Name"][0]
    short = name.split()[1]
    output = str(tmp_path / "one.png")
    result = run(main, ["plot", *files, "--source", short, "-o", output], catch_exceptions=False)
    assert result.exit_code == 0
    assert (tmp_path / "one.png").stat().st_size > 50_000
    result = run(main, ["plot", *files, "--source", "J0000.0+0000"])
    assert result.exit_code == 2
    assert f"no source 'J0000.0+0000' among 2 (such as {name}" in result.output
