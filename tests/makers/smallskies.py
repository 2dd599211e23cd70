"""Small patches of sky with known truth, made in memory for the tests."""

from functools import cache

import numpy as np
from gammapy.maps import MapAxis, WcsGeom, WcsNDMap

from fermiml import LikelihoodFit, SkyCube, SourceCatalog
from fermiml.model import convolve, diffuse, point_sources
from fermiml.model.observation import Observation
from fermiml.model.sources import Shapes, Sources
from fermiml.response import exposure
from fermiml.response.installed import load_response
from fermiml.sky.cube import Component, EnergyDispersion, Origin
from fermiml.sky.selection import Selection

LON, LAT = 100.0, 45.0
EDGES = np.array([1, 1.7, 3, 5.5, 10, 30, 100]) * 1e3  # MeV
YEAR = 2.6e7  # s of good time
GIVEN = Origin("the test")


def power_laws(lon, lat, flux, index=2.2, curvature=0.0, exp_index=0.0):
    """Sources with fluxes (1-100 GeV) and one spectral shape."""
    lon, lat, flux = (np.atleast_1d(np.asarray(x, float)) for x in (lon, lat, flux))
    columns = (1000.0, index, curvature, exp_index)
    shapes = Shapes(*(np.zeros(len(flux)) + c for c in columns))
    return Sources.points(lon, lat, flux, shapes, "bll")


def four():
    """Four sources, two of them close to each other."""
    lon, lat = [98.6, 101.6, 100.0, 100.9], [44.0, 46.1, 43.2, 45.05]
    return power_laws(lon, lat, [3e-10, 1e-9, 5e-10, 3e-10], [2.2, 2.0, 2.5, 2.3])


@cache
def observation(width=7.0, evtype=3, edges=tuple(EDGES), years=10.0):
    """A field around (LON, LAT), and the expected counts of its diffuse emission."""
    axis = MapAxis.from_energy_edges(np.array(edges), unit="MeV", name="energy")
    geom = WcsGeom.create(skydir=(LON, LAT), width=width, binsz=0.1, proj="CAR", frame="galactic",
                          axes=[axis])  # fmt: skip
    response = load_response(evtype=evtype)
    seen = Observation.of(geom, exposure.estimate(years * YEAR, response), response)
    terms = diffuse.embedded_galactic(), diffuse.embedded_isotropic(response.name, response.types)
    background = sum(convolve.expect(seen, term.intensity) for term in terms)
    return seen, background


def component(sources, seed=None, name="all", **options):
    """A component with its background; without a seed its counts are the expected ones."""
    seen, background = observation(**options)
    expected = background + point_sources.total(seen, sources)
    counts = expected if seed is None else np.random.default_rng(seed).poisson(expected)
    return Component(
        name,
        WcsNDMap(seen.geom, counts),
        Selection(evclass=128, evtype=options.get("evtype", 3), release="P8R3",
                  irf="P8R3_SOURCE_V3"),
        mask=np.ones(seen.pixels.shape, bool),
        psf=seen.psf,
        exposure=seen.exposure_map,
        edisp=EnergyDispersion(seen.true_edges, seen.dispersion),
        background=WcsNDMap(seen.geom, background),
        origins={"psf": GIVEN, "exposure": GIVEN, "edisp": GIVEN},
    )  # fmt: skip


def cube(sources, seed=None, **options):
    """A cube with one component."""
    return SkyCube([component(sources, seed, **options)], "test")


def asimov_ts(sources, **options):
    """Asimov TS of sources, all else being known."""
    seen, background = observation(**options)
    expected = background + point_sources.total(seen, sources)
    return point_sources.asimov_ts(seen, sources, expected)[0].sum(axis=1)


def seeds(sources, shapes=False):
    """A catalog with the positions of sources (and with their spectra)."""
    columns = {"GLON": sources.lon, "GLAT": sources.lat}
    if shapes:
        columns |= {
            "SpectrumType": ["PowerLaw"] * len(sources),
            "Pivot_Energy": sources.shapes.pivot,
            "PL_Flux_Density": sources.amplitude,
            "PL_Index": sources.shapes.index,
        }
    return SourceCatalog.from_table(columns)


def fit(catalog, data, **settings):
    """The catalog after a fit with gammapy's statistic."""
    return LikelihoodFit(**settings).run(catalog, data)
