"""All of `ml_seed`, without the Fermitools: what it returns, and what an interrupt leaves."""

import pytest
from makers import fakefermipy
from makers.fakefermipy import KNOWN, catalog

from fermiml import SourceCatalog
from fermiml.fermipy import options, workflow

DEFAULTS = {key: value[0] for key, value in options.ML_SEED.items()} | {
    "search_skydir": None, "search_minmax_radius": [None, 1.0],
}  # fmt: skip


@pytest.fixture
def analysis(monkeypatch):
    fakefermipy.install(monkeypatch)
    monkeypatch.setattr(workflow, "detect", lambda gta, config: catalog())

    def make(**options):
        return fakefermipy.Analysis(fakefermipy.TS, [fakefermipy.known()], **options)

    return make


def test_new_sources_have_a_file_of_their_own(analysis, tmp_path):
    gta = analysis()
    gta.workdir = tmp_path
    result = workflow.run(gta, "a", DEFAULTS, print)
    assert (result["file"], result["file_new"]) == ("a_ml_seed.fits", "a_ml_seed_new.fits")
    both, new = (SourceCatalog.read(tmp_path / result[key]).table for key in ("file", "file_new"))
    assert list(both["ROI_Status"]) == ["new"] * 4 + ["known"]
    assert list(new["Source_Name"]) == list(both["Source_Name"][:4])


def test_no_new_source_leaves_an_empty_file_that_a_model_can_name(analysis, tmp_path):
    gta = analysis()
    gta.workdir = tmp_path
    workflow.run(gta, "", DEFAULTS | {"sqrt_ts_threshold": 100.0}, print)
    path = tmp_path / "ml_seed_new.fits"
    assert len(SourceCatalog.read(path)) == 0
    assert len(pytest.importorskip("fermipy.catalog").Catalog.create(str(path)).table) == 0


@pytest.mark.parametrize("where", ["half_added", "lost"])
@pytest.mark.parametrize("how", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_leaves_the_model_as_it_was(analysis, where, how):
    gta = analysis(**{where: ["S1"]}, breaks_off=how())
    gta.free_source(KNOWN)
    with pytest.raises(how):
        workflow.run(gta, "", DEFAULTS | {"sources_per_iter": 1}, print)
    assert gta.consistent() and {s.name for s in gta.roi.sources} == {KNOWN, "galdiff"}
    assert {s.norm.value for s in gta.roi.sources} == {1.0}
    assert [s.name for s in gta.roi.sources if s.norm.free] == [KNOWN]
