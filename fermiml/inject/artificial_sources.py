"""Artificial sources: their positions, spectra and photons."""

from dataclasses import replace
from functools import cache

import numpy as np
from scipy.spatial import cKDTree

from fermiml.model import point_sources
from fermiml.model.observation import Observation
from fermiml.model.sources import Shapes, Sources
from fermiml.simulate import populations
from fermiml.sky.sphere import unit_vectors

CLASSES = {"AGN": ("bll", "fsrq"), "PSR": ("PSR", "MSP")}
REFERENCE = 25.0  # the expected TS whose flux is the unit of completeness, place by place
_TS = (3.0, 300.0)  # of a middling spectrum: what fluxes are drawn for, if none are chosen
_DENSE = 25  # candidate places for each that is taken
_MOST = 200_000  # candidate places
_library = cache(populations.library)


def places(component, avoid, apart, away, rng):
    """Draw random positions in the data, apart from each other and away from some positions."""
    observed = np.flatnonzero(component.mask)
    number = _DENSE * component.pixel_areas().ravel()[observed].sum() / apart**2
    some = rng.permutation(observed)[: int(min(max(number, 500), _MOST))]
    position = component.positions_of(some).galactic
    position = position[component.away_from_edge(position)]
    if len(avoid) and len(position):
        position = position[position.match_to_catalog_sky(avoid)[1].deg > away]
    vectors = unit_vectors(position.l.deg, position.b.deg)
    if not len(vectors):
        return position
    around = cKDTree(vectors).query_ball_point(vectors, 2 * np.sin(np.radians(apart) / 2))
    taken, blocked = [], np.zeros(len(vectors), bool)
    for i, neighbours in enumerate(around):
        if not blocked[i]:
            taken.append(i)
            blocked[neighbours] = True
    return position[taken]


def draw(place, settings, depth, rng):
    """Draw sources at positions, with their approximate TS and the reference flux at each."""
    names = rng.choice(CLASSES[settings.kind], len(place))
    shapes = _shapes(settings, names, rng)
    typical = middling(place, settings, depth)
    if settings.flux is None:
        flux = typical.flux(np.exp(rng.uniform(*np.log(_TS), len(place))))
    else:
        flux = np.exp(rng.uniform(*np.log(settings.flux), len(place)))
    sources = Sources.points(place.l.deg, place.b.deg, flux, shapes, names)
    return sources, depth.at(sources).ts(flux), typical.flux(REFERENCE)


def middling(place, settings, depth):
    """Compute the prospect of sources with the median spectrum of the class at positions."""
    if settings.index is not None:
        shapes = _power_laws(settings.index, len(place))
    else:
        library = _library()
        columns = zip(*(_columns(library[name]) for name in CLASSES[settings.kind]), strict=True)
        medians = [np.median(np.concatenate(column)) for column in columns]
        shapes = Shapes(*(np.full(len(place), median) for median in medians))
    return depth.at(Sources.points(place.l.deg, place.b.deg, np.ones(len(place)), shapes, ""))


def _columns(shapes):
    return shapes.pivot, shapes.index, shapes.curvature, shapes.exp_index


def _power_laws(index, number):
    full = np.ones(number)
    return Shapes(1e3 * full, index * full, 0 * full, 0 * full)


def _shapes(settings, names, rng):
    """Choose a spectral shape for each source."""
    if settings.index is not None:
        return _power_laws(settings.index, len(names))
    library = _library()
    picked = [library[name][[rng.integers(len(library[name]))]] for name in names]
    return Shapes(*(np.concatenate(c) for c in zip(*map(_columns, picked), strict=True)))


def with_sources(cube, sources, rng):
    """Return the cube with the photons of sources added."""
    components = []
    for component in cube.components:
        seen = Observation.like(component)
        photons = rng.poisson(point_sources.total(seen, sources)) * component.mask
        counts = component.counts.copy(data=component.counts.data + photons)
        components.append(replace(component, counts=counts))
    return replace(cube, components=components)
