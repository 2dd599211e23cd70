"""A network and traditional detection on the same data."""

from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from makers import smallskies as sky

from fermiml import Comparison, InputError, SkyCube, SourceCatalog, TraditionalDetector
from fermiml.catalog import names
from fermiml.catalog.flags import MLFlag
from fermiml.cli.main import main
from fermiml.compare import comparison
from fermiml.compare.comparison import union
from fermiml.compare.comparison_result import false_rate
from fermiml.report import comparison_folder as report
from fermiml.sky.describe import response_lines

pytestmark = pytest.mark.slow

LON, LAT = [98.9, 101.0, 100.0], [44.2, 46.0, 45.1]
EDGES = (1e3, 2e3, 5e3, 2e4, 1e5)
SIZE = {"width": 5.0, "edges": EDGES}


class Detector:
    """Finds the first two sources, and something where nothing is."""

    def __init__(self, sources):
        self.sources = sources

    def run(self, cube):
        assert cube.components[0].background is not None
        found = self.sources[[0, 1]]
        return SourceCatalog.from_table(
            {
                "GLON": [*(found.lon + 0.02), 101.8],
                "GLAT": [*found.lat, 43.5],
                "ML_Prob": [0.99, 0.97, 0.6],
                "Conf_95_SemiMajor": [0.05] * 3,
                "Conf_95_SemiMinor": [0.05] * 3,
            }
        )


@pytest.fixture(scope="module")
def sources():
    return sky.power_laws(LON, LAT, [8e-10, 3e-9, 6e-10])


@pytest.fixture(scope="module")
def result(sources, tmp_path_factory):
    """The comparison on a Poisson sky; the second diffuse model explains the third source."""
    cube = sky.cube(sources, seed=3, **SIZE)
    second = sky.cube(sources[[2]], **SIZE).components[0].counts
    known = sky.seeds(sources, shapes=True)
    return Comparison(
        detector=Detector(sources), background_alt=[second], known=known,
        cache=tmp_path_factory.mktemp("compare"),
    ).run(cube)  # fmt: skip


def test_who_found_what(result):
    table = result.catalog.table
    assert list(table["Found_By"]) == ["both", "both", "ML", "traditional"]
    assert list(result.detected) == [True, True, False, True]
    assert np.all(np.isfinite(table["Sep_Both"]) == result.found_by("both"))
    assert np.all(table["Sep_Both"][:2] < 0.1) and np.all(table["Sigma_Both"][:2] < 4)
    named = np.asarray(table["Name_Traditional"]) != ""
    assert np.all(named == result.found_by("both", "traditional"))
    assert np.all(table["Sigma_Final_ML"][:2] < 4) and table["Sigma_Final_Traditional"][3] < 4


def test_all_have_the_ts_of_one_fit(result, sources):
    table = result.catalog.table
    root = np.sqrt(np.asarray(table["TS"], float))[[0, 1, 3]]
    assert np.all(np.abs(root - np.sqrt(sky.asimov_ts(sources, **SIZE))) < 3.5)
    assert set(table["TS_Engine"]) == {"gammapy"}


def test_what_a_second_diffuse_model_explains_is_flagged(result):
    flagged = result.catalog.table["ML_Flags"] & MLFlag.SECOND_DIFFUSE > 0
    assert list(flagged) == [False, False, False, True]  # the noise was no detection before
    assert list(result.survives) == [True, True, False, False]
    hanging = dict(report.summary(result))["depend on the diffuse model"]
    assert hanging == f"1 (bit 64): {str(result.catalog.table['Source_Name'][3]).strip()}"
    assert result.catalog.table["TS_Alt"][3] < 9


def test_known_sources_and_what_found_them(result, sources):
    known = result.known
    expected = np.sort(sky.asimov_ts(sources, **SIZE))[::-1]
    np.testing.assert_allclose(known["TS_Expected"], expected, rtol=0.02)
    assert np.sum(known["Name_ML"] != "") == 2 and np.all(known["Name_traditional"] != "")
    assert np.all(known["Sigma_Known_traditional"] < 4)
    assert np.sum(result.catalog.table["ASSOC_GAM1"] != "") == 3


