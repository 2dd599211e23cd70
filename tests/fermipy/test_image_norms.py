"""Norms of images, fitted to counts."""

import numpy as np
import pytest

from fermiml.fermipy.image_norms import fit_norms


def test_the_norm_of_an_image_is_that_of_the_largest_log_likelihood():
    random = np.random.default_rng(3)
    rest, image = random.uniform(0.1, 1, (2, 500))
    for true in (0.0, 0.5, 30.0):
        counts = random.poisson(rest + true * image)
        seen = counts > 0
        total = np.array([image.sum()])
        (norm,), found = fit_norms(counts[seen], rest[seen], image[None, seen], total, [1.0])
        norms = np.linspace(0, 40, 4001)[:, None]
        model = rest + norms * image
        scanned = (counts * np.log(model)).sum(axis=1) - (norms * image).sum(axis=1)
        assert found == pytest.approx(scanned.max(), abs=2e-2)
        assert norm == pytest.approx(norms[np.argmax(scanned), 0], abs=0.02)


@pytest.mark.parametrize("start", [1e-3, 1.0, 300.0])
def test_norms_of_images_that_overlap_are_found_from_anywhere(start):
    x = np.arange(200)[:, None]
    images = np.exp(-0.5 * ((x - [90, 95, 110]) / 5.0) ** 2).T
    true = np.array([20.0, 0.0, 7.0])
    counts = 0.1 + true @ images
    norms, _ = fit_norms(counts, np.full(200, 0.1), images, images.sum(axis=1), [start] * 3)
    assert norms == pytest.approx(true, abs=0.1) and np.all(norms >= 0)


def test_no_image_has_the_log_likelihood_of_the_rest():
    counts, rest = np.array([1.0, 2.0]), np.array([0.5, 3.0])
    norms, value = fit_norms(counts, rest, np.empty((0, 2)), np.empty(0), [])
    assert len(norms) == 0 and value == pytest.approx(np.log(0.5) + 2 * np.log(3))
