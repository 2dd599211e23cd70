"""Finders: what they give is checked and reaches the catalog, whoever wrote them."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from makers import plugins, smallskies

from fermiml import InputError, SourceDetector
from fermiml.detect.detections import Detections, checked
from fermiml.detect.finder import HeatmapFinder, load_finder
from fermiml.localize import LOCALIZERS

FEATURES = np.zeros((2, 32, 32, 23), np.float32)
GOOD = Detections(
    x=[3.0, 5.5], y=[4.0, 6.0], score=[0.5, 1.0], covariance=np.array([np.eye(2)] * 2),
    pulsar=[0.1, np.nan], extent=[0.0, np.nan], mask=np.zeros((2, 32, 32), bool),
)  # fmt: skip
NONE = Detections([], [], [])


def test_an_answer_becomes_arrays():
    first, second = checked([GOOD, NONE], FEATURES, "mine")
    assert len(first) == 2 and len(second) == 0
    assert first.x.dtype == float and second.covariance is None
    assert len(first[first.score > 0.7]) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": [3.0, np.nan]}, "x is not finite"),
        ({"y": [3.0]}, r"y has the shape \(1,\), expected \(2,\)"),
        ({"x": 3.0}, r"x has the shape \(\)"),
        ({"score": None}, "score"),
        ({"score": ["high", "low"]}, "could not convert"),
        ({"score": [0.5, 1.5]}, "score 1.5 is not between 0 and 1"),
        ({"score": [0.5, np.nan]}, "score is not finite"),
        ({"pulsar": [-0.5, 0.5]}, "pulsar -0.5 is not between 0 and 1"),
        ({"extent": [-1.0, 0.0]}, "extent -1 is not between 0 and inf"),
        ({"covariance": np.ones((2, 2))}, "covariance has the shape"),
        ({"mask": np.zeros((2, 8, 8))}, "mask has the shape"),
    ],
)
def test_an_answer_that_cannot_be_names_the_finder(changes, message):
    with pytest.raises(InputError, match=f"^network mine: .*{message}"):
        checked([replace(GOOD, **changes), NONE], FEATURES, "mine")


@pytest.mark.parametrize("answer", [None, [GOOD], [GOOD, [1, 2, 0.5]], [GOOD] * 3])
def test_one_answer_for_each_patch(answer):
    with pytest.raises(InputError, match=r"network mine: .* Detections"):
        checked(answer, FEATURES, "mine")


class Fixed:
    """Finds the same in every patch."""

    name, localizer, identity, operating = "fixed", "", "1", {}

    def __init__(self, **found):
        self.found = Detections(**found)

    def find(self, features):
        return [self.found] * len(features)


def test_what_a_finder_knows_reaches_the_catalog():
    """One source in the middle of the patch: 3 pixels wide, an error of 2 by 1 pixels along x."""
    finder = Fixed(
        x=[63.5], y=[63.5], score=[0.9], covariance=[np.diag([4.0, 1.0])], pulsar=[0.8],
        extent=[3.0],
    )  # fmt: skip
    cube = smallskies.cube(smallskies.power_laws(smallskies.LON, smallskies.LAT, 1e-9))
    (row,) = SourceDetector(finder, photometry=False).run(cube).table
    assert row["ML_Ext_Size"] == pytest.approx(0.3)
    assert row["Conf_68_SemiMajor"] == pytest.approx(0.2 * 1.5096, rel=1e-2)
    assert row["Conf_68_SemiMinor"] == pytest.approx(0.1 * 1.5096, rel=1e-2)
    assert row["ML_Prob_PSR"] == pytest.approx(0.9 * 0.8) and row["ML_Class"] == "PSR"
    assert row["ML_Model"] == "fixed" and row["ML_Localizer"] == ""
    (measured,) = SourceDetector(finder).run(cube).table
    assert measured["ML_Ext_Size"] == pytest.approx(0.3)
    assert measured["Conf_68_SemiMajor"] < 0.1  # the photometry knows better


def test_what_a_finder_does_not_know_is_nan():
    cube = smallskies.cube(smallskies.power_laws(smallskies.LON, smallskies.LAT, 1e-9))
    finder = Fixed(x=[63.5], y=[63.5], score=[0.9])
    (row,) = SourceDetector(finder, photometry=False).run(cube).table
    assert np.isnan([row["ML_Ext_Size"], row["Conf_68_SemiMajor"], row["ML_Prob_PSR"]]).all()


def test_nonsense_of_a_finder_is_one_error():
    cube = smallskies.cube(smallskies.power_laws(smallskies.LON, smallskies.LAT, 1e-9))
    with pytest.raises(InputError, match="network fixed: score 7 is not between 0 and 1"):
        SourceDetector(Fixed(x=[1.0], y=[1.0], score=[7.0])).run(cube)


BROKEN = """
class Finder:
    name, localizer, identity, operating = "other", "", "1", {}
    def find(self, features): return None
class Uncalibrated(Finder):
    name, operating = "uncalibrated", {"score": {"intercept": 1.0, "slopes": [1.0]}}
class Empty: pass
class Listed(Finder):
    name, operating = "listed", [0.5]
def crash(): raise KeyError("weights")
def locate(maps, threshold, radius): return []
"""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("misnamed", "calls itself 'other'"),
        ("empty", "lacks find, name, localizer, identity, operating"),
        ("crash", "cannot be made: KeyError: 'weights'"),
        ("number", "cannot be loaded: AttributeError"),
        ("uncalibrated", "operating is wrong: KeyError: 'threshold'"),
        ("listed", "operating is wrong: AttributeError"),
    ],
)
def test_a_broken_finder_of_another_package_is_named_with_it(name, message, tmp_path):
    finders = {
        "misnamed": ":Finder", "empty": ":Empty", "crash": ":crash",
        "number": ":absent", "uncalibrated": ":Uncalibrated", "listed": ":Listed",
    }  # fmt: skip
    plugins.write(tmp_path / "site", "broken-parts", BROKEN, finders=finders)
    with (
        plugins.on_path(tmp_path / "site"),
        pytest.raises(InputError, match=f"^network '{name}' of package broken-parts {message}"),
    ):
        load_finder(name)


def test_a_localizer_that_gives_no_positions_is_named(tmp_path):
    plugins.write(tmp_path / "site", "broken-parts", BROKEN, localizers={"none": ":locate"})
    architecture = SimpleNamespace(LOCALIZER="none", RADIUS=1.0)
    network = SimpleNamespace(
        architecture=architecture, maps=lambda features: {"probability": features[..., 0]}
    )
    with plugins.on_path(tmp_path / "site"):
        assert "none" in LOCALIZERS
        with pytest.raises(InputError, match="localizer 'none': does not return x, y, score"):
            HeatmapFinder(network).find(FEATURES)