def test_the_result_shows_at_a_glance_who_found_what(result):
    assert repr(result) == (
        "<ComparisonResult: 4 sources in 25 deg2 (2 both, 1 ML, 1 traditional), 3 with TS > 25>"
    )
    html = result._repr_html_()
    for row in (("both", 2, 2, 2), ("ML", 1, 0, 0), ("traditional", 1, 1, 0), ("all", 4, 3, 2)):
        assert f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" in html
    assert "<script>" not in replace(result, background="<script>")._repr_html_()


def test_how_many_are_false(result):
    assert result.expected_false["ML"] == pytest.approx(0.01 + 0.03 + 0.4, abs=1e-4)
    assert result.expected_false["noise"] == pytest.approx(false_rate(25.0) * result.area)
    assert result.area == pytest.approx(25, rel=0.05)
    assert false_rate(9.0) > false_rate(16.0) > false_rate(25.0) > 0


@pytest.fixture
def quick(result, monkeypatch):
    """Traditional detection knows what it found."""
    monkeypatch.setattr(TraditionalDetector, "run", lambda *_: result.traditional)


def test_a_catalog_takes_the_place_of_the_detection(sources, result, quick):
    cube = sky.cube(sources, seed=3, **SIZE)
    again = Comparison().run(cube, result.ml)
    assert np.isnan(again.seconds["ML"]) and again.survives is None and again.known is None
    np.testing.assert_allclose(again.catalog.table["TS"], result.catalog.table["TS"], rtol=1e-5)
    empty = Comparison().run(cube, SourceCatalog())
    assert set(empty.catalog.table["Found_By"]) == {"traditional"}
    assert "given" in dict(report.summary(empty))["wall time"]


def test_the_old_function_works_and_warns(sources, result, quick):
    cube = sky.cube(sources, seed=3, **SIZE)
    with pytest.warns(DeprecationWarning, match=r"is fermiml.Comparison now"):
        old = comparison.compare(cube, result.ml, threshold=16)
    assert old.threshold == 16 and len(old.catalog) == 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threshold": -1}, "threshold: -1 is not a number from 0"),
        ({"jobs": 0.5}, "jobs: 0.5 is not a whole number from 1"),
        ({"iso": "nothing.txt"}, "nothing.txt: no such file"),
        ({"known": "gll_psc.fit"}, "known is 'gll_psc.fit': a SourceCatalog was expected"),
    ],
)
def test_settings_without_sense_are_refused_at_once(settings, message):
    with pytest.raises(InputError, match=message):
        Comparison(**settings)


def test_union_of_empty_lists(sources):
    some = sky.seeds(sources)
    assert len(union(SourceCatalog(), SourceCatalog())[0]) == 0
    joined, rows = union(some, SourceCatalog())
    assert list(joined.table["Found_By"]) == ["ML"] * 3 and list(rows) == [-1] * 3
    joined, rows = union(SourceCatalog(), some)
    assert list(joined.table["Found_By"]) == ["traditional"] * 3 and list(rows) == [0, 1, 2]


def test_a_second_background_on_another_grid_is_refused(sources):
    cube = sky.cube(sources, seed=3, **SIZE)
    other = sky.cube(sources, width=4.0, edges=EDGES).components[0].counts
    with pytest.raises(InputError, match="the background is on a different grid"):
        Comparison(background_alt=[other]).run(cube, SourceCatalog())


def test_healpix_is_refused_before_anything_is_done(sources):
    from gammapy.maps import HpxGeom, HpxNDMap

    cube = sky.cube(sources, **SIZE)
    axes = [cube.components[0].counts.geom.axes["energy"]]
    geom = HpxGeom(64, nest=False, frame="galactic", region="DISK(100,45,2)", axes=axes)
    cube.components[0].counts = HpxNDMap(geom)
    with pytest.raises(InputError, match="a TS map needs WCS pixels"):
        Comparison().run(cube)


def test_a_folder_of_results(result, tmp_path):
    folder = tmp_path / "out"
    report.write(result, folder)
    assert {f.name for f in folder.iterdir()} == set(report.FILES)
    back = SourceCatalog.read(folder / "compare.fits")
    assert list(back.table["Found_By"]) == list(result.catalog.table["Found_By"])
    text = (folder / "compare.txt").read_text()
    assert "found by both:              2, 2 of them with TS > 25" in text
    assert "3; 2 found by the network and 3 found by traditional detection" in text
    with pytest.raises(InputError, match="use --overwrite"):
        report.check_folder(folder)
    assert report.check_folder(folder, overwrite=True) == folder


