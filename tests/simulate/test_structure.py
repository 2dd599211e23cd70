"""Structured gas: as strong as requested, where gas is, on the scales that were asked for."""

import healpy
import numpy as np
import pytest

from fermiml.errors import InputError
from fermiml.model import diffuse
from fermiml.model.diffuse import Diffuse
from fermiml.simulate import diffuse_models, sky_settings, structure

LON, LAT = healpy.pix2ang(128, np.arange(12 * 128**2), lonlat=True)
PLANE = (np.abs(LAT) < 1) & (np.abs((LON + 180) % 360 - 180) < 60)
POLES = np.abs(LAT) > 60


@pytest.fixture(scope="module")
def plain():
    return Diffuse("embedded", (diffuse.embedded_galactic(),))


def _ratio(plain, energy=2e3, seed=1, **settings):
    """Intensities with structure over those without."""
    made = structure.structured(plain, np.random.default_rng(seed), **settings)
    return made.intensity(LON, LAT, [energy])[0] / plain.intensity(LON, LAT, [energy])[0]


def test_structure_is_where_gas_is_and_the_same_at_all_energies(plain):
    """In the plane as strong as requested, hardly any at the poles; its mean is one."""
    low, high = (_ratio(plain, energy, rms=0.2) for energy in (1e3, 1e5))
    assert np.log(low[PLANE]).std() == pytest.approx(0.18, abs=0.03)
    assert np.log(low[POLES]).std() < 0.04
    assert low[PLANE].mean() == pytest.approx(1.0, abs=0.02)
    np.testing.assert_allclose(low, high, rtol=1e-6)


def test_structure_has_the_scales_asked_for(plain):
    """Nothing is left of it in pixels much larger than its largest scale; a seed repeats it."""
    ratio = _ratio(plain, rms=0.2, largest=1.0)
    assert np.log(healpy.ud_grade(ratio, 16)).std() < 0.2 * np.log(ratio).std()
    assert np.array_equal(ratio, _ratio(plain, rms=0.2, largest=1.0))
    with pytest.raises(InputError, match="smallest, 3 deg, is not below largest"):
        _ratio(plain, smallest=3.0)


def test_clumps_and_filaments_only_add_and_follow_the_gas(plain):
    ratio = _ratio(plain, rms=0.0, clumps=300, filaments=60)
    assert ratio.min() > 0.99
    bright = ratio > 1.2
    assert bright[PLANE].mean() > 20 * bright[POLES].mean() > 0
    patches = healpy.ud_grade(bright.astype(float), 64) > 0.3
    assert 50 < patches.sum() < 1500  # small, and not one large one


def test_structure_is_a_setting_of_a_simulation():
    """As YAML has it; what is not given has its default."""
    sky = {"centers": [[0, 0]]}
    given = {"sky": sky, "diffuse": {"structure": {"rms": 0.2, "clumps": 10}}}
    settings = sky_settings.check(given)["diffuse"]
    model, sources = diffuse_models.galactic(settings, np.random.default_rng(1))
    assert model.name == "embedded, structured"
    assert len(sources) == 0
    given["diffuse"]["structure"]["rsm"] = 1
    with pytest.raises(InputError, match=r"structure\.rsm: allowed are rms, slope, smallest"):
        sky_settings.check(given)
