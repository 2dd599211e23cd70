"""The simulator against real LAT data: expected counts, livetime cubes, official models."""

import numpy as np
import pytest

from fermiml.model import convolve, diffuse, point_sources
from fermiml.model.observation import Observation
from fermiml.simulate import fields, sky_settings
from fermiml.sky.cube import SkyCube

pytestmark = pytest.mark.latdata


def official(latdata):
    """The coarse official model with the fine structure of another map."""
    folder = latdata / "diffuse"
    return diffuse.galactic_cube(
        folder / "gll_iem_v07_allsky_1p5deg_fixed.fits",
        fine=folder / "modelO_2to20GeV_nside128.fits.gz",
    )


def test_real_counts_are_those_of_4fgl_and_diffuse(latdata):
    """real/j2024_ft1, nothing fitted: every native bin group within 10 % or 2.5 sigma."""
    pytest.importorskip("fermipy")
    from fermiml.model import from_catalog

    cube = SkyCube.read(latdata / "real" / "j2024_ft1" / "ft1.fits.gz", binsz=0.2)
    component = cube.components[0]
    observation = Observation.like(component)
    isotropic = diffuse.isotropic_file(latdata / "diffuse" / "iso_P8R2_SOURCE_V6_v06.txt")
    sources = from_catalog.own_sources(from_catalog.find("4FGL-DR4"))[0].within(
        component.center, 15
    )
    expected = (
        convolve.expect(observation, official(latdata).intensity)
        + convolve.expect(observation, isotropic.intensity)
        + point_sources.total(observation, sources)
    )
    inside = component.mask
    seen = component.counts.data[:, inside].sum(axis=1, dtype=float)
    model = expected[:, inside].sum(axis=1)
    for group in np.array_split(np.arange(len(seen)), 5):
        allowed = max(0.1 * model[group].sum(), 2.5 * np.sqrt(model[group].sum()))
        assert abs(seen[group].sum() - model[group].sum()) < allowed


def test_the_embedded_model_is_the_official_one_made_coarse(latdata):
    """Against the file that it was derived from, |b| > 5 deg: 3 % rms, no bias."""
    lon, lat = np.random.default_rng(1).uniform((-180, 5), (180, 80), (500, 2)).T
    ratio = diffuse.embedded_galactic().intensity(lon, lat, [1e3, 1e4])
    ratio = ratio / official(latdata).intensity(lon, lat, [1e3, 1e4])
    assert np.std(ratio) < 0.03
    assert np.mean(ratio) == pytest.approx(1, abs=0.01)


def test_livetime_cube_gives_the_exposure(latdata, tmp_path):
    """Four years of survey: good time and counts as from an estimate for the same time."""
    counts = []
    for observation in (
        {"livetime_cube": str(latdata / "exposure" / "ltcube_4yr.fits")},
        {"years": 4},
    ):
        settings = sky_settings.check(
            {
                "sky": {"centers": [[100, 40]], "width": 4},
                "energy": {"edges": [1000, 3000, 10000]},
                "observation": observation,
                "population": {"preset": "none"},
            }
        )
        setup = fields.prepare(settings)
        ((_, geom),) = fields.geometries(settings)
        (field,), _ = fields.simulate_field(setup, geom, np.random.default_rng(1))
        counts.append(field.expected.sum())
    assert counts[0] == pytest.approx(counts[1], rel=0.1)
