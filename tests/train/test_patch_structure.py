"""Gas structure on training patches."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from fermiml.train import patch_structure

SIZE = 128
GAS, NO_GAS = 4000.0, 0.02  # galactic over isotropic counts


def blurred_by(sigma):
    """Fold with five Gaussian PSFs alike, sigma in pixels."""
    return lambda planes: np.array([gaussian_filter(p, sigma) for p in planes])


def factors(ratio, number=20, psf=0, largest=0.25):
    shape = 5, SIZE, SIZE
    draw = [
        patch_structure.draw(np.full(shape, ratio), np.ones(shape), blurred_by(psf), largest,
                             np.random.default_rng(seed))
        for seed in range(number)
    ]  # fmt: skip
    return np.array(draw)


@pytest.fixture
def no_clumps(monkeypatch):
    monkeypatch.setattr(patch_structure, "_CLUMPED", 0.0)


def test_gas_gets_the_structure_asked_for(no_clumps):
    rms = np.log(factors(GAS)[:, 0]).std(axis=(-2, -1))
    assert rms.max() < 0.25
    assert rms.mean() == pytest.approx(0.125, abs=0.04)


def test_counts_are_conserved_on_average(no_clumps):
    assert factors(GAS).mean() == pytest.approx(1.0, abs=0.01)


def test_emission_that_is_no_gas_stays_smooth(no_clumps):
    assert abs(factors(NO_GAS) - 1).max() < 0.005


def test_a_psf_smooths_the_structure(no_clumps):
    sharp, blurred = factors(GAS), factors(GAS, psf=5)
    assert blurred.std() < 0.8 * sharp.std()


def test_all_energies_share_the_structure():
    factor = factors(GAS, 1)[0]
    np.testing.assert_allclose(factor, factor[:1].repeat(5, axis=0), rtol=1e-4)


def test_clumps_are_where_it_is_bright(monkeypatch):
    monkeypatch.setattr(patch_structure, "_CLUMPED", 1.0)
    ratio = np.full((5, SIZE, SIZE), 100.0)
    ratio[..., SIZE // 2 :] = 1.0
    drawn = [
        patch_structure.draw(
            ratio, np.ones_like(ratio), blurred_by(0), 0.0, np.random.default_rng(s)
        )
        for s in range(20)
    ]
    added = np.array(drawn)[:, 0] - 1
    assert added.min() > -1e-5
    assert added[..., : SIZE // 2].sum() > 10 * added[..., 80:120].sum()
    assert added.max() > 0.5
