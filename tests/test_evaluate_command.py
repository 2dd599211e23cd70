"""`fermiml evaluate`: catalogs of anyone scored on simulated fields, and what is written."""

import json
from importlib import resources
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from click.testing import CliRunner
from matchedfilter import MatchedFilter

from fermiml import SourceCatalog
from fermiml.cli.main import main
from fermiml.detect.views import Views
from fermiml.errors import InputError
from fermiml.evaluate import config as configs
from fermiml.evaluate import methods, numbers, published, report, segmentation, skies
from fermiml.evaluate.benchmark import judge
from fermiml.networks import targets
from fermiml.simulate import config
from fermiml.simulate.skies import simulate


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two small fields without diffuse emission but the isotropic one."""
    settings = config.check(
        {
            "seed": 3,
            "sky": {"centers": [[100, 50], [60, -30]], "width": 5, "projection": "ZEA"},
            "energy": {"edges": [1000, 3000, 10000, 100000]},
            "population": {"spectra": "parametric", "faintest": "2e-11"},
            "diffuse": {"model": "none", "isotropic": None},
            "wrong": {"model": "embedded", "vary": {"structure": 0.1}},
        }
    )
    folder = tmp_path_factory.mktemp("sky") / "test"
    simulate(settings, folder)
    return folder


@pytest.fixture(scope="module")
def entries(folder, tmp_path_factory):
    """Somebody's catalogs: all true sources of TS > 50, and a false one in the first field."""
    entries = tmp_path_factory.mktemp("entry")
    for number, field in enumerate(skies.fields_of(folder)):
        sky = skies.read_sky(field)
        catalog = sky.truth.filter(sky.ts > 50)
        if number == 0:
            false = {"RAJ2000": sky.cube.center.fk5.ra, "DEJ2000": sky.cube.center.fk5.dec}
            false = SourceCatalog.from_table({key: [value] for key, value in false.items()})
            catalog = catalog.merge(false, radius=0.4)
        catalog.write(entries / f"{field.name}.fits")
    return entries


def write_config(path, folder, text=""):
    path.write_text(f"skies: {{test: {folder}}}\n{text}")
    return str(path)


def test_a_catalog_is_scored_and_everything_written(folder, entries, tmp_path):
    settings = write_config(tmp_path / "evaluate.yaml", folder)
    arguments = ["evaluate", settings, "--catalog", str(entries), "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "scores.json", "scores.md", "test_methods.png", f"test_{entries.name}.png",
    }  # fmt: skip
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    one = scores["sets"]["test"][entries.name]["own fields"]
    truth = [skies.read_sky(field) for field in skies.fields_of(folder)]
    high = one["zones"]["|b|>20"]
    ts = truth[0].ts[skies.away_from_edge(truth[0].cube.components[0], truth[0].truth.positions)]
    expected = np.sum(ts > 50) / np.sum(ts > 25)
    assert high["at default"]["completeness"][0] == pytest.approx(expected, abs=0.1)
    assert 0.8 < high["at default"]["purity"][0] <= 1
    assert one["fields"] == 2
    text = (tmp_path / "out" / "scores.md").read_text()
    assert "Panes et al. (2021)" in text and f"| test | {entries.name} | 2 |" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert "\\|b\\|>20" in rows[0]


def test_the_default_configuration_is_a_valid_one():
    path = resources.files("fermiml.config") / "evaluate.yaml"
    settings = configs.read(path)
    assert settings["models"] == ["lat-best"]
    assert list(settings["skies"]) == ["test"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("modles: [lat-best]", "unknown key modles"),
        ("background: gas", "background: one of"),
        ("emin: high", "no energy"),
        ("models: {a: b}", "no list of names"),
    ],
)
def test_bad_configurations_are_named(text, message, folder, tmp_path):
    with pytest.raises(InputError, match=message):
        configs.read(write_config(tmp_path / "a.yaml", folder, text))


