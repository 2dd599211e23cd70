"""Extended sources added to training patches."""

import numpy as np
import pytest
from makers.trainingfields import write_fields

from fermiml.model.sources import DISK, GAUSS, HOLE, RING
from fermiml.train import added_sources
from fermiml.train.training_patches import Randomisation, TrainingSet

PLAIN = {"exposure": (1, 1), "short": 0, "absent": 0, "partial": 0, "rim": 0, "coarse": 0}


@pytest.fixture(scope="module")
def fields(tmp_path_factory):
    return write_fields(tmp_path_factory.mktemp("fields"))


def patch_with(fields, extended, number=0):
    options = Randomisation(**PLAIN, galactic=0, isotropic=0, colour=0, extended=extended)
    return TrainingSet(fields, size=64, randomisation=options).patch(number)


def test_patches_have_more_counts_where_sources_were_added(fields):
    """Of a known size and Asimov TS; the mask is at least as wide as the source."""
    patch = patch_with(fields, 6.0)
    added = np.isnan(patch.flux)
    assert 1 <= added.sum() < 20
    assert np.all((patch.extended[added] >= 0.15) & (patch.extended[added] <= 3.5))
    assert np.all(patch.radius[added] > 0.9 * patch.extended[added])
    assert np.all(patch.ts[added] > 1) and not patch.pulsar[added].any()
    for x, y in zip(patch.x[added], patch.y[added], strict=True):
        assert 0 <= x <= 63 and 0 <= y <= 63
    expected = patch.expected.sum()
    assert expected > 0.9 * patch.npred[added].sum()
    assert not np.isnan(patch_with(fields, 0.0).flux).any()


def test_added_sources_stand_behind_those_of_the_field():
    """What is not known of them is NaN."""
    one = np.ones(1)
    added = added_sources.AddedSources(
        np.zeros((1, 9, 9)),
        one < 0,
        2 * one,
        4 * one,
        one,
        50 * np.ones((1, 1)),
        np.ones((1, 1)),
        one,
        one,
    )
    points = {name: np.ones(2) for name in ("flux", "pulsar", "extended", "radius", "hole")}
    points |= {"x": np.array([2.0, 8]), "y": np.array([4.0, 4]), "ts": np.array([[40.0], [40.0]]),
               "npred": np.ones((2, 1)), "artefact": np.zeros(2, bool)}  # fmt: skip
    both = added.beside(points)
    assert both["ts"][:, 0].tolist() == [40, 40, 50]
    assert both["x"].tolist() == [2, 8, 2] and np.isnan(both["flux"][2])


@pytest.mark.parametrize(
    ("form", "inside", "centre"), [(DISK, 1, 1), (GAUSS, 0.68, 1), (RING, 1, 0)]
)
def test_shapes_have_their_size(form, inside, centre):
    """Of 12 pixels radius: what a disk and a ring hold, 68 % of a Gaussian; a ring has a hole."""
    shape = added_sources._shape(form, 12.0, 40.3, 39.8, 80)
    rows, columns = np.ogrid[:80, :80]
    distance = np.hypot(columns - 40.3, rows - 39.8)
    assert shape.sum() == pytest.approx(1)
    assert shape[distance <= 12.6].sum() == pytest.approx(inside, abs=0.04)
    assert (shape[40, 40] > 0) == bool(centre)
    if form == RING:
        assert shape[distance < 12 * HOLE - 1].sum() == 0
