"""Images of sources: their norms, their TS, and the best position of one among others."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from makers import fakefermipy
from makers.fakefermipy import KNOWN, Sky

from fermiml.fermipy import options
from fermiml.fermipy.scene import Scene, reoptimized_ts
from fermiml.fermipy.trial import Trial

SEED = "S"
CONFIG = {key: value[0] for key, value in options.ML_SEED.items()}
START = SkyCoord(14.6, 0.02, unit="deg")  # 0.4 deg west of the known source


@pytest.fixture
def gta(monkeypatch):
    """The known source, where the model has it, and one near it that the model does not have."""
    fakefermipy.install(monkeypatch)
    hidden = fakefermipy.Source("hidden", SkyCoord(14.56, 0.07, unit="deg"))
    return fakefermipy.Analysis({}, [fakefermipy.known()], hidden=[hidden])


@pytest.fixture
def trial(gta):
    trial = Trial(gta, SkyCoord([START]), CONFIG)
    trial.put(SEED, START)
    trial.fit()
    return trial


def expected_ts(gta, place, *others):
    """TS of NPRED counts at a position, in two components, beside sources of the model."""
    sky = gta.components[0].sky
    rest, counts = sky.model([*others, "galdiff"]), Sky.NPRED * sky.image(place)
    return 4 * np.sum((rest + counts) * np.log1p(counts / rest) - counts)


def test_a_seed_has_the_ts_of_its_counts_and_the_model_stays(gta, trial):
    trial.localize(SEED, 0.04)
    trial.fit()
    place = gta.hidden[0].true
    assert trial.ts(SEED) == pytest.approx(expected_ts(gta, place, KNOWN), rel=0.05)
    given = trial.properties(SEED)
    assert given["Prefactor"] == pytest.approx(1e-12, rel=0.05)
    assert (given["ra"], given["dec"]) == pytest.approx((place.ra.deg, place.dec.deg), abs=2e-3)
    assert {s.name for s in gta.roi.sources} == {KNOWN, "galdiff"} and gta.consistent()
    assert not gta.fits


def test_a_seed_that_is_nothing_has_no_ts(trial):
    place = SkyCoord(10.0, 1.0, unit="deg")
    trial.put("nothing", place)
    trial.fit()
    assert trial.ts("nothing") == pytest.approx(0, abs=0.1)
    trial.drop("nothing")
    assert "nothing" not in trial.place


def test_a_seed_moves_to_where_its_counts_are(gta, trial):
    assert trial.localize(SEED, 0.04)
    assert trial.place[SEED].separation(gta.hidden[0].true).deg < 2e-3
    # Two components see it; pixels of 0.1 deg blur it.
    error = np.hypot(Sky.WIDTH, 0.1 / np.sqrt(12)) / np.sqrt(2 * Sky.NPRED)
    assert np.sqrt(np.diag(trial.covariance[SEED])) == pytest.approx(error, rel=0.1)


def test_others_are_where_they_were_found(gta):
    """Else the counts of one that is elsewhere would draw its neighbour towards them."""
    other = gta.roi[KNOWN].skydir
    gta.hidden.append(fakefermipy.Source("other", other))
    gta.roi.delete_sources([gta.roi[KNOWN]])
    away = []
    for order in (["other"], [SEED, "other"]):
        trial = Trial(gta, SkyCoord([START]), CONFIG)
        trial.put(SEED, START)
        trial.put("other", other)
        trial.fit()
        for name in order:
            trial.localize(name, 0.04)
        away.append(trial.place["other"].separation(other).deg)
    assert away[1] < 2e-3 < away[0]


def test_a_seed_without_a_maximum_stays(gta, trial):
    gta.hidden = []
    trial = Trial(gta, SkyCoord([START]), CONFIG)
    trial.put(SEED, START)
    trial.fit()
    assert not trial.localize(SEED, 0.04) and trial.place[SEED] is START
    assert SEED not in trial.covariance


def test_a_seed_has_the_spectrum_that_was_asked_for(gta):
    """Its index may only differ if it is free in the final fit."""
    for free, tilted in ((None, True), (["Prefactor"], False)):
        model = {"SpectrumType": "PowerLaw", "Scale": 1000.0}
        trial = Trial(gta, SkyCoord([START]), {**CONFIG, "free_params": free, "model": model})
        trial.put(SEED, START)
        trial.localize(SEED, 0.04)
        given = trial.properties(SEED)
        assert given["Scale"] == 1000.0 and ("Index" in given) == tilted


def test_a_seed_without_counts_is_added_with_a_small_flux(gta, trial):
    """As one of a catalog may be; gtlike needs a norm to begin with."""
    trial.put("nothing", SkyCoord(10.0, 1.0, unit="deg"))
    trial.fit()
    assert 0 < trial.properties("nothing")["Prefactor"] < 1e-13


def test_the_tilt_of_a_spectrum_is_that_of_the_counts():
    scene = Scene.__new__(Scene)
    energy = np.repeat(np.geomspace(1, 30, 8), 50)
    scene._energy, scene._middle = energy, np.unique(energy)
    values = 100 * energy**-1.0
    image = (values, 50 * 100 * scene._middle**-1.0)
    scene.counts, scene._rest = values * energy**-0.5, np.zeros(len(values))
    scene._images, scene.norms = {}, {SEED: 1.0}
    assert scene.best_tilt(SEED, image) == 0.5


def test_a_source_of_the_model_has_its_ts_with_the_others_fitted_without_it(gta):
    gta.hidden = []
    away = reoptimized_ts(gta, [KNOWN], 1.0)
    model = gta.components[0].sky.model([KNOWN, "galdiff"])
    # Without it, the diffuse emission would have all counts.
    assert away == pytest.approx(4 * np.sum(model * np.log(model / model.mean())), rel=1e-3)
    beside = fakefermipy.Source(SEED, SkyCoord(15.05, 0.02, unit="deg"))
    gta.roi.sources.append(beside)
    close = reoptimized_ts(gta, [KNOWN], 1.0)
    assert 0 < close < 0.5 * away  # the neighbour has taken most of its counts
