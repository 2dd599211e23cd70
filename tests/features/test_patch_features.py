"""What the networks see: background, matched filter, joint significance."""

import numpy as np
import pytest

from fermiml.features.local_background import SmoothBackground
from fermiml.features.patch_features import (
    LOW_PIXELS,
    N_ALL,
    N_FEATURES,
    PatchFeatures,
    joint_significance,
    unobserved,
)
from fermiml.response.psf import PSF

SIZE = 128
RAD = np.linspace(0, 3, 300)
FULL = np.ones((1, SIZE, SIZE), np.float32)


def gaussian_psf(width):
    return PSF(np.ones(1), RAD, np.exp(-0.5 * (RAD / width) ** 2)[None])


WIDTHS = (0.8, 0.5, 0.3, 0.15, 0.1)
PSFS = [gaussian_psf(width) for width in WIDTHS]


def source(band, counts, row=64, column=64):
    """Expected counts (band, y, x) of a source in one band."""
    y, x = np.mgrid[:SIZE, :SIZE]
    image = np.exp(-0.5 * ((y - row) ** 2 + (x - column) ** 2) * 0.01 / WIDTHS[band] ** 2)
    planes = np.zeros((5, SIZE, SIZE))
    planes[band] = counts * image / image.sum()
    return planes


def flat(level):
    return np.full((5, SIZE, SIZE), float(level))


def poisson(expected, seed=1):
    return np.random.default_rng(seed).poisson(expected).astype(np.float32)[None]


@pytest.mark.parametrize("level", [0.02, 0.3, 3.0])
def test_the_filter_of_pure_noise_is_about_a_unit_normal(level):
    """Mean zero; width one, and less only where there is less than a count within the PSF."""
    planes = PatchFeatures([PSFS], SIZE)(poisson(flat(level)), FULL, np.ones(5))
    significance = planes[10:15, 12:-12, 12:-12]
    assert np.all(np.abs(significance.mean(axis=(1, 2))) < 0.2)
    widths = significance.std(axis=(1, 2))
    assert np.all(widths < 1.15)
    assert np.all(widths[:2] > 0.5)  # the background follows a part of the noise


def test_a_bright_source_does_not_subtract_itself():
    """Below 1 GeV, where the PSF is as wide as the background's average."""
    expected = flat(2.0) + source(0, 20000)
    background = SmoothBackground(SIZE)(poisson(expected), np.ones((1, 5, SIZE, SIZE)))
    assert background[0, 0, 64, 64] == pytest.approx(2.0, abs=1.2)  # a plain average: 20
    assert background[0, 1, 64, 64] == pytest.approx(2.0, rel=0.1)


def test_a_given_background_keeps_its_structure_and_loses_its_wrong_norm():
    """A narrow filament, given at half its strength everywhere, is followed."""
    filament = flat(1.0)
    filament[:, 60:64] = 8.0
    counts = poisson(filament)
    make = SmoothBackground(SIZE)
    with_model = make(counts, 0.5 * filament[None])
    without = make(counts, np.ones_like(filament)[None])
    assert with_model[0, 2, 62].mean() == pytest.approx(8.0, rel=0.1)
    assert without[0, 2, 62].mean() < 4.0


def test_the_joint_significance_is_the_root_of_the_likelihood_ratio():
    """Of one band, with the known formula; of two, more than of either."""
    counts, background = np.array([[[30.0]]]), np.array([[[10.0]]])
    root = np.sqrt(2 * (30 * np.log(3) - 20))
    one = joint_significance(counts, background, [1.0])
    assert one[0, 0] == pytest.approx(root, rel=1e-3)
    both = joint_significance(np.repeat(counts, 2, 0), np.repeat(background, 2, 0), [1.0, 1.0])
    assert both[0, 0] == pytest.approx(root * np.sqrt(2), rel=1e-3)
    deficit = joint_significance(background, counts, [1.0])
    assert deficit[0, 0] == pytest.approx(-20 / np.sqrt(30), rel=1e-3)


def test_a_source_is_seen_with_its_significance():
    """The filter of the band, and the joint planes, against the Asimov TS."""
    signal = source(2, 60)
    expected = flat(0.5) + signal
    ts = 2 * np.sum(expected * np.log(expected / 0.5) - signal)
    rows = [
        PatchFeatures([PSFS], SIZE)(poisson(expected, seed), FULL, np.ones(5))[:, 64, 64]
        for seed in range(12)
    ]
    mean = np.mean(rows, axis=0)
    assert mean[12] == pytest.approx(np.sqrt(ts), rel=0.25)
    assert mean[20] > 0.5 * np.sqrt(ts)  # the other bands, without counts, speak against it


