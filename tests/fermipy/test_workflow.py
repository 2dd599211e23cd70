"""All of `ml_seed`, without the Fermitools: what it returns, and what an interrupt leaves."""

import pytest
from makers import fakefermipy
from makers.fakefermipy import KNOWN, catalog

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
