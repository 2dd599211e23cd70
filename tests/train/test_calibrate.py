"""Operating points: calibration and threshold from skies of which the truth is known."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table
from makers import matchedfilter

from fermiml.detect import calibration
from fermiml.errors import InputError
from fermiml.train import calibrate


def sample(seed, sources=80, fakes=120):
    """Sources on a grid, nearly all proposed with high scores; fakes between them with low ones."""
    rng = np.random.default_rng(seed)
    lon, lat = np.meshgrid(np.arange(10.0), np.arange(8.0) + 30 * seed)
    true = SkyCoord(lon.ravel(), lat.ravel(), unit="deg", frame="galactic")
    fake = SkyCoord(
        rng.uniform(0, 9, fakes) // 1 + 0.5, rng.integers(0, 7, fakes) + 0.5 + 30 * seed,
        unit="deg", frame="galactic",
    )  # fmt: skip
    real = np.arange(sources + fakes) < sources
    score = np.where(real, rng.beta(4, 2, len(real)), rng.beta(2, 4, len(real)))
    ts = np.where(real, rng.gamma(4, 15, len(real)), rng.gamma(2, 5, len(real)))
    position = SkyCoord(
        np.append(true.l.deg, fake.l.deg), np.append(true.b.deg, fake.b.deg),
        unit="deg", frame="galactic",
    )  # fmt: skip
    everywhere = np.ones(len(real), bool)
    return calibrate.Sample(
        position,
        everywhere,
        score,
        Table({"ML_TS": ts, "ML_TS_Ext": 0 * ts, "Npred": 30 * np.sqrt(ts)}),
        real,
        real,
        true,
        np.full(sources, 40.0),
        np.ones(sources, bool),
    )


def test_the_threshold_keeps_the_purity_and_the_probability_is_true():
    samples = [sample(seed) for seed in range(3)]
    for mode in calibration.MODES:
        point = calibrate._point(samples, mode)
        probability = np.concatenate(
            [
                calibration.probability(
                    s.score, s.measured if mode == "photometry" else None, point
                )
                for s in samples
            ]
        )
        real = np.concatenate([s.real for s in samples])
        above = probability >= point["threshold"]
        assert real[above].mean() >= 0.95
        assert real[above].sum() / real.sum() == pytest.approx(point["completeness"], abs=0.02)
        assert probability.mean() == pytest.approx(real.mean(), abs=0.03)
        assert point["sources"] == 240


def test_the_ts_of_the_photometry_makes_detection_more_complete():
    samples = [sample(seed) for seed in range(3)]
    found = {mode: calibrate._point(samples, mode)["completeness"] for mode in calibration.MODES}
    assert found["photometry"] > found["score"] + 0.05


@pytest.mark.parametrize("photometry", [True, False])
def test_without_photometry_the_score_alone_is_calibrated(photometry, monkeypatch):
    def of(sky, detector):
        assert detector.photometry == photometry
        return sample(sky) if photometry else replace(sample(sky), measured=None)

    monkeypatch.setattr(calibrate, "fields_of", lambda skies: skies)
    monkeypatch.setattr(calibrate, "read_sky", lambda field, background: field)
    monkeypatch.setattr(calibrate.Sample, "of", of)
    points = calibrate.operating_points(matchedfilter.finder(), range(3), photometry=photometry)
    assert set(points) == ({"photometry", "score"} if photometry else {"score"})
    assert points["score"] == calibrate._point([sample(seed) for seed in range(3)], "score")


def test_skies_without_truth_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"no simulated fields \(truth.fits\)"):
        calibrate.operating_points(matchedfilter.finder(), tmp_path)
    alone = sample(0)
    nothing = calibrate.Sample(*(getattr(alone, name) for name in alone.__dataclass_fields__))
    object.__setattr__(nothing, "real", np.zeros(len(alone.real), bool))
    with pytest.raises(InputError, match="no real or no false candidates"):
        calibrate._point([nothing], "score")
