"""From a cube to candidates: positions with a score, before any photometry."""

from dataclasses import dataclass

import numpy as np
from astropy.coordinates import SkyCoord
from scipy.ndimage import binary_dilation
from tqdm import tqdm

from fermiml.detect.merge import merge
from fermiml.features.views import Views
from fermiml.prefetch import ahead

BATCH = 8  # patches that go through the network together
_AHEAD = 2  # batches that are prepared meanwhile
_SAME = 1.5  # pixels between candidates of different patches that are one source
_MARGIN = 3  # pixels beyond the sky that a patch owns, from which candidates are taken


@dataclass(frozen=True)
class Candidates:
    """Where sources may be."""

    position: SkyCoord
    score: np.ndarray  # of the localizer, between 0 and 1
    pulsar: np.ndarray  # probability that it is a pulsar; NaN where the network tells no classes


def find(cube, network, locate, lowest, origin=None):
    """Candidates of a score of at least `lowest` in all of the observed sky.

    Parameters
    ----------
    cube : fermiml.SkyCube
    network : fermiml.networks.pretrained.Pretrained
    locate : callable
        A localizer, (maps, threshold) -> (x, y, score).
    lowest : float
    origin : SkyCoord, optional
        Where the tiling has a patch centre.
    """
    views = Views(cube, origin)
    batches = ahead(_batches(views), _AHEAD)
    found = []
    with tqdm(total=len(views), desc="patches", disable=None, delay=2) as bar:
        for numbers, planes, owned in batches:
            maps = network.maps(planes)
            for i, (number, mine) in enumerate(zip(numbers, owned, strict=True)):
                own = {name: m[i] for name, m in maps.items()}
                here = locate(own, lowest)
                found.append(_on_sky(views.geoms[number], number, *here, mine, own.get("pulsar")))
            bar.update(len(numbers))
    return _merged(found, views)


def _batches(views):
    """(numbers, evidence, owned) of batches of patches; the last one is filled up with copies,
    so that the network always sees the same shape."""
    for first in range(0, len(views), BATCH):
        numbers = list(range(first, min(first + BATCH, len(views))))
        seen = [views[number] for number in numbers]
        planes = [view.planes for view in seen] + [seen[-1].planes] * (BATCH - len(seen))
        yield numbers, np.array(planes), [view.patch.owned for view in seen]


def _on_sky(geom, number, x, y, score, owned, pulsar):
    """Longitude, latitude (deg), score, probability of a pulsar, patch and depth (pixels) of
    what is in a patch's own sky."""
    size = geom.data_shape[0]
    row, column = (np.clip(np.round(v).astype(int), 0, size - 1) for v in (y, x))
    mine = binary_dilation(owned, iterations=_MARGIN)[row, column]
    kind = np.full(len(x), np.nan) if pulsar is None else pulsar[row, column]
    x, y, score, kind = x[mine], y[mine], score[mine], kind[mine]
    lon, lat = geom.pix_to_coord((x, y))
    depth = np.minimum.reduce([x, y, size - 1 - x, size - 1 - y]) + 0.5
    return lon.to_value("deg"), lat.to_value("deg"), score, kind, np.full(len(x), number), depth


def _merged(found, views):
    columns = (np.concatenate(column) for column in zip(*found, strict=True))
    lon, lat, score, pulsar, patch, depth = columns
    position = SkyCoord(lon, lat, unit="deg", frame=views.geoms[0].frame)
    keep = merge(position, score, patch, depth, _SAME * views.pixel)
    return Candidates(position[keep], score[keep], pulsar[keep])
