"""The data change probabilities: only where they show structure, and smoothly."""

import numpy as np
import pytest

from fermiml import InputError
from fermiml.detect import field_prior
from fermiml.detect.field_prior import FieldPrior
from fermiml.sky.sphere import unit_vectors

PRIOR = FieldPrior(ratio=1.0, scatter=0.2, real=0.6, width=0.8)


def field(certain, middling, seed=1, at=0.0, width=10.0):
    """Probabilities and directions of candidates in a square."""
    rng = np.random.default_rng(seed)
    probability = np.concatenate([np.full(certain, 0.97), np.full(middling, 0.7)])
    x, y = rng.uniform(-width / 2, width / 2, (2, len(probability)))
    return probability, unit_vectors(x + at, y)


def factor(probability, vectors, prior=PRIOR):
    return prior.false_factor(probability, vectors)


def test_a_nominal_field_and_a_small_one_stay_as_they_are():
    """As many middling candidates as go with the certain ones, or too few to tell."""
    assert factor(*field(30, 30)).max() < 1.15
    assert factor(*field(0, 3, width=5.0)).max() < 1.15
    assert factor(*field(30, 0)).max() == 1.0  # room: nothing rises


def test_more_candidates_than_the_sky_can_hold_are_more_often_false():
    """The factor tends to that of the excess of false ones, and rises with the excess."""
    factors = [np.median(factor(*field(30, n))) for n in (30, 60, 90)]
    assert np.all(np.diff(factors) > 0.3)
    assert 1.5 < factors[-1] < 1 + 2 / 0.4  # 90 for 30: 60 more than 30, of which 12 are false
    large = np.median(factor(*field(300, 900, width=30.0)))
    assert large > factors[-1]  # the more candidates, the less the first belief matters


def test_only_the_surroundings_are_lowered():
    """A crowded field 40 deg away leaves this one alone."""
    quiet, crowded = field(30, 25), field(30, 90, seed=2, at=40.0)
    both = [np.concatenate(pair) for pair in zip(quiet, crowded, strict=True)]
    factors = factor(*both)
    assert factors[:55] == pytest.approx(factor(*quiet), abs=1e-6)
    assert np.median(factors[55:]) > 1.5


def test_lowered_probabilities_keep_their_order():
    probability = np.linspace(0, 1, 101)
    after = field_prior.lowered(probability, 2.5)
    assert after[[0, -1]] == pytest.approx([0, 1])
    assert np.all(np.diff(after) > 0) and np.all(after <= probability)
    assert field_prior.lowered(0.8, 2.0) == pytest.approx(2 / 3)  # odds of being false: 1/4, 1/2


def test_the_log_says_what_was_done():
    probability, vectors = field(30, 90)
    factors = factor(probability, vectors)
    words = field_prior.in_words(probability, field_prior.lowered(probability, factors), factors)
    assert "bit 512" in words and "times as frequent" in words
    assert field_prior.in_words(probability, probability, np.ones(120)) == ""


def test_the_numbers_come_from_a_file(tmp_path):
    shipped = FieldPrior.load()
    shipped.save(tmp_path / "prior.yaml", "how")
    assert FieldPrior.load(tmp_path / "prior.yaml") == shipped
    (tmp_path / "prior.yaml").write_text("ratio: 1\n")
    with pytest.raises(InputError, match="scatter is missing"):
        FieldPrior.load(tmp_path / "prior.yaml")
    assert factor(*field(30, 90), prior=field_prior.NEUTRAL).max() == pytest.approx(1.0, abs=1e-3)
