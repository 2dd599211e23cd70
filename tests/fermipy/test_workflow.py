"""All of `ml_seed`, without the Fermitools: what it returns, and what an interrupt leaves."""

import logging
from types import SimpleNamespace

import pytest
from makers import fakefermipy, latfiles
from makers.fakefermipy import KNOWN, catalog

from fermiml import InputError, LikelihoodFit, SkyCube, SourceCatalog, SourceDetector
from fermiml.fermipy import data, engine, options, workflow
from fermiml.sky.describe import response_lines

DEFAULTS = {key: value[0] for key, value in options.ML_SEED.items()} | {
    "search_skydir": None, "search_minmax_radius": [None, 1.0],
}  # fmt: skip


def detect(gta, config, model=False):
    """Six seeds; and where the model is the background, what it does not have besides."""
    if not model:
        return catalog()
    table = catalog(3).table
    table["Source_Name"] = ["R0", "R1", "R2"]
    table["RAJ2000"] = [10.5, 12.01, 15.01]  # a new one, rejected before, the known source
    return SourceCatalog.from_table(table)


@pytest.fixture
def analysis(monkeypatch):
    fakefermipy.install_without_images(monkeypatch)
    monkeypatch.setattr(workflow, "detect", detect)

    def make(**options):
        return fakefermipy.Analysis({**fakefermipy.TS, "R0": 60}, [fakefermipy.known()], **options)

    return make


def test_new_sources_have_a_file_of_their_own(analysis, tmp_path):
    gta = analysis()
    gta.workdir = tmp_path
    result = workflow.run(gta, "a", DEFAULTS, print)
    assert (result["file"], result["file_new"]) == ("a_ml_seed.fits", "a_ml_seed_new.fits")
    both, new = (SourceCatalog.read(tmp_path / result[key]).table for key in ("file", "file_new"))
    assert list(both["ROI_Status"]) == ["new"] * 4 + ["known"]
    assert list(new["Source_Name"]) == ["S0", "S1", "S3", "S4"]


def test_no_new_source_leaves_an_empty_file_that_a_model_can_name(analysis, tmp_path):
    gta = analysis()
    gta.workdir = tmp_path
    workflow.run(gta, "", DEFAULTS | {"sqrt_ts_threshold": 100.0}, print)
    path = tmp_path / "ml_seed_new.fits"
    assert len(SourceCatalog.read(path)) == 0
    assert len(pytest.importorskip("fermipy.catalog").Catalog.create(str(path)).table) == 0


def test_another_look_adds_what_the_first_did_not_have(analysis, tmp_path):
    gta = analysis()
    gta.workdir = tmp_path
    result = workflow.run(gta, "", DEFAULTS | {"looks": 2}, print)
    assert [p["name"] for p in result["peaks"]] == ["S0", "S1", "S2", "S3", "S4", "S5", "R0"]
    assert result["peaks"][-1]["status"] == "new" and gta.roi.has_source("R0")
    assert {"S0", "R0"} <= gta.fits[-1]  # in the final fit both
    assert sorted(result["time"]) == ["detect", "extents", "fit", "localize", "refit"]


def test_by_default_there_is_one_look(analysis, tmp_path):
    gta = analysis()
    gta.workdir = tmp_path
    result = workflow.run(gta, "", DEFAULTS, print)
    assert len(result["peaks"]) == 6


def test_what_is_rejected_of_another_look_leaves_no_mark(analysis, tmp_path):
    gta = analysis()
    gta.workdir, gta.ts["R0"] = tmp_path, 4
    result = workflow.run(gta, "", DEFAULTS | {"looks": 2}, print)
    assert result["peaks"][-1]["status"] == "rejected" and gta.consistent()


@pytest.mark.parametrize("how", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_leaves_the_model_as_it_was(analysis, how):
    gta = analysis(half_added=["S1"], breaks_off=how())
    gta.free_source(KNOWN)
    with pytest.raises(how):
        workflow.run(gta, "", DEFAULTS | {"sources_per_iter": 1}, print)
    assert gta.consistent() and {s.name for s in gta.roi.sources} == {KNOWN, "galdiff"}
    assert {s.norm.value for s in gta.roi.sources} == {1.0}
    assert [s.name for s in gta.roi.sources if s.norm.free] == [KNOWN]


def test_healpix_pixels_are_refused_at_once(analysis):
    gta = analysis()
    engine.check_pixels(gta)
    gta.components[1].config["binning"]["projtype"] = "HPX"
    with pytest.raises(InputError, match=r"^ml_seed: works with binning: {projtype: WCS}"):
        engine.check_pixels(gta)
    with pytest.raises(InputError, match=r"HEALPix pixels"):
        LikelihoodFit("fermipy").run(catalog(), gta)
    assert not gta.fits


def test_the_log_says_what_was_taken_and_assumed(monkeypatch, tmp_path, caplog):
    """As every command does; a second look at the same data need not repeat it."""
    caplog.set_level(logging.INFO, "GTAnalysis")
    latfiles.write_ccube(tmp_path / "ccube.fits")
    cube = SkyCube.read(tmp_path / "ccube.fits")
    monkeypatch.setattr(data, "cube_of", lambda *_: cube)
    blind = SimpleNamespace(run=lambda _cube: SourceCatalog())
    monkeypatch.setattr(SourceDetector, "from_pretrained", lambda *_, **__: blind)
    gta = SimpleNamespace(logger=logging.getLogger("GTAnalysis"))
    for model in (False, True):
        workflow.detect(gta, DEFAULTS, model)
    assert [record.message for record in caplog.records] == response_lines(cube)
