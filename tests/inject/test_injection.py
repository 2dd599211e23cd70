"""`fermiml inject`: what is put into the data, and what that says of them."""

import json
from dataclasses import asdict

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from click.testing import CliRunner
from makers import smallskies as small
from makers.matchedfilter import Detector

from fermiml import Injection, SourceCatalog
from fermiml.cli.main import main
from fermiml.errors import InputError
from fermiml.inject import artificial_sources, injection, injection_outputs, rounds, sensitivity
from fermiml.model.sources import Sources

SETTINGS = {"index": 2.2, "rounds": 3, "apart": 72 * u.arcmin, "seed": 4}


@pytest.fixture(scope="module")
def cube():
    """One bright source in the middle."""
    return small.cube(small.power_laws([100.0], [45.0], [2e-9]), seed=3)


@pytest.fixture(scope="module")
def depth(cube):
    return sensitivity.Depth(cube, cube.center[None])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("inject") / "out"


@pytest.fixture(scope="module")
def result(cube, folder):
    return Injection(Detector(), **SETTINGS).run(cube, folder)


def test_the_expected_ts_is_about_the_asimov_ts(depth):
    """And the flux of a TS is the inverse of it."""
    sources = small.power_laws([99.0, 101.5], [44.0, 46.0], [2e-10, 1e-9])
    ones = Sources.points(sources.lon, sources.lat, np.ones(2), sources.shapes, "bll")
    prospect = depth.at(ones)
    ts = prospect.ts(sources.flux1000)
    assert ts == pytest.approx(small.asimov_ts(sources), rel=0.4)
    assert prospect.flux(ts) == pytest.approx(sources.flux1000, rel=1e-3)


def test_places_keep_their_distances(cube):
    rng = np.random.default_rng(1)
    avoid = SkyCoord([100, 101], [45, 45], unit="deg", frame="galactic")
    place = artificial_sources.places(cube.components[0], avoid, 1.0, 0.8, rng)
    assert 10 < len(place) < 40
    apart = place[:, None].separation(place[None]).deg + 10 * np.eye(len(place))
    assert apart.min() > 0.99
    assert place[:, None].separation(avoid[None]).deg.min() > 0.8
    steps = np.abs(place.b.deg - 45)
    assert steps.max() < 3.0


def test_the_photons_of_a_source_are_added(cube):
    """As many as expected, and only around it."""
    source = small.power_laws([101.0], [46.0], [5e-9])
    more = artificial_sources.with_sources(cube, source, np.random.default_rng(1))
    added = more.components[0].counts.data - cube.components[0].counts.data
    expected = small.cube(source).components[0].counts.data - small.observation()[1]
    assert added.min() == 0
    assert added.sum() == pytest.approx(expected.sum(), abs=4 * np.sqrt(expected.sum()))


@pytest.mark.slow
def test_bright_sources_are_found_and_faint_ones_are_not(result):
    table = result.sources.table
    found, ts = np.asarray(table["Found"], bool), np.asarray(table["TS_Expected"], float)
    assert len(table) > 40
    assert set(np.asarray(table["Round"])) == {0, 1, 2}
    assert found[ts > 100].mean() > 0.8
    assert found[ts < 9].mean() < 0.3
    assert np.nanmedian(table["Separation"]) < 0.15
    assert np.all(np.isfinite(np.asarray(table["ML_Prob"], float)) == found)
    shares = [row["found"][0] for row in result.summary.completeness_by_ts]
    assert shares == sorted(shares)


@pytest.mark.slow
def test_the_sensitivity_is_the_flux_of_the_threshold(result, depth):
    """Smooth, better for 50 than for 90 %; above it most are found, below it few."""
    half, most = (result.sensitivity[level].data for level in injection.LEVELS)
    assert np.nanmax(half) < 3 * np.nanmin(half)
    assert np.all((most > half) | np.isnan(half))
    position = result.sources.positions.galactic
    here = result.sensitivity[0.5].get_by_coord(position)
    table = result.sources.table
    found = np.asarray(table["Found"], bool)
    above = np.asarray(table["S1"]) > here
    assert found[above].mean() > 0.7
    assert found[~above].mean() < 0.4
    # With one spectrum for all, flux and expected TS say the same.
    unit = small.power_laws(position.l.deg, position.b.deg, np.ones(len(table)))
    ts = depth.at(unit).ts(np.asarray(table["S1_Reference"], float))
    assert ts == pytest.approx(np.full(len(table), 25.0), rel=0.02)


def test_thresholds_have_intervals_and_the_curve_a_band(result):
    summary = result.summary
    for told in (summary.ts_at_completeness, summary.flux_at_completeness):
        for best, low, high in told.values():
            assert low < best < high
    assert summary.flux_at_completeness["0.5"][0] == pytest.approx(
        np.nanmedian(result.sensitivity[0.5].data)
    )
    rows = summary.curve_by_ts
    share, low, high = np.array([row["completeness"] for row in rows]).T
    assert np.all(np.diff(share) > 0) and np.all((low <= share) & (share <= high))
    assert share[0] < 0.3 and share[-1] > 0.8