def test_what_cannot_be_scored_is_named(folder, entries, tmp_path):
    settings = write_config(tmp_path / "a.yaml", folder)
    one = str(entries / "field_0000.fits")
    for arguments, message in (
        ([], "nothing to evaluate"),
        (["--catalog", one], "one catalog for several fields"),
        (["--catalog", str(tmp_path / "none")], "no such catalog"),
        (["--catalog", str(tmp_path)], "holds no catalog of field_0000"),
    ):
        run = ["evaluate", settings, "-o", str(tmp_path / "out"), *arguments]
        result = CliRunner().invoke(main, run)
        assert result.exit_code == 2
        assert message in result.output
    empty = write_config(tmp_path / "b.yaml", tmp_path / "nowhere", "models: [lat-best]")
    result = CliRunner().invoke(main, ["evaluate", empty, "-o", str(tmp_path / "out")])
    assert "no simulated fields" in result.output


def test_skies_without_sources_give_a_rate_of_false_ones(folder, entries):
    sky = skies.read_sky(skies.fields_of(folder)[0])
    sky.ts[:] = 0
    catalog, _ = methods.Given(entries).find(sky, "test")
    judged = [judge(catalog, sky)]
    assert methods.is_empty(judged)


def test_the_published_way_takes_the_brightest_source():
    """A detection between a bright and a faint source has found the bright one; a false one
    counts at the flux of the nearest."""

    def sky(lon, lat):
        return SkyCoord(lon, lat, unit="deg", frame="galactic")

    true = sky([10.0, 10.1, 20.0], [40.0, 40.0, 40.0])
    comparison = SimpleNamespace(
        true=true, ts=np.array([1.0, 100.0, 50.0]), true_counts=np.ones(3, bool),
        detected=sky([10.02, 21.0], [40.0, 40.0]), detected_counts=np.ones(2, bool),
        score=np.array([0.9, 0.8]),
    )  # fmt: skip
    truth = SimpleNamespace(table={"S1": np.array([5e-9, 1e-9, 3e-10])})
    one = SimpleNamespace(comparison=comparison, truth=truth)
    flux, found, assigned, matched = published._scored(one, "|b|>20", 0.5)
    assert list(found) == [True, False, False]
    assert list(flux) == [5e-9, 1e-9, 3e-10]
    assert list(assigned) == [5e-9, 3e-10]
    assert list(matched) == [True, False]
    assert not len(published._scored(one, "|b|<20", 0.5)[0])
    limits = published.flux_limits([one], 0.5)["|b|>20"]
    assert (limits["true sources"], limits["detections"]) == (3, 2)


def test_numbers_by_cell_are_those_of_true_and_found_sources():
    rng = np.random.default_rng(1)
    true = SkyCoord(rng.uniform(0, 40, 400), rng.uniform(20, 40, 400), unit="deg", frame="galactic")
    one = SimpleNamespace(
        true=true, ts=np.full(400, 30.0), true_counts=np.ones(400, bool),
        detected=true[:200], detected_counts=np.ones(200, bool), score=np.linspace(0, 1, 200),
    )  # fmt: skip
    result = numbers.by_cell([one, one], -1.0)
    assert sum(result["true"]) == 800
    assert sum(result["predicted"]) == 400
    assert result["bias"] == pytest.approx(-400 / len(result["true"]))
    assert result["correlation"] > 0.5
    assert sum(numbers.by_cell([one], 0.5)["predicted"]) == 100


def test_pixels_of_a_perfect_segmentation(folder):
    """Discs where the sources are: precision and recall of one."""
    sky = skies.read_sky(skies.fields_of(folder)[0], background="none")

    class Perfect(MatchedFilter):
        kind = SimpleNamespace(RADIUS=targets.DISC)

        def maps(self, planes):
            return {"probability": np.array([self.disc] * len(planes))}

    network = Perfect()
    assert segmentation.is_segmentation(network)
    network.disc = segmentation._discs(Views(sky.cube)[0].patch, sky)[0].astype(float)
    result = segmentation.summary([segmentation.count_pixels(network, sky)])
    assert result["precision"] == pytest.approx([1.0] * len(result["precision"]))
    assert result["recall"] == pytest.approx([1.0] * len(result["recall"]))
    assert segmentation.summary([]) is None


def test_tables_of_skies_without_sources():
    results = {
        "empty": {"a": {"own fields": {"fields": 1, "false sources per 1000 deg2": {0.5: 2.5}}}}
    }
    assert "0.5: 2.50" in report.markdown(results)
