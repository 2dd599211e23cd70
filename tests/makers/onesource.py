"""One source at a known place, and maps to see it on."""

import numpy as np
from astropy.coordinates import SkyCoord
from gammapy.maps import MapAxis, WcsGeom

from fermiml.model.observation import Observation
from fermiml.model.sources import Shapes, Sources
from fermiml.response import exposure

EDGES = np.geomspace(1e3, 1e5, 9)  # MeV
CENTER = SkyCoord(40, 35, unit="deg", frame="galactic")


def observe(response, geom, **options):
    return Observation.of(geom, exposure.estimate(3e8, response), response, **options)


def wcs(width=12.0, pixel=0.1, edges=EDGES, **options):
    axis = MapAxis.from_energy_edges(edges, unit="MeV", name="energy")
    options = {"proj": "CAR", "frame": "galactic", **options}
    return WcsGeom.create(skydir=CENTER, width=width, binsz=pixel, axes=[axis], **options)


def one_source(lon=40.0, lat=35.0, flux=1e-8, index=2.2):
    one = np.ones(1)
    shapes = Shapes(1e3 * one, index * one, 0 * one, 0 * one)
    return Sources.points(lon * one, lat * one, flux * one, shapes, "bll")
