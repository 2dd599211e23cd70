"""A network is asked in several orientations."""

import numpy as np

from fermiml.features.patch_features import N_FEATURES, PatchFeatures, unobserved
from fermiml.networks import rotations


def test_turning_the_sky_turns_the_answer_with_it():
    """A model that gives the way to the brightest pixel gives the same after any turns."""

    class Finder:
        def predict_on_batch(self, planes):
            brightest = planes[..., 0].reshape(len(planes), -1).argmax(axis=1)
            row, column = np.unravel_index(brightest, planes.shape[1:3])
            y, x = np.mgrid[: planes.shape[1], : planes.shape[2]]
            way = column[:, None, None] - x, row[:, None, None] - y
            return {"offset": np.stack(way, -1).astype(float), "heat": planes[..., 0]}

    planes = np.random.default_rng(3).normal(size=(1, 24, 24, N_FEATURES))
    planes[0, 9, 14, 0] = 9.0
    plain = Finder().predict_on_batch(planes)
    for turns in (2, 4):
        turned = rotations.predict(Finder(), planes, turns, ("offset",))
        assert np.allclose(turned["offset"], plain["offset"])
        assert np.allclose(turned["heat"], plain["heat"])


def test_an_answer_that_depends_on_the_grid_is_evened_out():
    """A model that sees every second pixel better than the others; of one turn it is as it is."""

    class Uneven:
        def predict_on_batch(self, planes):
            y, x = np.mgrid[: planes.shape[1], : planes.shape[2]]
            return {"heat": np.broadcast_to((y + x) % 2 + x % 2, planes.shape[:3])[..., None]}

    planes = np.zeros((2, 32, 32, N_FEATURES), np.float32)
    once = rotations.predict(Uneven(), planes, 1)["heat"]
    assert np.ptp(once) == 2
    often = rotations.predict(Uneven(), planes, 4)["heat"][:, 8:-8, 8:-8]
    assert np.ptp(often) <= 1


def test_turns_fall_on_different_places_of_all_halved_grids():
    """A model that answers in which pixel, of a grid of 2, 4 or 8, the brightest one lies."""

    class Grid:
        def __init__(self, step):
            self.step, self.seen = step, []

        def predict_on_batch(self, planes):
            for turn, plane in enumerate(planes[..., 0]):
                self.seen.append(np.argwhere(np.rot90(plane, -turn) == 9)[0] % self.step)
            return {"heat": planes[..., :1]}

    planes = np.zeros((1, 32, 32, N_FEATURES), np.float32)
    planes[0, 13, 14, 0] = 9
    for step, places in ((2, 2), (4, 4), (8, 4)):
        model = Grid(step)
        heat = rotations.predict(model, planes, 4)["heat"]
        assert np.allclose(heat, planes[..., :1])
        assert len(np.unique(model.seen, axis=0)) == places


def test_where_nothing_was_observed_is_as_patches_show_it():
    """Absent bands are zero, present ones have no counts, no background and no coverage."""
    covered = np.array([0, 1, 1, 1, 1.0])
    counts, coverage = np.ones((1, 5, 32, 32), np.float32), np.ones((1, 32, 32), np.float32)
    coverage[:, :, 20:] = 0
    counts[..., 20:] = 0
    features = np.moveaxis(PatchFeatures([[None] * 5], 32)(counts, coverage, covered), 0, -1)
    shown = unobserved(features)
    beyond = features[16, -1]
    assert np.allclose(shown[:10], beyond[:10], atol=1e-5)
    assert np.allclose(shown[15:20], beyond[15:20])
