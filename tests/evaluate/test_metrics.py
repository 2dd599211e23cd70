"""Metrics of detection: on positions and numbers of which the answer is known."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from fermiml.evaluate import metrics


def sky(lon, lat):
    return SkyCoord(np.atleast_1d(lon), np.atleast_1d(lat), unit="deg", frame="galactic")


def compare(detected, score, true, ts):
    everywhere = np.ones(len(detected), bool), np.ones(len(true), bool)
    return metrics.Matching.of(detected, score, everywhere[0], true, ts, everywhere[1])


def circles(number, radius):
    """Round error ellipses of 1 sigma."""
    return np.full(number, radius), np.full(number, radius), np.zeros(number)


def test_match_prefers_the_source_that_explains_the_detection():
    """A bright source 0.2 deg away wins over a faint one closer by; each is taken once."""
    true = sky([10.0, 10.25], [5.0, 5.0])
    detected = sky([10.2, 10.05], [5.0, 5.0])
    assert list(metrics.match(detected, true, np.array([1000.0, 10.0]))) == [1, 0]
    assert list(metrics.match(detected[:1], true, np.array([1000.0, 10.0]))) == [0]
    assert list(metrics.match(detected[:1], true, np.array([15.0, 10.0]))) == [1]


def test_match_needs_a_source_of_ts_9_within_the_radius():
    true = sky([10.0, 20.0], [5.0, 5.0])
    detected = sky([10.0, 20.31], [5.0, 5.0])
    assert list(metrics.match(detected, true, np.array([8.9, 100.0]))) == [-1, -1]
    assert metrics.match(sky([], []), true, np.ones(2)).shape == (0,)
    assert list(metrics.match(detected, sky([], []), np.ones(0))) == [-1, -1]


def test_brightest_wins_where_that_is_asked_for():
    true, ts = sky([10.0, 10.02], [5.0, 5.0]), np.array([100.0, 30.0])
    assert metrics.match_brightest(sky(10, 5), true, ts, flux=[1e-9, 2e-9]) == [1]
    assert metrics.match_brightest(sky(10, 5), true, ts, flux=[2e-9, 1e-9]) == [0]


@pytest.fixture(scope="module")
def random_sky():
    """200 true sources of TS 30, 150 of them found, and 50 false detections of lower score."""
    rng = np.random.default_rng(1)
    lon, lat = (a.ravel() for a in np.meshgrid(np.arange(0, 100, 5.0), np.arange(20, 70, 5.0)))
    order = rng.permutation(200)
    true = sky(lon[order] + 2.5, lat[order] + 2.5)
    lon, lat = true.galactic.l.deg, true.galactic.b.deg
    detected = sky(np.append(lon[:150], lon[:50]), np.append(lat[:150] + 0.05, lat[:50] + 1))
    score = np.concatenate([rng.uniform(0.5, 1, 150), rng.uniform(0, 0.6, 50)])
    return compare(detected, score, true, np.full(200, 30.0))


def test_purity_and_completeness(random_sky):
    """At no threshold at all 150 of 200 detections match; at 95 % purity the false ones go."""
    thresholds = np.linspace(0, 1, 201)
    tally = random_sky.tally(thresholds)
    assert tally.purity()[0] == pytest.approx(0.75)
    assert tally.completeness()[0] == pytest.approx(0.75)
    column = tally.at_purity()
    assert tally.purity()[column] >= 0.95 > tally.purity()[column - 1]
    expected = np.mean(np.arange(200) < 150) * np.mean(random_sky.score[:150] >= thresholds[column])
    assert tally.completeness_at_purity() == pytest.approx(expected)
    plane = random_sky.tally(thresholds, "|b|<10")
    assert plane.true.sum() == 0 and np.isnan(plane.completeness_at_purity())


def test_bootstrap_interval_is_that_of_a_binomial(random_sky):
    """Sources 5 deg apart are independent: one in a cell, or thereabouts."""
    tally = random_sky.tally([0.0])
    value, low, high = metrics.bootstrap(tally, lambda t: t.completeness()[0], number=2000)
    assert value == pytest.approx(0.75)
    assert 0.5 * (high - low) == pytest.approx(np.sqrt(0.75 * 0.25 / 200), rel=0.25)
    assert low < 0.75 < high


def test_what_is_at_the_edge_counts_neither_way():
    """An edge source may explain a detection, and an edge detection may find a source."""
    true, ts = sky([10.0, 20.0, 30.0], [25.0] * 3), np.full(3, 100.0)
    detected = sky([10.1, 20.1, 31.0], [25.0] * 3)
    one = metrics.Matching.of(
        detected, np.ones(3), [True, False, False], true, ts, [False, True, True]
    )
    tally = one.tally([0.5])
    assert (tally.detections.sum(), tally.matched.sum()) == (1, 1)
    assert (tally.true.sum(), tally.found.sum()) == (2, 1)


def test_lower_scores_take_no_source_from_higher_ones():
    """Below the threshold a closer detection does not exist."""
    true, ts = sky(10, 25), np.array([100.0])
    detected = sky([10.2, 10.0], [25.0, 25.0])
    one = compare(detected, np.array([0.9, 0.1]), true, ts)
    assert list(one.rows()) == [-1, 0]
    assert list(one.rows(0.5)) == [0, -1]


def test_chance_matches_follow_the_density():
    """1 - exp(-density x area of the match) of random sources; shifted detections are random."""
    rng = np.random.default_rng(3)
    number, area = 6000, 80 * 20.0
    true = sky(
        rng.uniform(0, 80, number), np.degrees(np.arcsin(rng.uniform(-0.1736, 0.1736, number)))
    )
    rate = metrics.chance_rate(
        true[:2000], lambda p: (p.galactic.l.deg > 1) & (p.galactic.l.deg < 79), true,
        np.full(number, 20.0),
    )  # fmt: skip
    density = number / area
    # One to one, a crowd of detections shares the sources.
    assert rate < 1 - np.exp(-density * np.pi * 0.09)
    sparse = metrics.chance_rate(true[:200], lambda p: np.ones(len(p), bool), true[200:800],
                                 np.full(600, 20.0))  # fmt: skip
    assert sparse == pytest.approx(600 / area * np.pi * 0.09, rel=0.5)


def test_flux_at_a_completeness():
    """A step of the completeness at 1e-9 is found where it is."""
    rng = np.random.default_rng(2)
    flux = 10 ** rng.uniform(-11, -7, 4000)
    found = rng.random(4000) < np.where(flux > 1e-9, 0.99, 0.3)
    assert metrics.flux_at(0.9, flux, found) == pytest.approx(1e-9, rel=0.1)
    found[np.argsort(flux)[-100:-70]] = np.arange(30) < 26  # a few bright ones in bad places
    assert metrics.flux_at(0.9, flux, found) == pytest.approx(1e-9, rel=0.1)
    assert np.isnan(metrics.flux_at(0.9, flux, np.zeros(4000)))
    assert np.isnan(metrics.flux_at(0.9, [], []))


def test_ellipses_hold_what_they_should():
    """Gaussian offsets of turned ellipses: 68 and 95 % within."""
    rng = np.random.default_rng(4)
    number, major, minor, angle = 4000, 0.05, 0.02, 35.0
    true = sky(rng.uniform(0, 360, number), rng.uniform(-85, 85, number)).fk5
    along, across = rng.normal(0, major, number), rng.normal(0, minor, number)
    offset, direction = np.hypot(along, across), angle + np.degrees(np.arctan2(across, along))
    detected = true.directional_offset_by(direction * u.deg, offset * u.deg)
    ellipses = np.full(number, major), np.full(number, minor), np.full(number, angle)
    result = metrics.localisation(detected, ellipses, true)
    assert result["within_68"][0] == pytest.approx(0.68, abs=0.025)
    assert result["within_95"][0] == pytest.approx(0.95, abs=0.012)
    assert result["median"] == pytest.approx(np.median(offset), rel=0.01)
    low, high = result["within_95"][1:]
    assert low < result["within_95"][0] < high


def test_real_is_a_source_within_the_ellipse():
    detected = sky([10.0, 20.0, 30.0], [5.0] * 3)
    true, ts = sky([10.0, 20.0, 30.0], [5.1, 5.1, 5.1]), np.array([5.0, 3.0, 100.0])
    major, minor, angle = circles(3, 0.1 / 2)
    minor[2], major[2] = 0.001, 0.2
    angle[2] = 90.0  # along the parallel of FK5, not towards the source
    real = metrics.is_real(detected, (major, minor, angle), true, ts)
    assert list(real[:2]) == [True, False]
    assert not metrics.is_real(detected, circles(3, 0.1 / 4), true, ts).any()


def test_reliability_of_honest_probabilities():
    rng = np.random.default_rng(5)
    probability = rng.uniform(0, 1, 20000)
    rows = metrics.reliability(probability, rng.random(20000) < probability)
    assert len(rows) == 10 and np.ptp([r["number"] for r in rows]) <= 1
    for row in rows:
        assert row["real"][0] == pytest.approx(row["mean"], abs=0.04)
    assert metrics.reliability([], []) == []


def test_classes():
    """The confusion matrix has the true classes in rows; unmatched detections are FAKE."""
    class1 = ["bll", "PSR", "MSP", "fsrq", "snr", "unk"]
    true = metrics.true_classes([0, 1, 2, 3, -1, 4, 5], class1)
    assert list(true) == ["AGN", "PSR", "PSR", "AGN", "FAKE", "SNR", ""]
    matrix = metrics.confusion(true, ["AGN", "PSR", "AGN", "SNR", "AGN", "SNR", "OTH"])
    assert matrix.sum(axis=1).tolist() == [2, 2, 1, 0, 1]
    assert matrix[0].tolist() == [1, 0, 1, 0, 0] and matrix[4].tolist() == [1, 0, 0, 0, 0]
    assert metrics.balanced_accuracy(matrix) == pytest.approx(0.5)


def test_false_sources_per_area():
    rate = metrics.false_per_1000_deg2([0.2, 0.6, 0.9], area=500.0, thresholds=[0.0, 0.5, 0.95])
    assert rate.tolist() == [6.0, 4.0, 0.0]


def test_pulls_of_gaussian_errors():
    rng = np.random.default_rng(6)
    error = rng.uniform(1, 2, 5000)
    result = metrics.pulls(10 + rng.normal(0, error), error, np.full(5000, 10.0))
    assert result["mean"] == pytest.approx(0, abs=0.05)
    assert result["width"] == pytest.approx(1, abs=0.05)
