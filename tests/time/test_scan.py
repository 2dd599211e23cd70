"""What is seen at one position: classes of photons, their expectation, windows with an excess."""

import numpy as np
import pytest

from fermiml.sky.times import DAY
from fermiml.time import excess, peak_windows, scan
from fermiml.time.false_alarms import DEFAULT_RATE, FalseAlarms
from fermiml.time.photon_cells import PhotonCells, mean_counts
from fermiml.time.windows import Ladder

SIDE, BINS, DAYS = 41, 2, 200
LADDER = Ladder.of((0.0, DAYS * DAY), lambda time: time, DAY, 8 * DAY)
MASK = np.ones((SIDE, SIDE), bool)


def _stamp():
    """Gaussians of 3 pixels and 1 pixel, with three quarters and a quarter of the photons."""
    y, x = np.mgrid[-10:11, -10:11]
    planes = [part * np.exp(-(x**2 + y**2) / 2 / s**2) / (2 * np.pi * s**2)
              for part, s in ((0.75, 3.0), (0.25, 1.0))]  # fmt: skip
    return np.stack(planes, axis=-1)


def _cells(rng, density=(2.0, 0.3), flare=0):
    """Photons spread evenly, and those of a flare in the middle, on days 50 to 54."""
    number = rng.poisson(np.array(density) * SIDE**2)
    x, y = rng.uniform(-0.5, SIDE - 0.5, (2, number.sum()))
    energy_bin = np.repeat([0, 1], number)
    time = rng.uniform(0, DAYS * DAY, number.sum())
    width = np.where(np.arange(flare) % 4 == 3, 1.0, 3.0)
    x, y = (np.append(v, 20 + width * rng.normal(size=flare)) for v in (x, y))
    energy_bin = np.append(energy_bin, np.where(width == 1, 1, 0))
    time = np.append(time, rng.uniform(50 * DAY, 54 * DAY, flare))
    return PhotonCells.of(MASK.shape, BINS, x, y, energy_bin, LADDER.step_of(time), time)


def _view(cells):
    mean = mean_counts(cells.counts(), MASK, np.array([1.0, 0.3]), 0.1)
    return scan.look(cells, mean, _stamp(), 20, 20, LADDER.steps)


def test_cells_keep_all_photons_in_any_rows():
    cells = _cells(np.random.default_rng(1))
    counts = cells.counts()
    part = cells.rows(10, 20)
    assert part.counts().sum() == counts[10:20].sum() == len(part.cell)
    found = sum(s.stop - s.start for s in part.within(slice(12, 15), slice(3, 9)))
    assert found == counts[12:15, 3:9].sum()


def test_mean_is_that_of_an_even_sky_and_zero_off_the_mask():
    counts = np.random.default_rng(2).poisson(3.0, (60, 60, 1))
    mask = np.ones((60, 60), bool)
    mask[:, :20] = False
    mean = mean_counts(counts, mask, np.array([0.5]), 0.1)
    assert np.all(mean[~mask] == 0)
    assert mean[mask].mean() == pytest.approx(3.0, rel=0.02)
    assert mean[mask].std() < 0.5


def test_classes_hold_the_source_and_all_its_photons():
    cells = _cells(np.random.default_rng(3))
    view = _view(cells)
    assert view.seen == pytest.approx(view.by_bin.sum(), rel=1e-5)
    assert 0.9 < view.seen <= 1
    assert view.counts[-1].sum() == np.sum(cells.counts()[view.rows, view.columns]
                                           * (view.number < scan.CLASSES))  # fmt: skip
    ratio = view.signal / view.mean
    assert np.all(np.diff(ratio[view.mean > 0.1]) < 0)  # the clearest first


def test_background_is_that_of_the_rest_of_the_time():
    view = _view(_cells(np.random.default_rng(4), flare=60))
    window = view.counts[108] - view.counts[100]
    expected = view.background(window, 4 / DAYS)
    assert window.sum() > 60
    assert expected.sum() == pytest.approx(4 / DAYS * view.mean.sum(), rel=0.1)
    assert np.all(view.background(0 * window, 4 / DAYS) >= expected)


def test_the_window_of_a_flare_has_the_largest_excess():
    view = _view(_cells(np.random.default_rng(5), flare=40))
    least, systematic = np.full(len(LADDER.lengths), 20.0), np.zeros(len(LADDER.lengths))
    found = scan.windows_at(view, LADDER, least, systematic)
    number, first, ts = found[np.argmax(found[:, 2])]
    assert LADDER.seconds[int(number)] == 4 * DAY
    assert first * LADDER.step == 50 * DAY
    assert ts > 100


def test_steady_sources_have_no_excess():
    view = _view(_cells(np.random.default_rng(6), density=(200.0, 30.0)))
    least, systematic = np.full(len(LADDER.lengths), 25.0), np.zeros(len(LADDER.lengths))
    assert not len(scan.windows_at(view, LADDER, least, systematic))


def test_a_flare_has_one_peak():
    """Its windows of other lengths, times and places go with the best; another time does not."""
    found = np.array([
        [20, 20, 2, 100, 90.0], [20, 22, 2, 104, 60.0], [22, 20, 3, 96, 70.0],
        [20, 20, 0, 300, 40.0],
    ])  # fmt: skip
    alarms = FalseAlarms(-6.0, 0.5, 0.45)
    selected = peak_windows.select(found, LADDER, alarms.ln_rate, 0.1)
    assert [peak.ts for peak in selected] == [90.0, 40.0]
    assert selected[0].times(LADDER) == (50 * DAY, 54 * DAY)


def test_rates_of_false_alarms():
    alarms = FalseAlarms.load()
    length = np.array([1.0, 30.0, 256.0]) * DAY
    least = alarms.least(length, DEFAULT_RATE)
    assert np.allclose(alarms.ln_rate(length, least), np.log(DEFAULT_RATE))
    assert np.all(np.diff(least) < 0)  # there are more short windows
    assert np.all((least > 15) & (least < 45))


def test_the_cheap_bound_sorts_out_no_window_with_an_excess():
    """Every window that the likelihood itself finds, without a bound, is told."""
    view = _view(_cells(np.random.default_rng(7), flare=15))
    least, systematic = np.full(len(LADDER.lengths), 8.0), np.full(len(LADDER.lengths), 0.1)
    told = {(number, first) for number, first, _ in
            scan.windows_at(view, LADDER, least, systematic)}  # fmt: skip
    expected = set()
    for number, (firsts, fractions) in enumerate(LADDER.windows):
        counts = view.counts[firsts + LADDER.lengths[number]] - view.counts[firsts]
        ratio = view.signal / (1.1 * view.background(counts, fractions))
        amplitude, ts = excess.maximum(counts, ratio, view.seen)
        enough = (ts > 8) & (amplitude * view.seen > scan.LEAST_PHOTONS)
        expected |= {(number, first) for first in firsts[enough]}
    assert told == expected and len(told) > 3