def test_figures_take_axes_and_return_them(result):
    import matplotlib.pyplot as plt

    from fermiml.plot import comparison_figures as plots
    from fermiml.plot.sky import projection

    figure = plt.figure()
    for draw, options in (
        (plots.plot_map, {"projection": projection(result.cube)}),
        (plots.plot_ts, {}), (plots.plot_known, {}), (plots.plot_cumulative, {}),
    ):  # fmt: skip
        ax = figure.add_subplot(**options)
        assert draw(result, ax) is ax
        assert ax.get_legend() is not None
    plt.close("all")


@pytest.fixture(scope="module")
def files(sources, result, tmp_path_factory):
    """The same data as files."""
    from fermiml.simulate import lat_files
    from fermiml.sky.selection import Selection

    folder = tmp_path_factory.mktemp("files")
    seen, background = sky.observation(**SIZE)
    counts = result.cube.components[0].counts.data.astype(int)
    cuts = Selection(evclass=128, evtype=3, release="P8R3", irf="P8R3_SOURCE_V3", zenith=(0, 100),
                     gti=lat_files.survey_gti(10 * sky.YEAR))  # fmt: skip
    lat_files.counts(folder / "counts.fits", counts, seen.geom, cuts)
    lat_files.counts(folder / "background.fits", background, seen.geom, cuts)
    result.ml.write(folder / "ml.fits")
    return folder


def run(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments])


def test_the_command(files, quick):
    given = ("compare", files / "counts.fits", "--background", files / "background.fits",
             "--background-alt", files / "background.fits", "--catalog", files / "ml.fits",
             "-o", files / "out")  # fmt: skip
    done = run(*given)
    assert done.exit_code == 0, done.output
    assert "found by both:              2" in done.output
    assert (files / "out" / "compare.html").is_file()
    again = run(*given)
    assert again.exit_code == 2 and "use --overwrite" in again.output


def test_rows_of_real_data_get_names_without_a_known_catalog(files, result, tmp_path, monkeypatch):
    ours = result.catalog.table[:1]
    known = {name: ours[name] for name in ("RAJ2000", "DEJ2000")}
    known |= {"Source_Name": ["4FGL J0000.0+0000"], "Conf_95_SemiMajor": [0.02],
              "Conf_95_SemiMinor": [0.02], "Conf_95_PosAng": [0.0]}  # fmt: skip
    known = SourceCatalog.from_table(known)
    monkeypatch.setattr(SkyCube, "simulated", False)
    monkeypatch.setattr(names, "known_names", lambda: known)
    monkeypatch.setattr(Comparison, "run", lambda *_: replace(result))
    done = run("compare", files / "counts.fits", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    table = SourceCatalog.read(tmp_path / "out" / "compare.fits").table
    assert table["ASSOC_FGL"][0] == "4FGL J0000.0+0000"
    assert not any(str(name).strip() for name in table["ASSOC_FGL"][1:])


def test_an_embedded_background_is_not_said_to_be_given(result):
    bare = [replace(c, background=None, origins={}) for c in result.cube.components]
    planes = [[c.background.data] for c in result.cube.components]
    cube = comparison._with_background(replace(result.cube, components=bare), planes, "embedded")
    assert "expected background counts: embedded" in response_lines(cube)[0]
    assert "expected background counts: given" in response_lines(result.cube)[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--catalog", "nothing.fits"), "nothing.fits: no such file"),
        (("--background-alt", "nothing.fits"), "nothing.fits"),
        (("-o", "counts.fits"), "is a file; give the name of a folder"),
    ],
)
def test_bad_input_is_one_line(files, options, message, tmp_path):
    options = (options[0], files / options[1])
    extra = () if options[0] == "-o" else ("-o", tmp_path / "new")
    given = ("compare", files / "counts.fits", "--background", files / "background.fits")
    done = run(*given, *options, *extra)
    assert done.exit_code == 2 and message in done.output
    assert done.output.strip().splitlines()[-1].startswith("fermiml: error:")
