"""Light curves of `ml_seed`: from the events of an analysis, or refused before it is set up."""

from types import SimpleNamespace

import numpy as np
import pytest
from makers import fakefermipy, smallskies, timedskies
from makers import latfiles as lat

from fermiml import InputError, SkyCube, SourceCatalog
from fermiml.fermipy import data, options, seed_light_curves, workflow

FACTORS = np.ones((4, 4))
FACTORS[1, 2] = 4.0  # the second source flares


def component(tmp_path, *, evfile="events.txt", cacheft1=True, projtype="WCS"):
    """What fermipy knows of a component before the setup."""
    return SimpleNamespace(
        name="00",
        config={
            "binning": {"projtype": projtype},
            "data": {"evfile": evfile, "cacheft1": cacheft1},
        },
        files={"ft1": str(tmp_path / "ft1_00.fits")},
    )


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"evfile": None}, "this analysis has no events"),
        ({"cacheft1": False}, "no events are left .* set it to true"),
    ],
)
def test_an_analysis_without_events_is_refused(tmp_path, wrong, message):
    good, bad = component(tmp_path), component(tmp_path, **wrong)
    with pytest.raises(InputError, match=rf"^ml_seed\.time: .*{message}"):
        seed_light_curves.check(SimpleNamespace(components=[good, bad]))


def test_events_are_those_of_the_input_or_selected_before(tmp_path):
    seed_light_curves.check(SimpleNamespace(components=[component(tmp_path)]))
    (tmp_path / "ft1_00.fits").touch()
    seed_light_curves.check(SimpleNamespace(components=[component(tmp_path, evfile=None)]))


@pytest.fixture
def selected(tmp_path, monkeypatch):
    """An analysis with selected events and the counts that gtbin makes of them."""
    path = tmp_path / "ft1_00.fits"
    lat.write_ft1(path)
    cube = SkyCube.read(path)
    monkeypatch.setattr(data, "cube_of", lambda gta: cube)
    gta = SimpleNamespace(components=[component(tmp_path)], config={"data": {"scfile": None}})
    return gta, cube


def test_counts_get_the_times_of_the_events(selected):
    gta, cube = selected
    times = seed_light_curves.read(gta, "4").components[0].times
    assert len(times.bins) == 4 and times.counts.sum() == cube.total_counts
    assert np.ptp(np.bincount(times.interval)) < 0.2 * cube.total_counts  # spread evenly
    assert cube.components[0].times is None


def test_a_single_interval_is_refused_before_the_search(selected):
    with pytest.raises(InputError, match="a light curve needs two"):
        seed_light_curves.read(selected[0], "1")


def test_other_counts_than_those_of_the_events_are_refused(selected):
    gta, cube = selected
    cube.components[0].counts.data *= 2
    with pytest.raises(InputError, match=r"component .* counts, but \d+ events: .*simulated"):
        seed_light_curves.read(gta, "yearly")


def test_a_spacecraft_file_is_taken_but_a_list_of_them_is_not():
    names = ("ft2.fits", "ft2.txt", None)
    assert [seed_light_curves.spacecraft_file(name) for name in names] == ["ft2.fits", None, None]


def test_the_catalog_gets_the_columns_before_the_rest_of_the_model():
    """Also sources that are in the model and not in the catalog, here the last two."""
    sources = smallskies.four()
    cube = timedskies.cube(sources, FACTORS, 5, timedskies.intervals(4))
    catalog = smallskies.seeds(sources, shapes=True)[[0, 1]]
    catalog.table["ROI_Name"] = ["A", "B"]
    rest = smallskies.component(sources[[2, 3]]).counts
    asked = []
    fitted = SimpleNamespace(model_counts_map=lambda exclude: asked.append(exclude) or rest)
    filled = seed_light_curves.measure(SimpleNamespace(components=[fitted]), catalog, cube)
    assert asked == [["A", "B"]]
    flux = filled.table["Flux_History"] / (FACTORS * sources.flux((100, 1e5)))[:2]
    assert np.all(np.abs(flux - 1) < 0.5)
    assert np.argmax(filled.table["Flux_History"][1]) == 2
    assert list(filled.table["ROI_Name"]) == ["A", "B"]


@pytest.mark.parametrize("fails", [False, True])
def test_the_files_have_the_columns_and_a_failure_keeps_the_fit(monkeypatch, tmp_path, fails):
    def measure(gta, catalog, cube):
        if fails:
            raise InputError("no light curve")
        catalog.table["Variability_Index"][:] = cube
        return catalog

    fakefermipy.install_without_images(monkeypatch)
    monkeypatch.setattr(workflow, "detect", lambda *_, **__: fakefermipy.catalog())
    monkeypatch.setattr(seed_light_curves, "read", lambda gta, wanted: {"yearly": 7.0}[wanted])
    monkeypatch.setattr(seed_light_curves, "measure", measure)
    gta = fakefermipy.Analysis(fakefermipy.TS, [fakefermipy.known()])
    gta.workdir = tmp_path
    config = {key: value[0] for key, value in options.ML_SEED.items()} | {
        "search_skydir": None, "search_minmax_radius": [None, 1.0], "time": True,
    }  # fmt: skip
    if fails:
        with pytest.raises(InputError, match="no light curve"):
            workflow.run(gta, "", config, print)
    else:
        assert workflow.run(gta, "", config, print)["time"]["light curves"] >= 0
    assert gta.roi.has_source("S0")
    for name in ("ml_seed.fits", "ml_seed_new.fits"):
        index = SourceCatalog.read(tmp_path / name).table["Variability_Index"]
        assert len(index) and np.all(np.isnan(index) if fails else index == 7)