def test_an_absent_band_is_zero_and_counts_for_nothing():
    """All its channels, and its share of the joint significance, whatever the counts are."""
    covered = np.array([0, 1, 1, 1, 1.0])
    make = PatchFeatures([[None, *PSFS[1:]]], SIZE, exposure=covered[None])
    counts = poisson(flat(1.0))
    planes = make(counts, FULL, covered)
    counts[:, 0] = 0
    again = make(counts, FULL, covered)
    assert planes.shape == (N_FEATURES, SIZE, SIZE)
    assert np.all(planes[[0, 5, 10, 15]] == 0)
    assert np.all(np.isfinite(planes))
    assert np.array_equal(planes, again)


def test_components_of_a_good_psf_keep_their_worth():
    """Half of the events with a PSF half as wide: more significant than all with the wide one."""
    narrow = [gaussian_psf(0.5 * width) for width in WIDTHS]
    wide_source, y, x = source(2, 40), *np.mgrid[:SIZE, :SIZE]
    image = np.exp(-0.5 * ((y - 64) ** 2 + (x - 64) ** 2) * 0.01 / (0.5 * WIDTHS[2]) ** 2)
    narrow_source = np.zeros_like(wide_source)
    narrow_source[2] = 40 * image / image.sum()
    both, one = [], []
    for seed in range(8):
        first = poisson(flat(0.5) + wide_source, seed)
        second = poisson(flat(0.5) + narrow_source, 100 + seed)
        third = poisson(flat(0.5) + wide_source, 200 + seed)
        stack = np.concatenate([first, second])
        seen = np.repeat(FULL, 2, 0)
        both.append(PatchFeatures([PSFS, narrow], SIZE)(stack, seen, np.ones(5))[12, 64, 64])
        one.append(PatchFeatures([PSFS], SIZE)(first + third, FULL, np.ones(5))[12, 64, 64])
    assert np.mean(both) > 1.15 * np.mean(one)


def test_nothing_is_seen_at_the_rim_of_the_data():
    """A straight edge through a flat field makes no significance on either side."""
    coverage = FULL.copy()
    coverage[:, :, 80:] = 0
    counts = poisson(flat(2.0)) * coverage
    planes = PatchFeatures([PSFS], SIZE)(counts, coverage, np.ones(5))
    assert np.abs(planes[20]).max() < 6
    assert np.abs(planes[10:15, :, 70:90].mean(axis=(1, 2))).max() < 0.5


@pytest.mark.parametrize("present", [1.0, 0.3, 0.0])
def test_features_of_a_low_band_follow_the_others_and_do_not_change_them(present):
    rad = np.linspace(0, 20, 300)
    wide = PSF(np.ones(1), rad, np.exp(-0.5 * (rad / 2.0) ** 2)[None])
    y, x = np.mgrid[:SIZE, :SIZE]
    image = np.exp(-0.5 * ((y - 64) ** 2 + (x - 64) ** 2) * 0.01 / 2.0**2)
    five, low = flat(0.3), 20.0 + 20_000 * image / image.sum()
    counts = poisson(np.concatenate([five, low[None]]))
    covered = np.array([1, 1, 1, 1, 1, present])
    psf = [*PSFS, wide if present else None]
    planes = PatchFeatures([psf], SIZE)(counts * (covered > 0)[:, None, None], FULL, covered)
    alone = PatchFeatures([PSFS], SIZE)(counts[:, :5], FULL, np.ones(5))
    assert planes.shape == (N_ALL, SIZE, SIZE)
    assert np.array_equal(planes[:N_FEATURES], alone)
    significance, seen = planes[N_FEATURES:]
    assert np.all(seen == np.float32(present))
    if not present:
        assert not planes[N_FEATURES:].any()
        return
    cells = significance[::LOW_PIXELS, ::LOW_PIXELS]
    assert np.array_equal(significance, np.kron(cells, np.ones((LOW_PIXELS, LOW_PIXELS))))
    assert significance[64, 64] > 0.95 * significance.max() > 2
    assert np.array_equal(unobserved(np.moveaxis(planes, 0, -1))[-2:], [0, 0])
