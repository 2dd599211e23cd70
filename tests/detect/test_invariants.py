"""Tables that contradict themselves do not leave the detector."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table
from makers import latfiles as lat

from fermiml import SkyCube
from fermiml.detect.invariants import assert_near, assert_sound
from fermiml.errors import FermimlError


@pytest.fixture
def cube(tmp_path):
    lat.write_ccube(tmp_path / "cube.fits")
    return SkyCube.read(tmp_path / "cube.fits")


def sources(**columns):
    good = {"RAJ2000": [1.0, 2.0], "DEJ2000": [-90.0, 90.0], "ML_Prob": [0.0, 1.0],
            "Flux1000": [np.nan, 1e-9], "ML_Flux_Band": np.full((2, 5), 1e-10)}  # fmt: skip
    return Table({**good, **columns})


def test_what_is_sound_passes(cube):
    assert_sound(sources(), cube)
    assert_sound(sources()[:0], cube)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"RAJ2000": [np.nan, 1]}, "a position is not on the sky"),
        ({"DEJ2000": [0, 91.0]}, "a position is not on the sky"),
        ({"ML_Prob": [0.5, 1.1]}, "ML_Prob is not between 0 and 1"),
        ({"ML_Prob": [0.5, np.nan]}, "ML_Prob is not known"),
        ({"ML_Prob_AGN": [-0.1, 0.5]}, "ML_Prob_AGN is not between 0 and 1"),
        ({"Flux1000": [np.inf, 1e-9]}, "Flux1000 is negative or infinite"),
        ({"ML_Flux_Band": np.full((2, 5), -1e-10)}, "ML_Flux_Band is negative or infinite"),
        ({"Conf_95_SemiMajor": [0.1, 0.2], "Conf_95_SemiMinor": [0.2, 0.1]}, "Conf_95 is no elli"),
        ({"Conf_68_SemiMajor": [np.inf, 1], "Conf_68_SemiMinor": [1, 1]}, "Conf_68 is infinite"),
        (
            {"ML_Prob_AGN": [0.5, 0.5], "ML_Prob_PSR": [0.5, 0.2], "ML_Prob_FAKE": [0.0, 0.2]},
            "ML_Prob_AGN, ML_Prob_PSR, ML_Prob_FAKE do not sum to 1",
        ),
    ],
)
def test_what_is_not_is_told(cube, columns, message):
    with pytest.raises(FermimlError, match=f"please report it: {message}"):
        assert_sound(sources(**columns), cube)


def test_a_source_that_walked_away_is_told():
    """Farther than photometry may move it, however large its own error is."""
    table = sources(DEJ2000=[10.0, 20.0], Conf_95_SemiMajor=[0.1, 0.9])
    seen = SkyCoord([1.0, 2.0], [10.3, 20.3], unit="deg", frame="fk5")
    assert_near(table, seen, 0.35)
    for row, dec in ((0, 10.4), (1, 20.4)):
        away = SkyCoord(table["RAJ2000"][row : row + 1], [dec], unit="deg", frame="fk5")
        with pytest.raises(FermimlError, match=r"is 0\.4 deg from the maximum that is its own"):
            assert_near(table[row : row + 1], away, 0.35)


def test_lost_counts_are_told(cube, monkeypatch):
    bands = cube.bands()
    bands[0].counts[0][3, 4] += 1000
    monkeypatch.setattr(SkyCube, "bands", lambda self: bands)
    with pytest.raises(FermimlError, match="counts, its bands"):
        assert_sound(sources(), cube)
