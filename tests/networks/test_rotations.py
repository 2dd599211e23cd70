"""A network is asked in several orientations."""

import numpy as np

from fermiml.networks import rotations


def test_turning_the_sky_turns_the_answer_with_it():
    """A model that gives the way to the brightest pixel gives the same after any turns."""

    class Finder:
        def predict_on_batch(self, planes):
            image = planes[0, ..., 0]
            row, column = np.unravel_index(np.argmax(image), image.shape)
            y, x = np.mgrid[: image.shape[0], : image.shape[1]]
            return {"offset": np.stack([column - x, row - y], -1)[None], "heat": image[None]}

    planes = np.random.default_rng(3).normal(size=(1, 8, 8, 1))
    plain = Finder().predict_on_batch(planes)
    for turns in (2, 4):
        turned = rotations.predict(Finder(), planes, turns, ("offset",))
        assert np.allclose(turned["offset"], plain["offset"])
        assert np.allclose(turned["heat"], plain["heat"])
