"""`fermiml evaluate`: catalogs of anyone scored on simulated fields, and what is written."""

import importlib.util
import json
from importlib import resources
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from makers.matchedfilter import Detector, MatchedFilter

from fermiml import Evaluation, FermimlError, SkySimulator, SourceCatalog
from fermiml.cli.main import main
from fermiml.detect import detector
from fermiml.detect.detections import Detections
from fermiml.detect.finder import HeatmapFinder
from fermiml.errors import InputError
from fermiml.evaluate import instance_tables, methods, segmentation, sky_instances
from fermiml.evaluate import plan as configs
from fermiml.evaluate.benchmark import judge
from fermiml.features.views import Views
from fermiml.networks import targets
from fermiml.simulate import mask_file, read_fields


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two small fields without diffuse emission but the isotropic one."""
    settings = {
        "seed": 3,
        "sky": {"centers": [[100, 50], [60, -30]], "width": 5, "projection": "ZEA"},
        "energy": {"edges": [1000, 3000, 10000, 100000]},
        "population": {"spectra": "parametric", "faintest": "2e-11"},
        "diffuse": {"model": "none", "isotropic": None},
        "wrong": {"model": "embedded", "vary": {"structure": 0.1}},
    }
    folder = tmp_path_factory.mktemp("sky") / "test"
    SkySimulator(settings).run(folder)
    return folder


@pytest.fixture(scope="module")
def entries(folder, tmp_path_factory):
    """Somebody's catalogs: all true sources of TS > 50, and a false one in the first field."""
    entries = tmp_path_factory.mktemp("entry")
    for number, field in enumerate(read_fields.fields_of(folder)):
        sky = read_fields.read_sky(field)
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
        "input.json", "scores.json", "scores.md", "test_methods.png", f"test_{entries.name}.png",
    }  # fmt: skip
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    one = scores["sets"]["test"][entries.name]["own"]
    truth = [read_fields.read_sky(field) for field in read_fields.fields_of(folder)]
    high = one["zones"]["|b|>20"]
    ts = truth[0].ts[truth[0].cube.components[0].away_from_edge(truth[0].truth.positions)]
    expected = np.sum(ts > 50) / np.sum(ts > 25)
    assert high["at_default"]["completeness"][0] == pytest.approx(expected, abs=0.1)
    assert 0.8 < high["at_default"]["purity"][0] <= 1
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
        ("emin: high", "emin: 'high' is not a number"),
        ("emin: .nan", "emin: nan is not a number"),
        ("catalogs: [1]", "catalogs: 1 is not the name of a file"),
        ("cache: [1]", "cache: .1. is not the name"),
        ("models: {a: b}", "models: {'a': 'b'} is not text"),
    ],
)
def test_bad_configurations_are_named(text, message, folder, tmp_path):
    with pytest.raises(InputError, match=message):
        configs.read(write_config(tmp_path / "a.yaml", folder, text))


def test_what_cannot_be_scored_is_named(folder, entries, tmp_path):
    settings = write_config(tmp_path / "a.yaml", folder)
    for arguments, message in (
        ([], "nothing to evaluate"),
        (["--catalog", str(tmp_path / "none")], "no such catalog"),
        (["--catalog", str(tmp_path)], "contains no catalog of field_0000"),
    ):
        run = ["evaluate", settings, "-o", str(tmp_path / "out"), *arguments]
        result = CliRunner().invoke(main, run)
        assert result.exit_code == 2
        assert message in result.output
    empty = write_config(tmp_path / "b.yaml", tmp_path / "nowhere", "models: [lat-best]")
    result = CliRunner().invoke(main, ["evaluate", empty, "-o", str(tmp_path / "out")])
    assert "no simulated fields" in result.output


def test_skies_without_sources_give_a_rate_of_false_ones(folder, entries):
    sky = read_fields.read_sky(read_fields.fields_of(folder)[0])
    sky.ts[:] = 0
    catalog, _ = methods.Given(entries).find(sky, "test")
    judged = [judge(catalog, sky)]
    assert methods.is_empty(judged)


