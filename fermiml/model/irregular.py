"""Irregular extended sources, as made of blobs: lopsided shells, nebulae with a tail, complexes.

The `form` of such a source is `IRREGULAR` plus the number of its pattern, its `size` the radius
that holds 68 % of its flux. The patterns are always the same ones.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from fermiml.model.sources import GAUSS_68, IRREGULAR
from fermiml.sky.sphere import axes

PATTERNS = 24
_SAMPLE = 40_000  # points from which the radius of a pattern is measured


class Blobs(NamedTuple):
    """The Gaussians of a pattern whose 68 % radius is one."""

    offset: np.ndarray  # from the mean position of the flux, complex: along longitude, latitude
    size: np.ndarray  # 68 % radii
    weight: np.ndarray  # sum to one

    def brightness(self, place):
        """Evaluate the pattern at complex places; its integral over the plane is one."""
        square = np.square(self.size / GAUSS_68)
        distance = np.abs(np.asarray(place)[..., None] - self.offset)
        return np.exp(-0.5 * distance**2 / square) @ (self.weight / (2 * np.pi * square))


@lru_cache(maxsize=PATTERNS)
def blobs(form):
    """Return the `Blobs` of an irregular form."""
    number = form - IRREGULAR
    rng = np.random.default_rng([5, number])
    offset, size, weight = (_shell, _nebula, _complex)[number % 3](rng)
    offset = offset * np.exp(2j * np.pi * rng.random())
    weight = weight / weight.sum()
    offset = offset - weight @ offset
    radius = _radius_68(offset, size, weight)
    return Blobs(offset / radius, size / radius, weight)


def centers(vector, offset):
    """Compute the directions of blobs `offset` (deg, complex) from that of their source."""
    east, north = axes(vector[None])
    x, y = np.tan(np.radians(offset.real)), np.tan(np.radians(offset.imag))
    found = vector + x[:, None] * east + y[:, None] * north
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def draw(number, rng):
    """Draw the forms of so many irregular sources."""
    return IRREGULAR + rng.integers(PATTERNS, size=number)


def _shell(rng):
    """Draw a rim that is brighter on one side, with bright knots: most supernova remnants."""
    angle = 2 * np.pi * (np.arange(14) + rng.uniform(-0.3, 0.3, 14)) / 14
    side = 1 + rng.uniform(0.3, 0.9) * np.cos(angle)
    offset = rng.normal(1, 0.08, 14) * np.exp(1j * angle)
    return offset, np.full(14, 0.28), side * np.exp(rng.normal(0, 0.7, 14))


def _nebula(rng):
    """Draw a small bright head, and a tail that grows wider and fainter: a pulsar wind nebula."""
    step = np.arange(6)
    drift = 0.45 * step**1.1 * np.exp(1j * rng.normal(0, 0.25, 6))
    return drift, 0.25 + 0.12 * step, np.exp(-rng.uniform(0.2, 0.6) * step)


def _complex(rng):
    """Draw a wide glow and knots within it: a galaxy nearby, or where stars form."""
    knots = int(rng.integers(4, 8))
    place = rng.normal(0, 0.6, (2, knots))
    offset = np.append(place[0] + 1j * place[1], 0)
    size = np.append(rng.uniform(0.15, 0.35, knots), 1.0)
    return offset, size, np.append(rng.dirichlet(np.full(knots, 2.0)), rng.uniform(0.4, 1.5))


def _radius_68(offset, size, weight):
    """Measure the radius that holds 68 % of blobs, from points that are distributed as they are."""
    rng = np.random.default_rng(0)
    which = rng.choice(len(weight), _SAMPLE, p=weight)
    spread = rng.normal(size=(2, _SAMPLE)) * size[which] / GAUSS_68
    return np.quantile(np.abs(offset[which] + spread[0] + 1j * spread[1]), 0.68)
