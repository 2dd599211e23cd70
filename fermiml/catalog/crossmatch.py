"""Cross-matches on the sphere: pairs within a radius or within error ellipses, one to one.

Arrays in, arrays out. An ellipse is (semi-major, semi-minor, position angle) at 1 sigma, in
degrees, the angle from north to east.
"""

from typing import NamedTuple

import astropy.units as u
import numpy as np
from astropy.coordinates import search_around_sky

from fermiml.catalog.ellipses import containment, covariance
from fermiml.catalog.positions import shifted

POLE = 80.0  # deg of Galactic latitude: beyond, a shift in longitude does not move far


class Pairs(NamedTuple):
    """Candidate pairs: row in each catalog, separation (deg), and in units of sigma."""

    first: np.ndarray
    second: np.ndarray
    separation: np.ndarray
    sigma: np.ndarray  # NaN where there are no ellipses


def pairs_within(coord, other, radius):
    """Find all pairs of positions closer than a radius in degrees."""
    if not len(coord) or not len(other) or not radius > 0:
        empty = np.zeros(0)
        return Pairs(empty.astype(int), empty.astype(int), empty, empty)
    first, second, separation, _ = search_around_sky(coord, other, radius * u.deg)
    separation = separation.deg
    return Pairs(first, second, separation, np.full(len(separation), np.nan))


def pairs_in_ellipses(coord, ellipses, other, other_ellipses, level=0.95):
    """Find all pairs whose offset is within the `level` contour of both errors together.

    The two covariances are added. Each ellipse is turned at its own position to the great
    circle that joins the pair, so this holds at the poles too. Positions without an ellipse in
    `other` count as exact; those in the first catalog match nothing.
    """
    limit = containment(level)
    return pairs_in_reach(coord, ellipses, other, other_ellipses, limit)


def pairs_in_reach(coord, ellipses, other, other_ellipses, reach):
    """Find all pairs whose offset is at most `reach` sigma of the joint error.

    Searched group by group of similar sizes, so that one large source does not make
    candidates of everything around it.
    """
    sizes, other_sizes = ellipses[0], np.nan_to_num(other_ellipses[0])
    found = [Pairs(*(np.zeros(0, int),) * 2, *(np.zeros(0),) * 2)]
    for rows in _octaves(sizes):
        for there in _octaves(other_sizes):
            largest = reach * np.hypot(sizes[rows].max(), other_sizes[there].max())
            pairs = pairs_within(coord[rows], other[there], largest * (1 + 1e-9))
            found.append(pairs._replace(first=rows[pairs.first], second=there[pairs.second]))
    pairs = Pairs(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
    sigma = normalised_offset(coord, ellipses, other, other_ellipses, pairs)
    return take(pairs._replace(sigma=sigma), sigma <= reach)


def _octaves(sizes):
    """Group rows by the power of two of their size; rows without a size are in none."""
    known = np.flatnonzero(np.isfinite(sizes))
    octave = np.frexp(sizes[known])[1]
    return [known[octave == value] for value in np.unique(octave)]


def normalised_offset(coord, ellipses, other, other_ellipses, pairs):
    """Compute the offsets of pairs in units of sigma of the joint error."""
    if not len(pairs.first):
        return np.zeros(0)
    cov = pair_covariance(coord, ellipses, other, other_ellipses, pairs)
    # The offset is (separation, 0), so only this element of the inverse is needed.
    determinant = cov[:, 0, 0] * cov[:, 1, 1] - cov[:, 0, 1] ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return pairs.separation * np.sqrt(cov[:, 1, 1] / determinant)


def pair_covariance(coord, ellipses, other, other_ellipses, pairs):
    """Compute the joint covariances of pairs, along and across the great circle that joins them."""
    a, b = coord[pairs.first], other[pairs.second]
    there, back = a.position_angle(b).deg, b.position_angle(a).deg + 180.0
    mine = covariance(*(e[pairs.first] for e in ellipses), there)
    theirs = covariance(*(e[pairs.second] for e in other_ellipses), back)
    exact = ~np.isfinite(theirs[:, 0, 0])
    theirs[exact] = 0.0
    return mine + theirs


def one_to_one(pairs, rank=None):
    """Return which pairs remain when the lowest rank goes first and none is taken twice.

    The rank is the offset, in sigma where that is known, unless another is given.
    """
    if rank is None:
        rank = np.where(np.isfinite(pairs.sigma), pairs.sigma, pairs.separation)
    taken_first, taken_second, keep = set(), set(), []
    for i in np.argsort(rank, kind="stable"):
        a, b = int(pairs.first[i]), int(pairs.second[i])
        if a not in taken_first and b not in taken_second:
            taken_first.add(a)
            taken_second.add(b)
            keep.append(i)
    return np.array(sorted(keep, key=lambda i: pairs.first[i]), dtype=int)


def match_rank(separation, ts, radius):
    """Rank pairs with true or known sources by TS x exp(-(d/radius)^2), the highest first."""
    return -ts * np.exp(-((separation / radius) ** 2))


def best(pairs):
    """Select the one-to-one pairs, closest first."""
    return take(pairs, one_to_one(pairs))


def chance_rate(find, coord, other, degrees=3.0):
    """Compute the fraction of `coord` that matches `other` moved in Galactic longitude, both ways.

    `find(coord, other)` gives the pairs. Rows within 10 deg of a Galactic pole are left out.
    """
    counted = np.abs(coord.galactic.b.deg) <= POLE
    if not np.any(counted):
        return np.nan
    matched = [
        np.sum(counted[best(find(coord, shifted(other, s))).first]) for s in (-degrees, degrees)
    ]
    return float(np.mean(matched) / np.sum(counted))


def take(pairs, rows):
    """Select some of the pairs."""
    return Pairs(*(values[rows] for values in pairs))
