"""From a cube to candidates: positions with a score, before any photometry."""

from dataclasses import dataclass, replace

import numpy as np
from astropy.coordinates import SkyCoord
from scipy.ndimage import binary_dilation
from tqdm import tqdm

from fermiml.ahead import ahead
from fermiml.detect.features import Evidence
from fermiml.detect.merge import merge
from fermiml.errors import InputError
from fermiml.sky import exposure as exposures
from fermiml.sky.bands import BANDS
from fermiml.sky.patches import PIXEL, Patches

BATCH = 8  # patches that go through the network together
_AHEAD = 2  # batches that are prepared meanwhile
_MARGIN = 3  # pixels beyond the sky that a patch owns, from which candidates are taken


@dataclass(frozen=True)
class Candidates:
    """Where sources may be."""

    position: SkyCoord
    score: np.ndarray  # of the localizer, between 0 and 1


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
    banded = cube.bands()
    covered = np.array([[band.covered for band in b.bands] for b in banded])
    if not covered.any():
        edges = cube.components[0].energy_edges
        raise InputError(
            f"{cube.source or 'the counts'}: no energy bin lies above {BANDS[0][0]:.0f} MeV, where "
            f"the networks look ({edges[0]:.4g}-{edges[-1]:.4g} MeV)"
        )
    patches = Patches(banded, origin=origin)
    size = patches.geoms[0].data_shape[0]
    evidence = Evidence(patches.psf, size, share=_shares(cube, banded) * covered)
    models = _background_patches(cube, origin)
    batches = ahead(_batches(patches, evidence, covered.max(axis=0), models), _AHEAD)
    found = []
    with tqdm(total=len(patches), desc="patches", disable=None, delay=2) as bar:
        for numbers, planes, owned in batches:
            maps = network.maps(planes)
            for i, (number, mine) in enumerate(zip(numbers, owned, strict=True)):
                here = locate({name: m[i] for name, m in maps.items()}, lowest)
                found.append(_on_sky(patches.geoms[number], number, *here, mine))
            bar.update(len(numbers))
    return _merged(found, patches.geoms[0].frame)


def _batches(patches, evidence, covered, models):
    """(numbers, evidence, owned) of batches of patches; the last one is filled up with copies,
    so that the network always sees the same shape."""
    for first in range(0, len(patches), BATCH):
        numbers = list(range(first, min(first + BATCH, len(patches))))
        planes, owned = [], []
        for number in numbers:
            patch = patches[number]
            model = None if models is None else models[number].counts
            planes.append(evidence(patch.counts, patch.coverage, covered, model))
            owned.append(patch.owned)
        planes += [planes[-1]] * (BATCH - len(numbers))
        yield numbers, np.moveaxis(planes, 1, -1), owned


def _shares(cube, banded):
    """(component, band): exposure of each component over the largest in that band."""
    shares = np.ones((len(banded), len(BANDS)))
    if len(banded) == 1:
        return shares
    for row, component in zip(shares, cube.components, strict=True):
        energy = [low * np.sqrt(2) for low, _ in BANDS]
        row[:] = exposures.sample(component.exposure, cube.center[None], energy)[:, 0]
    return np.nan_to_num(shares / np.nanmax(shares, axis=0), nan=1.0)


def _background_patches(cube, origin):
    """Patches of the background model, cut like those of the counts; None without a model."""
    if any(component.background is None for component in cube.components):
        return None
    expected = [replace(c, counts=c.background) for c in cube.components]
    return replace(cube, components=expected).patches(origin=origin)


def _on_sky(geom, number, x, y, score, owned):
    """Longitude, latitude (deg), score, patch and depth (deg) of what is in a patch's own sky."""
    size = geom.data_shape[0]
    row, column = (np.clip(np.round(v).astype(int), 0, size - 1) for v in (y, x))
    mine = binary_dilation(owned, iterations=_MARGIN)[row, column]
    x, y, score = x[mine], y[mine], score[mine]
    lon, lat = geom.pix_to_coord((x, y))
    depth = (np.minimum.reduce([x, y, size - 1 - x, size - 1 - y]) + 0.5) * PIXEL
    return lon.to_value("deg"), lat.to_value("deg"), score, np.full(len(x), number), depth


def _merged(found, frame):
    lon, lat, score, patch, depth = (np.concatenate(column) for column in zip(*found, strict=True))
    position = SkyCoord(lon, lat, unit="deg", frame=frame)
    keep = merge(position, score, patch, depth)
    return Candidates(position[keep], score[keep])
