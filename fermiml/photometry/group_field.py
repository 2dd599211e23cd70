"""An energy group's pixels and background within a region."""

import numpy as np

from fermiml.photometry.coarse_pixels import farthest
from fermiml.photometry.energy_groups import DISKS
from fermiml.photometry.pixels import meshes
from fermiml.photometry.splines import knot_spacing, splines
from fermiml.photometry.templates import NearPixels, make_templates
from fermiml.sky.sphere import axes

_MODEL_SPACING = 4.0  # deg, of the free norm of a background model
_TYPICAL = 2.2  # photon index


class GroupField:
    """What does not change during a fit.

    Attributes
    ----------
    counts : numpy.ndarray
        Of the pixels.
    base, coarse : csr_matrix
        The background's (pixel, coefficient), and (block, coefficient): its mean over blocks.
    label : numpy.ndarray
        The block of each pixel.
    penalty, level : numpy.ndarray
        Matrix of the quadratic penalty on the coefficients, and about what they are.
    pairs : NearPixels
        The pixels around each source.
    """

    def __init__(self, mesh, sky, group, vectors, directions):
        self.mesh, self.group, self.label = mesh, group, mesh.blocks
        self.counts = mesh.sum(sky.counts, group.bins)
        reach = group.reach + farthest(sky.pixel_size)
        self.pairs = NearPixels.within(mesh, vectors, directions, reach)
        if sky.background is None:
            spacing = knot_spacing(self.counts, mesh.area, group.edges)
            smooth, self.coarse = mesh.splines(spacing)
        else:
            model = mesh.sum(sky.background, group.bins)
            smooth = splines(*mesh.xy.T, np.maximum(model, 1e-12), _MODEL_SPACING)
            self.coarse = mesh.block_means(smooth.values)
        self.base = smooth.values
        level = self.base.T @ self.counts
        norm = self.base.T @ (self.base @ np.ones(len(level)))
        self.level = (level + 0.1 * level.mean()) / norm + 1e-9
        self.penalty = smooth.penalty(self.level)

    def templates(self, shift, index):
        """Templates of the sources, moved by `shift` (deg) along their directions."""
        return make_templates(self.pairs, self.group, shift, index)

    def pairs_around(self, vectors):
        """Pixels within the core of the PSF of the largest disk around unit vectors."""
        return self.pairs_near(vectors, self.group.core + DISKS[-1])

    def pairs_near(self, vectors, reach):
        """Pixels within `reach` (deg) of unit vectors."""
        return NearPixels.within(self.mesh, vectors, axes(vectors), reach)

    def templates_at(self, places):
        """Templates of a typical source at any places."""
        pairs = NearPixels.within(self.mesh, places, axes(places), self.group.core)
        index = np.full(len(places), _TYPICAL)
        return make_templates(pairs, self.group, np.zeros((len(places), 2)), index)


def group_fields(skies, region, groups, vectors, directions):
    """Build the field of every group that has pixels in a region."""
    fields = []
    for number, sky in enumerate(skies):
        own = [g for g in groups if g.component == number]
        pairs = zip(meshes(sky, region, own), own, strict=True)
        fields += [GroupField(m, sky, g, vectors, directions) for m, g in pairs if len(m)]
    return fields
