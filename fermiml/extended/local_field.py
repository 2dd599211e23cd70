"""A piece of sky around an object, with the candidates in it: what all fits there share."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_matrix

from fermiml.extended.galaxy_beneath import GalaxyBeneath
from fermiml.photometry.group_field import group_fields
from fermiml.photometry.region_fit import make_folding
from fermiml.photometry.regions import SkyRegion
from fermiml.sky.sphere import axes, sky_coord

_MARGIN = 3.0  # deg of data around the square in which an object lies
_NEAR = 1.0  # deg around the square, within which candidates are fitted along


class GroupPlane:
    """An energy group there: its background, and templates of all candidates."""

    def __init__(self, field, points):
        self.field, self.points = field, points
        self.coarse = field.coarse.toarray()
        pixels = len(field.counts)
        self._sums = csr_matrix(
            (np.ones(pixels), (field.label, np.arange(pixels))), (len(self.coarse), pixels)
        )

    def means(self, columns):
        """Sum columns (pixel, any) over blocks of pixels, as the background sees them."""
        return self.coarse.T @ (self._sums @ columns)

    def of_background(self, weight):
        """Compute the information on the background; `weight` is one over the counts."""
        return self.coarse.T @ ((self._sums @ weight)[:, None] * self.coarse) + self.field.penalty


class PlaneInformation:
    """Information on the background of a plane and on the amplitudes of all its candidates, where
    the counts are one over `weight`."""

    def __init__(self, plane, weight):
        weighted = weight[:, None] * plane.points
        self._plane, self._weight = plane, weight
        self._smooth, self._shared = plane.of_background(weight), plane.means(weighted)
        self._own = plane.points.T @ weighted

    def beside(self, points, images):
        """Compute the information on the background, what it shares with amplitudes, and that on
        these: of some candidates, and of sources with `images` (pixel, source)."""
        weighted = self._weight[:, None] * images
        mixed = (self._plane.points.T @ weighted)[points]
        shared = np.hstack([self._shared[:, points], self._plane.means(weighted)])
        own = np.block([[self._own[np.ix_(points, points)], mixed], [mixed.T, images.T @ weighted]])
        return self._smooth.copy(), shared, own


@dataclass(frozen=True)
class LocalField:
    """The planes of a cut-out.

    `rows` are those of the table that are fitted here, `vectors` their positions and `index` their
    photon indices.
    """

    region: SkyRegion
    planes: list
    responses: list  # `GroupResponse` of each component
    of_rows: list  # `SourceResponse` of each component, of the candidates
    rows: np.ndarray
    vectors: np.ndarray
    index: np.ndarray
    galaxy: GalaxyBeneath

    def folding(self, points, outlines):
        """Build what turns the spectra of candidates and of outlines into counts of the planes."""
        groups = [plane.field.group for plane in self.planes]
        place = sky_coord(np.array([o.vector for o in outlines]).reshape(-1, 3))
        return make_folding(groups, [
            replace(own, exposure=np.concatenate([own.exposure[points], r.at(place).exposure]))
            for own, r in zip(self.of_rows, self.responses, strict=True)
        ])  # fmt: skip


def is_near(vectors, center, half):
    """Whether candidates are fitted along with an object in a square around a `center`."""
    return vectors @ center > np.cos(np.radians(half + _NEAR))


def local_field(skies, groups, responses, center, half, rows, vectors, index):
    """Cut out a square of `half` the side (deg) around a `center`, with the candidates near it."""
    east, north = (axis[0] for axis in axes(center[None]))
    corner, numbers = np.full(2, float(half)), np.arange(len(rows))
    region = SkyRegion(center, east, north, -corner, corner, numbers, numbers, _MARGIN)
    pixels = [sky.cut(region) for sky in skies]
    fields = group_fields(pixels, region, groups, vectors, axes(vectors))
    still = np.zeros((len(rows), 2))
    planes = [GroupPlane(f, f.templates(still, index).values.toarray()) for f in fields]
    of_rows = [response.at(sky_coord(vectors)) for response in responses]
    galaxy = GalaxyBeneath(groups, responses, pixels)
    return LocalField(region, planes, responses, of_rows, rows, vectors, index, galaxy)
