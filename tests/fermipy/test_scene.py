"""Images of sources that move: the best position of one, among others."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from makers import fakefermipy
from makers.fakefermipy import KNOWN, Sky

from fermiml.fermipy import engine
from fermiml.fermipy.scene import Scene, best_loglike

OTHER = "S"


@pytest.fixture
def gta(monkeypatch):
    """The known source, where the model has it, and one 0.4 deg west of it that is elsewhere."""
    fakefermipy.install(monkeypatch)
    other = fakefermipy.Source(OTHER, SkyCoord(14.6, 0.02, unit="deg"))
    other.true = SkyCoord(14.56, 0.07, unit="deg")
    return fakefermipy.Analysis({}, [fakefermipy.known(), other])


def test_a_source_moves_to_where_its_counts_are(gta):
    engine.localize(gta, Scene(gta, [KNOWN, OTHER]), OTHER, 0.04)
    source = gta.roi[OTHER]
    assert source.skydir.separation(source.true).deg < 2e-3 and gta.consistent()
    # Two components see it; pixels of 0.1 deg blur it.
    error = np.hypot(Sky.WIDTH, 0.1 / np.sqrt(12)) / np.sqrt(2 * Sky.NPRED)
    assert source["pos_err"] == pytest.approx(error, rel=0.1)
    assert source["pos_r95"] == pytest.approx(2.4477 * source["pos_err"], rel=1e-3)


def test_sources_found_before_are_where_they_were_found(gta):
    """Else the counts of one that is elsewhere would draw its neighbour towards them."""
    scene = Scene(gta, [KNOWN, OTHER])
    drawn, _ = Scene(gta, [KNOWN, OTHER]).localize(KNOWN, 0.04)
    scene.localize(OTHER, 0.04)
    place, _ = scene.localize(KNOWN, 0.04)
    true = gta.roi[KNOWN].true
    assert place.separation(true).deg < 2e-3 < drawn.separation(true).deg


def test_a_source_without_a_maximum_stays(gta):
    source = gta.roi[OTHER]
    before, source.true = source.skydir, SkyCoord(10.0, 0.0, unit="deg")
    scene = Scene(gta, [KNOWN, OTHER])
    with pytest.raises(engine.FitFailed, match="no maximum"):
        engine.localize(gta, scene, OTHER, 0.04)
    assert source.skydir.separation(before).deg < 1e-9 and gta.consistent()


def test_the_norm_of_an_image_is_that_of_the_largest_log_likelihood():
    random = np.random.default_rng(3)
    rest, image = random.uniform(0.1, 1, (2, 500))
    for true in (0.0, 0.5, 30.0):
        counts = random.poisson(rest + true * image)
        seen = counts > 0
        found = best_loglike(counts[seen], rest[seen], image[seen], image.sum())
        norms = np.linspace(0, 40, 4001)[:, None]
        model = rest + norms * image
        scanned = (counts * np.log(model)).sum(axis=1) - (norms * image).sum(axis=1)
        assert found == pytest.approx(scanned.max(), abs=2e-2)
