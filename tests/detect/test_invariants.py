"""Tables that contradict themselves do not leave the detector."""

import numpy as np
import pytest
from astropy.table import Table
from makers import latfiles as lat

from fermiml import SkyCube
from fermiml.detect.invariants import assert_sound
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
    ],
)
def test_what_is_not_is_told(cube, columns, message):
    with pytest.raises(FermimlError, match=f"please report it: {message}"):
        assert_sound(sources(**columns), cube)


def test_lost_counts_are_told(cube, monkeypatch):
    bands = cube.bands()
    bands[0].counts[0][3, 4] += 1000
    monkeypatch.setattr(SkyCube, "bands", lambda self: bands)
    with pytest.raises(FermimlError, match="counts, its bands"):
        assert_sound(sources(), cube)