def test_pixels_of_a_perfect_segmentation(folder):
    """Discs where the sources are: precision and recall of one."""
    sky = read_fields.read_sky(read_fields.fields_of(folder)[0], background="none")

    class Perfect(MatchedFilter):
        architecture = SimpleNamespace(LOCALIZER="peaks", RADIUS=targets.DISC)
        disc = segmentation._discs(Views(sky.cube)[0].patch, sky)[0].astype(float)

        def maps(self, features):
            return {"probability": np.array([self.disc] * len(features))}

    finder = HeatmapFinder(Perfect())
    assert finder.paints_discs
    result = segmentation.summary([segmentation.count_pixels(finder, sky)])
    assert result["precision"] == pytest.approx([1.0] * len(result["precision"]))
    assert result["recall"] == pytest.approx([1.0] * len(result["recall"]))
    assert segmentation.summary([]) is None


def test_instances_of_a_perfect_finder(folder, tmp_path):
    """The true masks, where all sources that count are found: AP of one, nothing merged."""
    path = read_fields.fields_of(folder)[0]
    sky, masks = read_fields.read_sky(path, background="none"), mask_file.read_of(path)

    class Perfect:
        name, localizer, operating = "perfect", "", {}

        def find(self, features):
            view = Views(sky.cube)[0]
            rows, true = sky_instances.masks_in(view.patch, sky, masks)
            x, y = view.patch.geom.coord_to_pix(sky.truth.positions[rows])
            inside = (np.minimum(x, y) > 0) & (np.maximum(x, y) < 127)
            return [Detections(x[inside], y[inside], np.ones(inside.sum()), mask=true[inside])]

    patches = sky_instances.collect(Perfect(), sky, masks)
    again = sky_instances.of_plain(json.loads(json.dumps(sky_instances.plain(patches))))
    scores = sky_instances.summary(again)
    assert scores["sources"]["all"] > 3
    assert scores["sources"]["extended"] == 0
    assert scores["average_precision"]["masks"]["all"] == pytest.approx([1] * 10)
    assert scores["average_precision"]["boxes"]["compact"] == pytest.approx([1] * 10)
    assert scores["at_threshold"]["all"] == {"precision": 1, "recall": 1}
    assert sum(scores["by_density"]["number"]) == scores["sources"]["all"]
    fates = np.sum(scores["deblending"]["number"], axis=(0, 1))
    assert fates[1:].sum() == 0
    row = "test", "perfect", SimpleNamespace(instances=scores)
    text = "\n".join(instance_tables.markdown([row]))
    assert "| test | perfect | compact |" in text and "1.000" in text
    assert sky_instances.summary([]) is None and instance_tables.markdown([]) == []


