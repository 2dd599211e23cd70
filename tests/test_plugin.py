"""The package in tests/plugin, installed beside fermiml, end to end; and broken ones."""

import json
import logging
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from astropy import units as u
from click.testing import CliRunner
from makers import plugins, trainingfields

from fermiml import (
    InputError,
    LikelihoodFit,
    SkyCube,
    SkySimulator,
    SourceCatalog,
    SourceDetector,
)
from fermiml.cli.main import main
from fermiml.fermipy import options, steps, workflow
from fermiml.networks import pretrained

DETECT = """
import sys
from fermiml.cli.main import main
main(sys.argv[1:], standalone_mode=False)
assert "keras" not in sys.modules
"""


def run(*arguments, code=0):
    result = CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture(scope="module")
def skies(tmp_path_factory, demo_settings):
    """Simulated skies: one field, with its truth."""
    folder = tmp_path_factory.mktemp("skies") / "sky"
    SkySimulator(demo_settings).run(folder)
    return folder


@pytest.fixture(scope="module")
def found(skies, installed_plugin):
    """What the finder finds: `fermiml detect --model` in a process of its own, without Keras."""
    output = skies.parent / "found.fits"
    command = ["detect", skies / "counts.fits", "--model", "joint-peaks", "--no-photometry"]
    subprocess.run(
        [sys.executable, "-P", "-c", DETECT, *command, "-o", output],
        env=os.environ | {"PYTHONPATH": str(installed_plugin)}, check=True,
    )  # fmt: skip
    return output


def test_detect_with_the_finder(found, skies):
    catalog = SourceCatalog.read(found)
    table, truth = catalog.table, SourceCatalog.read(skies / "truth.fits")
    assert set(table["ML_Model"]) == {"joint-peaks"} and set(table["ML_Localizer"]) == {""}
    bright = truth.filter(truth.table["Inside"] & (truth.table["TS_Asimov"] > 60))
    assert len(bright) == 4 == len(bright.crossmatch(catalog, radius=0.2))
    known = np.isfinite(table["ML_Ext_Size"])  # not of clipped peaks
    assert known.any() and (table["Conf_68_SemiMajor"][known] > 0).all()
    assert np.allclose(table["ML_Prob_AGN"] + table["ML_Prob_PSR"], table["ML_Prob"], atol=1e-6)


def test_detect_with_the_localizer(plugin, skies, tmp_path):
    run("detect", skies / "counts.fits", "--localizer", "barycentre", "--no-photometry",
        "-o", tmp_path / "ml.fits")  # fmt: skip
    catalog = SourceCatalog.read(tmp_path / "ml.fits")
    assert len(catalog) and set(catalog.table["ML_Localizer"]) == {"barycentre"}
    error = run("detect", skies / "counts.fits", "--model", "joint-peaks",
                "--localizer", "barycentre", code=2)  # fmt: skip
    assert error == (
        "fermiml: error: localizer 'barycentre': network 'joint-peaks' takes no localizer\n"
    )


def test_models_lists_the_finder_and_shows_it(plugin):
    listed = run("models").splitlines()
    assert listed[-1] == (
        "joint-peaks   maxima of the matched filter, all bands together; no network, "
        "of package fermiml-example-plugin"
    )
    assert any(line.startswith(pretrained.DEFAULT) for line in listed)
    card = yaml.safe_load(run("models", "joint-peaks"))
    assert card["origin"] == "package fermiml-example-plugin"
    assert card["identity"] == "joint-peaks-1" and card["operating"] == {}
    assert "known are lat-best, lat-best-1, lat-centroid, lat-mask, lat-unek, joint-peaks" in run(
        "models", "x", code=2
    )


def test_evaluate_with_the_finder(plugin, skies, tmp_path):
    (tmp_path / "e.yaml").write_text(yaml.safe_dump({"skies": str(skies),
                                                     "models": ["joint-peaks"]}))  # fmt: skip
    run("evaluate", tmp_path / "e.yaml", "-o", tmp_path / "out")
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert scores["sets"]["sky"]["joint-peaks"]["own"]["fields"] == 1


def test_ml_seed_with_the_finder(plugin, skies, tmp_path, monkeypatch):
    section = {"network": "joint-peaks"}
    analysis = {"binning": {}, "selection": {}, "data": {}, "ml_seed": section}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(analysis))
    assert steps.read_config(tmp_path / "config.yaml")["ml_seed"] == section
    options.check_section({"localizer": "barycentre"})
    cube = SkyCube.read(skies / "counts.fits")
    monkeypatch.setattr("fermiml.fermipy.data.cube_of", lambda gta, model=False: cube)
    config = {key: default for key, (default, _, _) in options.ML_SEED.items()}
    gta = SimpleNamespace(logger=logging.getLogger("GTAnalysis"))
    seeds = workflow.detect(gta, config | section)
    assert set(seeds.table["ML_Model"]) == {"joint-peaks"}


