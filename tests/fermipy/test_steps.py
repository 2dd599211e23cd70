"""`fermiml fermipy`, its preset, and the data of an analysis, without the Fermitools."""

import sys
from importlib import resources
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import yaml
from astropy.io import fits
from click.testing import CliRunner
from makers import latfiles as lat

from fermiml import InputError, LikelihoodFit, SkyCube, SourceCatalog
from fermiml.cli.main import main
from fermiml.fermipy import catalog_fit, options, steps
from fermiml.fermipy.data import cube_of

ANALYSIS = {"binning": {"roiwidth": 10}, "selection": {"emin": 1000}, "ml_seed": {}}


@pytest.fixture
def without(monkeypatch):
    """As if the Fermitools were not installed."""
    monkeypatch.setitem(sys.modules, "pyLikelihood", None)
    monkeypatch.delitem(sys.modules, "fermiml.fermipy.analysis", raising=False)


def run(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)


def write(path, **changes):
    path.write_text(yaml.safe_dump({**ANALYSIS, **changes}))
    return path


def test_without_the_fermitools_the_command_says_how_to_get_them(tmp_path, without):
    result = run("fermipy", write(tmp_path / "c.yaml"))
    assert result.exit_code == 2
    for text in ("Fermitools are not installed", "conda", "fermiml compare", "fermiml[fermipy]"):
        assert text in result.output
    with pytest.raises(ImportError, match="conda"):
        from fermiml.fermipy import GTAnalysis  # noqa: F401


def test_fermitools_that_are_not_complete_end_in_one_line(tmp_path, monkeypatch):
    for module in ("pyLikelihood", "fermipy", "fermipy.gtanalysis"):
        monkeypatch.setitem(sys.modules, module, ModuleType(module))
    monkeypatch.setitem(sys.modules, "BinnedAnalysis", None)
    result = run("fermipy", write(tmp_path / "c.yaml"))
    assert result.exit_code == 2 and result.output.count("\n") == 1
    assert "not complete (BinnedAnalysis: " in result.output
    monkeypatch.setitem(sys.modules, "BinnedAnalysis", ModuleType("BinnedAnalysis"))
    monkeypatch.delenv("CALDB", raising=False)
    monkeypatch.setenv("FERMI_DIR", "somewhere")
    result = run("fermipy", write(tmp_path / "c.yaml"))
    assert result.exit_code == 2 and "environment: CALDB not set" in result.output


def test_an_error_of_one_word_says_what_kind_it_is(tmp_path):
    """With usescratch, fermipy wants a variable USER."""
    with (
        pytest.raises(InputError, match=r"a\.yaml: setup: KeyError USER"),
        steps._one_line(tmp_path / "a.yaml", "setup"),
    ):
        raise KeyError("USER")


def test_the_last_line_names_the_folder_that_stays():
    peak = {"name": "S", "status": "new", "ts": 30.0, "ml_prob": 0.5}
    lines = steps.report({"peaks": [peak, {"status": "known"}]}, "analysis")
    assert lines == ["S  TS 30.0  ML_Prob 0.50", "analysis: 1 new source"]


def test_misspelt_options_are_named_before_anything_runs(tmp_path, without):
    result = run("fermipy", write(tmp_path / "c.yaml", ml_seed={"treshold": 0.5}))
    assert result.exit_code == 2 and "c.yaml" in result.output
    assert "unknown key ml_seed.treshold" in result.output
    assert "sqrt_ts_threshold" in result.output


@pytest.mark.parametrize("given", ["ml_seed", "setup,fly", ""])
def test_steps_that_do_not_exist(given):
    with pytest.raises(InputError, match="--steps"):
        steps.parse(given)


def test_steps_in_their_order():
    assert steps.parse("setup, ml_seed,find_sources,write") == [
        "setup", "ml_seed", "find_sources", "write"
    ]  # fmt: skip
    assert set(steps.parse("setup,optimize,ml_seed,find_sources,write")) == set(steps.STEPS)


@pytest.mark.parametrize("content", ["just: settings", "[1, 2", "- a list"])
def test_other_files_are_no_analysis(tmp_path, content):
    (tmp_path / "c.yaml").write_text(content)
    result = run("fermipy", tmp_path / "c.yaml")
    assert result.exit_code == 2 and "c.yaml" in result.output


def test_absent_file(tmp_path):
    assert "no such file" in run("fermipy", tmp_path / "none.yaml").output


def test_the_preset_shows_every_option_with_its_default():
    text = resources.files("fermiml.config").joinpath("fermipy_ml_seed.yaml").read_text()
    section = yaml.safe_load(text)["ml_seed"]
    assert section == {key: default for key, (default, _, _) in options.ML_SEED.items()}
    options.check_section(section)


def test_defaults_go_through_fermipys_schema():
    schema = pytest.importorskip("fermipy.config").ConfigSchema(dict(options.ML_SEED))
    config = schema.create_config({"sqrt_ts_threshold": "4"}, threshold=0.5)
    assert config["sqrt_ts_threshold"] == 4.0 and config["threshold"] == 0.5
    assert config["max_iter"] == options.ML_SEED["max_iter"][0]


