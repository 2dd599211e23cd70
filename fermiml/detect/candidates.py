"""From a cube to candidates: positions with a score, before any photometry."""

from dataclasses import dataclass, fields

import numpy as np
from astropy.coordinates import SkyCoord
from scipy.ndimage import binary_dilation

from fermiml.detect.detections import checked
from fermiml.detect.finder import label, views_for
from fermiml.detect.merge import merge
from fermiml.prefetch import ahead
from fermiml.progress import progress_bar
from fermiml.sky.patches import pixel_at

_AHEAD = 2  # batches that are prepared meanwhile
_SAME = 1.5  # pixels between candidates of different patches that are one source
_MARGIN = 3  # pixels beyond the sky that a patch owns, from which candidates are taken


@dataclass(frozen=True)
class Candidates:
    """Candidate positions; NaN for values that the finder does not provide."""

    position: SkyCoord
    score: np.ndarray  # of the finder, between 0 and 1
    pulsar: np.ndarray  # probability that it is a pulsar
    covariance: np.ndarray  # (n, 2, 2) of the position to the east and north, deg squared
    extent: np.ndarray  # radius in deg

    def __len__(self):
        return len(self.score)

    def __getitem__(self, rows):
        return Candidates(*(getattr(self, field.name)[rows] for field in fields(self)))


def find(cube, finder, origin=None):
    """Candidates in all of the observed sky.

    Parameters
    ----------
    cube : fermiml.SkyCube
    finder : fermiml.detect.finder.Finder
    origin : SkyCoord, optional
        Where the tiling has a patch centre.

    Returns
    -------
    Candidates
    """
    views = views_for(finder, cube, origin)
    found, patch, depth = [], [], []
    with progress_bar(what="patches", total=len(views), delay=2) as bar:
        for numbers, seen, features in ahead(views.batches(), _AHEAD):
            detections = checked(finder.find(features), features, label(finder))
            for number, view, here in zip(numbers, seen, detections, strict=True):
                own = here[_is_own(here, view.patch)]
                found.append(_on_sky(own, view.patch.geom, views.pixel))
                patch.append(np.full(len(own), number))
                depth.append(_depth(own, view.patch))
            bar.update(len(numbers))
    candidates = _joined(found)
    patch, depth = np.concatenate(patch), np.concatenate(depth)
    keep = merge(candidates.position, candidates.score, patch, depth, _SAME * views.pixel)
    return candidates[keep]


def _is_own(detections, patch):
    """Which detections lie in or just beyond the sky that a patch owns."""
    pixel = pixel_at(detections.x, detections.y, len(patch.owned))
    return binary_dilation(patch.owned, iterations=_MARGIN)[pixel]


def _depth(detections, patch):
    """Distance (pixels) to the border of the patch."""
    end = len(patch.owned) - 1
    x, y = detections.x, detections.y
    return np.minimum.reduce([x, y, end - x, end - y]) + 0.5


def _on_sky(detections, geom, pixel):
    """Convert the detections of a patch with pixels of `pixel` deg to candidates on the sky."""
    x, y, unknown = detections.x, detections.y, np.full(len(detections), np.nan)
    position = SkyCoord(*geom.pix_to_coord((x, y)), frame=geom.frame)
    covariance = np.full((len(x), 2, 2), np.nan)
    if detections.covariance is not None and len(x):
        covariance = _turned(detections.covariance, position, geom, x, y)
    pulsar = unknown if detections.pulsar is None else detections.pulsar
    extent = unknown if detections.extent is None else pixel * detections.extent
    return Candidates(position, detections.score, pulsar, covariance, extent)


def _turned(covariance, position, geom, x, y):
    """Covariances in pixels as those to the east and north of the positions, in deg."""
    here = position.icrs
    steps = [SkyCoord(*geom.pix_to_coord((x + dx, y + dy)), frame=geom.frame).icrs
             for dx, dy in ((1, 0), (0, 1))]  # fmt: skip
    offsets = [[angle.deg for angle in here.spherical_offsets_to(there)] for there in steps]
    jacobian = np.moveaxis(np.array(offsets), -1, 0).transpose(0, 2, 1)
    return jacobian @ covariance @ jacobian.transpose(0, 2, 1)


def _joined(parts):
    """Join the candidates of all patches."""
    lon, lat = (
        np.concatenate([getattr(part.position.spherical, axis).deg for part in parts])
        for axis in ("lon", "lat")
    )
    others = ([getattr(part, field.name) for part in parts] for field in fields(Candidates)[1:])
    position = SkyCoord(lon, lat, unit="deg", frame=parts[0].position.frame.name)
    return Candidates(position, *map(np.concatenate, others))