def test_fit_with_the_engine(plugin, skies, tmp_path):
    """By name in the command, with the options that it takes; from Python with its settings."""
    counts, background = skies / "counts.fits", skies / "background.fits"
    given = ("fit", skies / "truth.fits", counts, "--engine", "aperture")
    run(*given, "--background", background, "--jobs", 2, "-o", tmp_path / "fit.fits")
    table = SourceCatalog.read(tmp_path / "fit.fits").table
    truth = SourceCatalog.read(skies / "truth.fits")
    bright = np.asarray(truth.table["Inside"] & (truth.table["TS_Asimov"] > 100))
    assert bright.any() and np.all(table["TS"][bright] > 25)
    assert set(table["TS_Engine"][bright]) == {"aperture"}
    error = run(*given, "--iso", "iso.txt", "-o", tmp_path / "no.fits", code=2)
    assert error == "fermiml: error: --iso: --engine aperture takes no such option\n"
    assert "no background" in run(*given, "-o", tmp_path / "no.fits", code=2)
    assert "known are gammapy, fermipy, aperture" in run(*given[:-1], "x", code=2)

    cube = SkyCube.read(counts, background=background)
    wide = LikelihoodFit("aperture", radius=90 * u.arcmin).run(truth[bright], cube)
    assert np.all(wide.table["Npred"] > table["Npred"][bright])
    with pytest.raises(InputError, match=r"radius: 0 is not a number from 0\.05 to 10"):
        LikelihoodFit("aperture", radius=0)


def test_train_the_architecture(plugin, tmp_path):
    trainingfields.write_field(tmp_path / "field_00000.npz")
    recipe = {
        "network": "shallow",
        "architecture": {"width": 2},
        "training": {"fields": ".", "epochs": 1, "patches": 4, "batch": 2},
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    run("train", tmp_path / "recipe.yaml", "-o", tmp_path / "mine")
    detector = SourceDetector.from_pretrained(str(tmp_path / "mine"))
    assert detector.finder.localizer == "barycentre"
    maps = pretrained.load(str(tmp_path / "mine")).maps(np.zeros((1, 64, 64, 23), np.float32))
    assert maps["probability"].shape == (1, 64, 64)
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe | {"architecture": {"width": 0}}))
    error = run("train", tmp_path / "recipe.yaml", "-o", tmp_path / "other", code=2)
    assert "architecture.width: 0 is no positive integer" in error


def test_figures_of_a_finder_without_heatmap(plugin, found, skies, tmp_path):
    """The overview has two panels; what the network saw of a source cannot be shown."""
    run("plot", found, skies / "counts.fits", "-o", tmp_path / "field.png")
    assert (tmp_path / "field.png").is_file()
    name = SourceCatalog.read(found).table["Source_Name"][0]
    error = run("plot", found, skies / "counts.fits", "--source", name,
                "-o", tmp_path / "source.png", code=2)  # fmt: skip
    assert error == (
        "fermiml: error: network 'joint-peaks' returns detections only, without a map to show\n"
    )
    run("report", found, skies / "counts.fits", "-o", tmp_path / "page.html")


@pytest.fixture
def broken(tmp_path, installed_plugin):
    """Packages that are broken in their own ways, beside one that is not."""
    site = tmp_path / "site"
    plugins.write(
        site, "crashing", "import nothing_of_that_name", finders={"crashing": ":Finder"},
        localizers={"crashing": ":locate"}, architectures={"crashing": ""},
    )  # fmt: skip
    plugins.write(
        site, "raving", "class Finder:\n"
        "    name, localizer, identity, operating = 'raving', '', '', {}\n"
        "    def find(self, features):\n        return [42] * len(features)\n",
        finders={"raving": ":Finder"},
    )  # fmt: skip
    plugins.write(
        site, "usurping", "def part(): pass", finders={pretrained.DEFAULT: ":part"},
        localizers={"peaks": ":part"}, architectures={"best": ":part"},
    )  # fmt: skip
    with plugins.on_path(site, installed_plugin):
        yield


CRASH = "of package crashing cannot be loaded: ModuleNotFoundError: No module named"


def test_broken_packages_give_one_warning_each_and_break_nothing(broken, skies, tmp_path, caplog):
    listed = run("models")
    for name in (*pretrained.names(), "joint-peaks", "raving"):
        assert f"\n{name} " in f"\n{listed}"
    run("models")
    run("detect", skies / "counts.fits", "--no-photometry", "-o", tmp_path / "ml.fits")
    assert set(SourceCatalog.read(tmp_path / "ml.fits").table["ML_Model"]) == {pretrained.DEFAULT}
    told = [record.getMessage() for record in caplog.records]
    taken = "package usurping offers a {} {!r}, which exists already; it is ignored"
    for text in (
        f"network 'crashing' {CRASH} 'nothing_of_that_name'",
        taken.format("network", pretrained.DEFAULT),
        taken.format("localizer", "peaks"),
        taken.format("network", "best"),
    ):
        assert told.count(text) == 1, text


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--model=crashing", f"network 'crashing' {CRASH}"),
        ("--localizer=crashing", f"localizer 'crashing' {CRASH}"),
        ("--model=raving", "network raving: does not return a list of Detections"),
    ],
)
def test_broken_parts_that_are_asked_for_are_one_line(broken, skies, tmp_path, option, message):
    error = run("detect", skies / "counts.fits", option, "-o", tmp_path / "ml.fits", code=2)
    last = error.splitlines()[-1]
    assert last.startswith(f"fermiml: error: {message}")
    assert not (tmp_path / "ml.fits").exists()


def test_a_broken_architecture_is_one_line(broken, tmp_path):
    recipe = {"network": "crashing", "training": {"fields": "."}}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    error = run("train", tmp_path / "recipe.yaml", "-o", tmp_path / "mine", code=2)
    assert f"recipe.yaml: network 'crashing' {CRASH}" in error