def test_the_intervals_are_those_that_occur():
    """Sources that are found with a logistic probability: half of them at a TS of 25."""
    rng = np.random.default_rng(1)
    held, widths = [], {}
    for number, times in ((100, 8), (1000, 1)):
        for _ in range(times):
            ts = np.exp(rng.uniform(*np.log((3, 300)), number))
            found = rng.random(number) < 1 / (1 + (ts / 25) ** -4)
            _, low, high = sensitivity.Completeness.of(ts, found).value_at(0.5)
            held.append(low < 25 < high)
            widths.setdefault(number, []).append(high / low - 1)
    assert 0.3 < np.mean(held) < 0.99
    assert 2 < np.mean(widths[100]) / np.mean(widths[1000]) < 5


def test_too_few_sources_have_no_interval():
    few = sensitivity.Completeness.of([5.0, 50.0], [False, True])
    assert np.isnan(few.value_at(0.5)[1])


def test_rounds_go_on_until_there_are_enough_sources():
    assert [rounds.enough(each) for each in (60, 11, 1, 0)] == [10, 19, 50, 50]


@pytest.mark.slow
def test_a_finished_round_is_not_repeated(result, cube, folder):
    """The same call takes everything from the folder; another one is refused."""

    class Broken(Detector):
        def run(self, cube):
            raise AssertionError

    again = Injection(Broken(), **SETTINGS).run(cube, folder)
    assert np.array_equal(again.sources.table["Found"], result.sources.table["Found"])
    with pytest.raises(InputError, match="something other"):
        Injection(Detector(), seed=5).run(cube, folder)


@pytest.mark.slow
def test_false_sources_are_counted_in_the_background_alone(result):
    false = result.summary.false
    assert 0 <= false.in_background < 20
    assert false.by_probability >= 0
    assert sum(row["detections"] for row in false.by_bin) == result.summary.detections
    for key in ("by_probability", "in_background"):
        assert sum(row[key] for row in false.by_bin) == pytest.approx(asdict(false)[key])
    assert "background alone" in injection_outputs.describe(result)


@pytest.mark.slow
def test_everything_is_written(result, folder):
    injection_outputs.write(result, folder)
    names = {path.name for path in folder.iterdir()}
    assert {"injected.fits", "sensitivity.fits", "summary.json", "completeness.png",
            "sensitivity.png", "detected.fits"} <= names  # fmt: skip
    assert len(SourceCatalog.read(folder / "injected.fits")) == len(result.sources)
    with fits.open(folder / "sensitivity.fits") as hdus:
        assert [h.name for h in hdus[1:]] == ["S1_50", "S1_90"]
        assert hdus[1].header["CTYPE1"].startswith("GLON")
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["found"] == int(result.sources.table["Found"].sum())
    assert "expected TS" in result._repr_html_() and "(power law 2.2) found" in repr(result)
    said = injection_outputs.describe(result)
    assert "expected TS" in said and " to " in said
    assert f"{len(result.sources)} sources are too few for these numbers: use --rounds" in said


@pytest.mark.slow
def test_a_detector_that_finds_nothing(cube, tmp_path):
    """No curve can be fitted, and that is said."""

    class Blind(Detector):
        def run(self, cube):
            return SourceCatalog()

    known = cube.center[None]
    task = Injection(Blind(), index=2.2, rounds=1)
    nothing = task.run(cube, tmp_path / "out", known)
    injection_outputs.write(nothing, tmp_path / "out")
    assert nothing.summary.found == 0
    assert np.all(np.isnan(nothing.sensitivity[0.5].data))
    assert nothing.sources.positions.separation(known).deg.min() > task.settings.away
    (line,) = [x for x in injection_outputs.describe(nothing).splitlines() if x.startswith("50%")]
    assert line.split() == ["50%", "-", "-"]


def test_bad_settings_are_refused(tmp_path):
    for settings, message in (
        ({"kind": "SNR"}, "kind: one of AGN, PSR, not 'SNR'"),
        ({"flux": (2e-9, 1e-9)}, "lowest, then the highest"),
        ({"away": 0.2}, "could be mistaken"),
        ({"rounds": 0}, "rounds: 0 is not a whole number"),
    ):
        with pytest.raises(InputError, match=message):
            Injection(Detector(), **settings)
    run = ["inject", "counts.fits", "-o", str(tmp_path / "x"), "--flux", "bright"]
    outcome = CliRunner().invoke(main, run)
    assert outcome.exit_code == 2
    assert "write LOW,HIGH" in outcome.output


@pytest.mark.slow
def test_two_processes_inject_the_same(cube, folder, result, tmp_path):
    again = Injection(Detector(), jobs=2, **SETTINGS).run(cube, tmp_path / "two")
    for name in ("S1", "Found", "ML_Prob", "Round", "Lost"):
        one, two = (np.asarray(r.sources.table[name]) for r in (result, again))
        np.testing.assert_array_equal(one, two)


def test_a_round_that_fails_is_left_out(cube, tmp_path, monkeypatch, caplog):
    with_sources = rounds.with_sources

    def failing(cube, sources, rng):
        if len(list((tmp_path / "out").glob("round_*.fits"))) == 1:
            raise MemoryError
        return with_sources(cube, sources, rng)

    monkeypatch.setattr(rounds, "with_sources", failing)
    found = Injection(Detector(), **{**SETTINGS, "rounds": 2}).run(cube, tmp_path / "out")
    assert found.summary.rounds == 1
    assert "round 2 of 2 failed twice: MemoryError" in caplog.text