@pytest.fixture
def challenge():
    """The script of the data challenge."""
    path = Path(__file__).parents[2] / "benchmarks" / "detection" / "challenge.py"
    spec = importlib.util.spec_from_file_location("challenge", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_challenge_shows_no_truth(challenge, folder, tmp_path, monkeypatch):
    """What is public are counts, response and a diffuse model, which is not the true one."""
    monkeypatch.setattr(
        challenge.SkySimulator, "run", lambda self, truth: read_fields.fields_of(folder)
    )
    options = SimpleNamespace(
        challenge=tmp_path / "public", truth=tmp_path / "truth", seed=1, fields=2, width=5.0,
        years=14.0, populations=["nominal", "sparse"], no_gas=True,
    )  # fmt: skip
    challenge.make(options)
    fields = sorted(p for p in (tmp_path / "public").glob("*/*"))
    assert len(fields) == 2 * 2 * 2
    for field in fields:
        names = {"counts.fits", "bexpmap.fits", "psf.fits", "background.fits"}
        assert {p.name for p in field.iterdir()} == names
    shown = (fields[0] / "background.fits").read_bytes()
    assert shown == (read_fields.fields_of(folder)[0] / "background_wrong.fits").read_bytes()


@pytest.mark.slow
def test_an_entry_to_the_challenge_is_scored(challenge, folder, entries, tmp_path):
    (tmp_path / "entry").mkdir()
    (tmp_path / "entry" / folder.name).symlink_to(entries)
    options = SimpleNamespace(
        entry=tmp_path / "entry", truth=folder.parent, output=tmp_path / "scores"
    )
    challenge.score(options)
    scores = json.loads((tmp_path / "scores" / "scores.json").read_text())
    assert set(scores["sets"]) == {"all", folder.name}
    assert scores["sets"]["all"]["entry"]["own"]["fields"] == 2


@pytest.mark.slow
def test_a_network_is_run_once_in_each_field(folder, tmp_path, monkeypatch):
    """The second time, everything comes from the cache; another background is another method."""
    runs = []

    class Counting(Detector):
        @classmethod
        def from_pretrained(cls, name, **settings):
            return cls()

        def run(self, cube):
            runs.append(cube.components[0].background is None)
            return super().run(cube)

    monkeypatch.setattr(detector, "SourceDetector", Counting)
    settings = configs.check({"skies": str(folder), "models": ["mine"]})
    settings["skies"] = {"test": folder}
    for background in ("none", "none", "background"):
        settings["background"] = background
        result = Evaluation(settings).run(tmp_path / "out", overwrite=True)
        assert "| test | mine | 2 |" in result.markdown()
    assert runs == [True, True, False, False]
    nothing = settings | {"cache": tmp_path / "new"}
    empty = Evaluation(nothing).run(tmp_path / "none", cached=True)
    assert "| test" not in empty.markdown()
    with pytest.raises(InputError, match="or --overwrite"):
        Evaluation(nothing).run(tmp_path / "out")


def test_traditional_detection_is_shown_a_diffuse_model(folder, monkeypatch, tmp_path):
    """The true one or the wrong one; how long it took stands in the catalog."""
    shown = []

    def detect(_, cube):
        shown.append(float(cube.components[0].background.data.sum()))
        catalog = SourceCatalog()
        catalog.table.meta |= {"SECONDS": 2.0, "CPU_SECS": 3.0}
        return catalog

    monkeypatch.setattr(methods.TraditionalDetector, "run", detect)
    field = read_fields.fields_of(folder)[0]
    for name, background in methods.TRADITIONAL.items():
        chosen = methods.method(name, tmp_path)
        sky = read_fields.read_sky(field, chosen.background)
        assert not chosen.has(sky, "test")
        _, spent = chosen.find(sky, "test")
        assert spent == {"seconds": 2.0, "cpu_seconds": 3.0}
        assert chosen.background == background
    assert shown[0] != shown[1]


def test_one_catalog_of_several_fields(folder, entries, tmp_path):
    """Every field takes what lies in it; where fields overlap, that cannot be."""
    fields = read_fields.fields_of(folder)
    parts = [SourceCatalog.read(entries / f"{field.name}.fits") for field in fields]
    parts[0].merge(parts[1]).write(tmp_path / "all.fits")
    chosen = methods.Given(tmp_path / "all.fits")
    for field, part in zip(fields, parts, strict=True):
        sky = read_fields.read_sky(field)
        found, _ = chosen.find(sky, f"test_{field.name}")
        inside = sky.cube.components[0].observed(part.positions)
        assert set(found.table["Source_Name"]) == set(part.table["Source_Name"][inside])
    chosen.find(sky, f"month_{field.name}")  # of another set
    with pytest.raises(InputError, match="the fields overlap"):
        chosen.find(sky, f"test_{field.name}")


@pytest.mark.slow
def test_two_processes_score_the_same(folder, entries, tmp_path):
    plan = {"skies": str(folder), "models": ["traditional-wrong"], "catalogs": str(entries)}
    one, two = (Evaluation(plan, jobs=jobs).run(tmp_path / str(jobs)) for jobs in (1, 2))
    zones = [result.sets["test"]["traditional-wrong"].own.zones for result in (one, two)]
    assert repr(zones[0]) == repr(zones[1])  # they hold NaN
    assert repr(one.sets["test"][entries.name]) == repr(two.sets["test"][entries.name])


def test_a_method_that_fails_in_all_fields_ends_the_evaluation(
    folder, entries, tmp_path, monkeypatch
):
    def fail(*_):
        raise ValueError("nothing works")

    monkeypatch.setattr(methods.Traditional, "find", fail)
    plan = {"skies": str(folder), "models": ["traditional"], "catalogs": str(entries)}
    with pytest.raises(FermimlError, match=r"traditional failed in all 2 fields \(ValueError"):
        Evaluation(plan).run(tmp_path / "out")
