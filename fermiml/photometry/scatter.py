"""How far the sky between the sources is from smooth, and what that does to amplitudes.

Gas clumps, the bending of the Galaxy's ridge and sources too faint to be candidates are in
no model here. They show as PSF-shaped residuals between the sources, larger than Poisson
noise allows, and as such they sit below the sources, too.
"""

import numpy as np

_SPACING = 1.0  # deg, at least, between the places that are looked at
_NEAR = 3.0  # deg, sigma of the surroundings that count for a source
_SHARP = 0.15  # deg: groups of smaller r68 have too few counts for it to matter
_SEEN = 0.3  # of the information, that sources and background leave of a place
_CLIP = 25.0  # squared residual in units of its variance: more is a source
_PRIOR, _WORTH = 0.01, 20.0  # relative scatter believed at first, and by how many places


def probes(field, region):
    """(places, templates) at which the sky of a group is looked at; None where it needs not."""
    if field.group.r68 < _SHARP:
        return None
    places = _places(field, region, max(_SPACING, field.group.r68))
    return (places, field.templates_at(places)) if len(places) else None


def scatter(fit, probes, vectors):
    """Variance of the amplitudes of sources (counts^2) in a group that is not Poisson noise."""
    if probes is None:
        return np.zeros(len(vectors))
    places, templates = probes
    residual = templates.values.T @ (fit.counts / fit.mu - 1)
    total, leak = _information(fit, templates)
    free = total - np.square(fit.explained(templates, templates.fraction)).sum(axis=0)
    used = free > _SEEN * np.maximum(total, 0.1 * total.max(initial=0.0))
    residual, free, leak, places = residual[used], free[used], leak[used], places[used]
    excess = np.minimum(residual**2, _CLIP * free) - free
    scale = (free * leak) ** 2
    near = np.exp((vectors @ places.T - 1) / np.radians(_NEAR) ** 2)
    typical = np.median(scale) if len(scale) else 1.0
    relative = (near @ excess + _WORTH * _PRIOR**2 * typical) / (near @ scale + _WORTH * typical)
    return np.maximum(relative, 0) * _information(fit, fit.templates)[1] ** 2


def _places(field, region, spacing):
    """Build a square grid of unit vectors over the pixels of a group."""
    low, high = field.mesh.xy.min(axis=0), field.mesh.xy.max(axis=0)
    x, y = (np.arange(a + spacing / 2, b, spacing) for a, b in zip(low, high, strict=True))
    x, y = (np.radians(v).reshape(-1, 1) for v in np.meshgrid(x, y))
    vectors = region.center + x * region.east + y * region.north
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _information(fit, templates):
    """Information on amplitudes while all else stays, and the amplitude that a background
    higher by its own size imitates."""
    weighted = templates.fraction / fit.mu[templates.pixel]
    total = templates.total(templates.fraction * weighted)
    leak = templates.total(fit.background[templates.pixel] * weighted)
    return total, leak / np.maximum(total, 1e-300)
