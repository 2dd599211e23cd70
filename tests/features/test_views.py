"""The network input of a whole cube, with and without a band below 500 MeV."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from makers import latfiles as lat

from fermiml import SkyCube
from fermiml.detect.explain import explain
from fermiml.detect.sky_maps import features as feature_maps
from fermiml.features.patch_features import LABELS, LOW_LABELS, N_ALL, N_FEATURES
from fermiml.features.views import Views


class LowFinder:
    """Looks at the low band only, at what its matched filter shows."""

    name, localizer, identity, operating, low = "low", "", "low", {}, True

    def heatmap(self, features):
        return 1 / (1 + np.exp(5 - features[..., N_FEATURES]))


def cube_from(tmp_path, edges):
    counts = lat.poisson((len(edges) - 1, 60, 80), mean=3.0)
    cuts = lat.cuts(energy=(edges[0], edges[-1]))
    lat.write_ccube(tmp_path / "cube.fits", counts, edges=edges, listed=cuts)
    return SkyCube.read(tmp_path / "cube.fits")


@pytest.mark.parametrize(
    "edges", [np.geomspace(100, 1e6, 17), [60, 250, 500, 1e3, 3e4], [300, 480, 1e3, 2e3, 1e6]]
)
def test_any_binning_that_reaches_below_500_mev_has_a_low_band(edges, tmp_path):
    cube = cube_from(tmp_path, np.array(edges, float))
    five, six = Views(cube)[0].features, Views(cube, low=True)[0].features
    assert np.array_equal(six[..., :N_FEATURES], five)
    assert six.shape[-1] == N_ALL and np.all(np.isfinite(six))
    observed = five[..., LABELS.index("covered 0.5-1 GeV")] > 0
    assert observed.any() and np.all(six[observed][:, -1] > 0)


def test_a_low_band_is_absent_from_500_mev_on(tmp_path):
    cube = cube_from(tmp_path, np.geomspace(500, 1e6, 12))
    features = Views(cube, low=True)[0].features
    assert features.shape[-1] == N_ALL and not features[..., N_FEATURES:].any()


def test_what_a_finder_looks_at_is_what_it_is_shown(tmp_path):
    """In maps of features and in explanations, whose bands are the five."""
    cube = cube_from(tmp_path, np.geomspace(100, 1e5, 13))
    assert list(feature_maps(cube, LowFinder())) == [*LABELS, *LOW_LABELS]
    center = SkyCoord(cube.components[0].center)
    found = explain(center, Views(cube, low=True), LowFinder())
    assert len(found.counts) == len(found.significance) == len(found.without) == 5
    assert np.allclose(found.saliency, 0)  # what it looks at is not taken away