def component(ccube, bexpmap, *, evtype, counts=None, weights=None):
    """What fermipy knows of a component."""
    shape = SkyCube.read(ccube, exposure=bexpmap).components[0].counts.data
    return SimpleNamespace(
        name=ccube.stem[-2:],
        files={"ccube": str(ccube), "bexpmap": str(bexpmap)},
        config={"gtlike": {"irfs": "P8R3_SOURCE_V3"}, "selection": {"evtype": evtype}},
        counts_map=lambda: SimpleNamespace(data=shape if counts is None else counts),
        weight_map=lambda: SimpleNamespace(
            data=np.ones(shape.shape) if weights is None else weights
        ),
    )


def test_components_of_any_pixels_and_event_types_become_one_cube(tmp_path):
    lat.write_ccube(tmp_path / "ccube_00.fits", listed=lat.cuts(evtype=16))
    lat.write_hpx(tmp_path / "ccube_01.fits", nside=64)
    lat.write_bexpmap(tmp_path / "bexpmap.fits")
    gta = SimpleNamespace(
        workdir=str(tmp_path),
        components=[
            component(tmp_path / "ccube_00.fits", tmp_path / "bexpmap.fits", evtype=16),
            component(tmp_path / "ccube_01.fits", tmp_path / "bexpmap.fits", evtype=32),
        ],
    )
    cube = cube_of(gta)
    assert [c.is_healpix for c in cube.components] == [False, True]
    assert cube.components[0].event_types == ("PSF2",)
    assert len(cube.bands()) == 2 and "2 components" in repr(cube)


def test_counts_in_memory_and_masked_pixels(tmp_path):
    path = tmp_path / "ccube_00.fits"
    lat.write_ccube(path)
    lat.write_bexpmap(tmp_path / "bexpmap.fits")
    with fits.open(path) as hdus:
        shape = hdus[0].data.shape
    weights = np.ones(shape)
    weights[:, :10] = 0
    part = component(
        path, tmp_path / "bexpmap.fits", evtype=3, counts=np.full(shape, 2.0), weights=weights
    )
    (read,) = cube_of(SimpleNamespace(workdir="", components=[part])).components
    assert read.counts.data.sum() == 2 * read.counts.data.size
    assert not read.mask[:10].any() and read.mask[10:].all()


def test_the_model_is_the_background_of_another_look(tmp_path):
    lat.write_ccube(tmp_path / "ccube_00.fits")
    lat.write_bexpmap(tmp_path / "bexpmap.fits")
    part = component(tmp_path / "ccube_00.fits", tmp_path / "bexpmap.fits", evtype=3)
    shape = part.counts_map().data.shape
    part.model_counts_map = lambda: SimpleNamespace(data=np.full(shape, 0.7))
    gta = SimpleNamespace(workdir="", components=[part])
    assert cube_of(gta).components[0].background is None
    background = cube_of(gta, model=True).components[0].background
    assert background.data.shape == shape and np.all(background.data == np.float32(0.7))


def test_psf_that_fermipy_computed_is_taken(tmp_path):
    lat.write_ccube(tmp_path / "ccube_00.fits")
    lat.write_bexpmap(tmp_path / "bexpmap.fits")
    part = component(tmp_path / "ccube_00.fits", tmp_path / "bexpmap.fits", evtype=3)
    gta = SimpleNamespace(workdir="", components=[part])
    assert "P8R3_SOURCE_V3" in cube_of(gta).components[0].origins["psf"].text
    lat.write_gtpsf(tmp_path / "psf_00.fits")
    assert "psf_00.fits" in cube_of(gta).components[0].origins["psf"].text


def test_engine_fermipy_needs_an_analysis(tmp_path, without):
    lat.write_ccube(tmp_path / "ccube.fits")
    SourceCatalog().write(tmp_path / "c.fits")
    result = run("fit", tmp_path / "c.fits", tmp_path / "ccube.fits", "--engine", "fermipy")
    assert result.exit_code == 2
    assert "YAML of a fermipy analysis" in result.output and "ccube.fits" in result.output
    write(tmp_path / "a.yaml")
    assert catalog_fit.configuration(tmp_path) == tmp_path / "a.yaml"
    result = run("fit", tmp_path / "c.fits", tmp_path, "--engine", "fermipy", "--iso", "iso.txt")
    assert "--iso: --engine fermipy reads these from COUNTS" in result.output
    result = run("fit", tmp_path / "c.fits", tmp_path, "--engine", "fermipy")
    assert "Fermitools are not installed" in result.output


def test_the_engine_takes_no_cube_and_the_old_function_warns(tmp_path, without):
    lat.write_ccube(tmp_path / "ccube.fits")
    cube = SkyCube.read(tmp_path / "ccube.fits")
    with pytest.raises(InputError, match="needs the YAML of a fermipy analysis"):
        LikelihoodFit("fermipy").run(SourceCatalog(), cube)
    write(tmp_path / "a.yaml")
    with (
        pytest.warns(DeprecationWarning, match=r'is fermiml.LikelihoodFit\("fermipy"\) now'),
        pytest.raises(InputError, match="Fermitools are not installed"),
    ):
        catalog_fit.fit(SourceCatalog(), tmp_path)
