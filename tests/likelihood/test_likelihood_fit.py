"""LikelihoodFit: its settings are checked before anything is read, and engines are exchangeable."""

import numpy as np
import pytest
from astropy import units as u
from makers import plugins
from makers import smallskies as sky

from fermiml import InputError, LikelihoodFit, SourceCatalog
from fermiml.likelihood import gammapy_engine

FIXED = {"positions": False, "spectra": False, "bands": False}


class Marking:
    """An engine that finds TS 1 everywhere."""

    name, summary, reads_cubes = "marking", "for a test", False

    def fit(self, catalog, data):
        table = catalog.table.copy()
        table["TS"], table["TS_Engine"] = 1.0, self.name
        return SourceCatalog(table)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"engine": "xspec"}, "unknown engine 'xspec': known are gammapy, fermipy"),
        ({"job": 2}, "engine 'gammapy' has no setting job: its settings are known, galdiff, iso"),
        (
            {"engine": "fermipy", "iso": "i"},
            "'fermipy' has no setting iso: its settings are extents",
        ),
        ({"jobs": 0}, "jobs: 0 is not a whole number from 1"),
        ({"neighbours": -1}, "neighbours: -1 is not a number from 0 to 180"),
        ({"neighbours": 3 * u.s}, "neighbours: 3.0 s is not in units of deg"),
        ({"positions": "no"}, "positions: 'no' is neither true nor false"),
        ({"known": "gll_psc.fit"}, "known is 'gll_psc.fit': a SourceCatalog was expected"),
        ({"galdiff": "nothing.fits"}, "nothing.fits: no such file"),
    ],
)
def test_wrong_settings_are_refused_at_once(settings, message):
    with pytest.raises(InputError, match=message):
        LikelihoodFit(**settings)


def test_files_and_angles_with_units_are_taken(sources, tmp_path):
    seeds, data = sky.seeds(sources[[2]], shapes=True), sky.cube(sources, 1, width=5.0)
    seeds.write(tmp_path / "seeds.fits")
    one = LikelihoodFit(neighbours=30 * u.arcmin, **FIXED).run(tmp_path / "seeds.fits", data)
    two = LikelihoodFit(neighbours=0.5, **FIXED).run(seeds, data)
    assert one.table["TS"][0] == two.table["TS"][0] > 0


def test_an_engine_of_ones_own():
    seed = SourceCatalog.from_table({"GLON": [1.0], "GLAT": [2.0]})
    found = LikelihoodFit(Marking()).run(seed, "anything")
    assert list(found.table["TS_Engine"]) == ["marking"]
    with pytest.raises(TypeError, match="has its settings already: jobs"):
        LikelihoodFit(Marking(), jobs=2)


def test_the_old_function_works_and_warns(sources):
    seeds, data = sky.seeds(sources[[2]], shapes=True), sky.cube(sources, 1, width=5.0)
    with pytest.warns(DeprecationWarning, match="is fermiml.LikelihoodFit now"):
        old = gammapy_engine.fit(seeds, data, **FIXED)
    new = LikelihoodFit(**FIXED).run(seeds, data)
    np.testing.assert_array_equal(old.table["TS"], new.table["TS"])


def test_repr_names_engine_and_settings():
    assert repr(LikelihoodFit(jobs=2)) == "<LikelihoodFit: gammapy, jobs=2>"


def test_broken_engines_of_other_packages_are_one_line(tmp_path):
    source = "class Engine:\n    name, summary, reads_cubes = 'half', 'no fit', True\n"
    package = plugins.write(tmp_path, "half", source, engines={"half": ":Engine"})
    lacks = "engine 'half' of package half lacks fit"
    with plugins.on_path(package), pytest.raises(InputError, match=lacks):
        LikelihoodFit("half")
