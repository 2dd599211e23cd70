"""Which sources are fitted together, and what a fit of them needs around them."""

from dataclasses import dataclass

import numpy as np

from fermiml.sky.sphere import unit_vectors

_WIDEST = 6.0  # deg, along the longer side of a group
_MOST = 20  # sources of a group
_CLOSE = 1.5  # deg from a group within which sources get the same treatment as in it
_RIM = 0.7  # deg from the border of a region, where sources are not free: half of them is outside
_REACH = 8.0  # deg beyond a region from where sources still matter
_BRIGHT = 1e-9  # flux 1-100 GeV from which sources matter that are far outside


@dataclass(frozen=True)
class SourceGroup:
    """Numbers of sources: fitted and reported, treated alike, free, and frozen around."""

    core: np.ndarray
    near: np.ndarray
    inner: np.ndarray
    frozen: np.ndarray
    center: np.ndarray  # unit vector, Galactic
    radius: float  # deg, of the data


def groups(sources, wanted, margin):
    """Share the `wanted` sources among groups; `margin` (deg) of data is added around each."""
    vectors = unit_vectors(sources.lon, sources.lat)
    flux = sources.flux1000
    return [_group(vectors, flux, core, margin) for core in _split(vectors, np.asarray(wanted))]


def _split(vectors, members):
    """Halve along the longest direction until groups are small."""
    if not len(members):
        return
    center = _unit(vectors[members].mean(axis=0))
    spread = vectors[members] - center
    along = spread @ np.linalg.svd(spread, full_matrices=False)[2][0]
    if len(members) <= _MOST and np.ptp(along) <= np.radians(_WIDEST):
        yield np.sort(members)
        return
    order = np.argsort(along)
    widest = int(np.argmax(np.diff(along[order])))
    middle = len(members) // 2
    # At a gap that is near the middle, else in the middle.
    cut = widest + 1 if 0.25 < (widest + 1) / len(members) < 0.75 else middle
    yield from _split(vectors, members[order[:cut]])
    yield from _split(vectors, members[order[cut:]])


def _group(vectors, flux, core, margin):
    center = _unit(vectors[core].mean(axis=0))
    distance = _angle(vectors @ center)
    radius = float(distance[core].max() + margin)
    to_core = _angle((vectors @ vectors[core].T).max(axis=1))
    inner = distance <= max(radius - _RIM, distance[core].max() + _RIM)
    matters = (distance <= radius + 0.3 * _REACH) | (flux > _BRIGHT)
    frozen = ~inner & (distance <= radius + _REACH) & matters
    return SourceGroup(
        core,
        np.flatnonzero(inner & (to_core <= _CLOSE)),
        np.flatnonzero(inner),
        np.flatnonzero(frozen),
        center,
        radius,
    )


def _unit(vector):
    return vector / np.linalg.norm(vector)


def _angle(cosine):
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))
