"""The network input for a cube: the features, patch by patch."""

from dataclasses import dataclass, replace

import numpy as np

from fermiml.errors import InputError
from fermiml.features.patch_features import PatchFeatures
from fermiml.response import exposure as exposures
from fermiml.sky.bands import BANDS
from fermiml.sky.energy_text import range_text
from fermiml.sky.patches import Patches

BATCH = 8  # patches that a finder gets together


@dataclass(frozen=True)
class View:
    """One patch as a network sees it."""

    patch: object  # fermiml.sky.patches.Patch
    model: np.ndarray | None  # (component, band, y, x): background, if one was given
    features: np.ndarray  # (y, x, feature)


class Views:
    """The views of a cube's patches, made one at a time.

    Parameters
    ----------
    cube : fermiml.SkyCube
    origin : SkyCoord, optional
        Where the tiling has a patch centre.
    low : bool
        Add the features of the band below 500 MeV.
    """

    def __init__(self, cube, origin=None, low=False):
        banded = cube.bands(low)
        covered = np.array([[band.covered for band in b.bands] for b in banded])
        if not covered[:, : len(BANDS)].any():
            edges = cube.components[0].energy_edges
            raise InputError(
                f"{cube.source or 'the counts'}: no energy bin lies above {BANDS[0][0]:.0f} MeV, "
                f"which the networks need ({range_text(edges[0], edges[-1])})"
            )
        self.low = low
        self._patches = Patches(banded, origin=origin)
        self.geoms, self.pixel = self._patches.geoms, self._patches.pixel
        self._covered = covered.max(axis=0)
        exposure = _relative_exposure(cube, banded) * covered
        size = self.geoms[0].data_shape[0]
        self._features = PatchFeatures(self._patches.psf, size, exposure=exposure, pixel=self.pixel)
        self._models = _background_patches(cube, origin, low)

    def __len__(self):
        return len(self._patches)

    def __getitem__(self, number):
        patch = self._patches[number]
        model = None if self._models is None else self._models[number].counts
        return View(patch, model, self._features_of(patch, model, patch.counts))

    def batches(self):
        """Yield (numbers, views, features) of up to `BATCH` patches at a time."""
        for first in range(0, len(self), BATCH):
            numbers = range(first, min(first + BATCH, len(self)))
            views = [self[number] for number in numbers]
            yield numbers, views, np.array([view.features for view in views])

    def features(self, view, counts):
        """Compute the features of a view with other counts (component, band, y, x)."""
        return self._features_of(view.patch, view.model, counts)

    def _features_of(self, patch, model, counts):
        features = self._features(counts, patch.coverage, self._covered, model)
        return np.moveaxis(features, 0, -1)

    def deepest(self, position):
        """Find the patch deepest inside which a SkyCoord lies: its number, and the pixel (x, y).

        The candidate of that patch is the one that becomes the source.
        """
        pixels = [np.ravel(geom.coord_to_pix(position)) for geom in self.geoms]
        sizes = np.array([geom.data_shape[0] for geom in self.geoms])
        depth = np.array(
            [
                np.min([*pixel, *(size - 1 - pixel)])
                for pixel, size in zip(pixels, sizes, strict=True)
            ]
        )
        number = int(np.argmax(np.nan_to_num(depth, nan=-np.inf)))
        if not depth[number] > 0:
            raise InputError("the source is outside the data")
        return number, tuple(map(float, pixels[number]))


def _relative_exposure(cube, banded):
    """(component, band): exposure of each component over the largest in that band."""
    bands = banded[0].bands
    exposure = np.ones((len(banded), len(bands)))
    if len(banded) == 1:
        return exposure
    for row, component in zip(exposure, cube.components, strict=True):
        energy = [band.nominal[0] * np.sqrt(2) for band in bands]
        row[:] = exposures.sample(component.exposure, cube.center[None], energy)[:, 0]
    return np.nan_to_num(exposure / np.fmax.reduce(exposure), nan=1.0)


def _background_patches(cube, origin, low):
    """Patches of the background model, cut like those of the counts; None without a model."""
    if not cube.has_background:
        return None
    expected = [replace(c, counts=c.background) for c in cube.components]
    return Patches(replace(cube, components=expected).bands(low), origin=origin)
