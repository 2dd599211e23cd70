"""One flat grid for all of a cube, to draw maps of it on."""

import numpy as np
from astropy.coordinates import SkyCoord
from gammapy.maps import WcsGeom

_WHOLE = 60.0  # deg: data that reach farther get an all-sky map


def canvas(cube):
    """Return a WCS geometry without energies that shows all of a cube: its own, if it has one."""
    component = cube.components[0]
    if not component.is_healpix:
        return component.geom
    observed = np.flatnonzero(component.mask)
    some = component.positions_of(observed[:: 1 + len(observed) // 5000])
    radius = some.separation(component.center).deg.max()
    if radius > _WHOLE:
        center = SkyCoord(0, 0, unit="deg", frame="galactic")
        # Whole pixels from pole to pole: else gammapy does not see that it is all of the sky.
        binsz = 180 / round(180 / max(component.pixel_size / 2, 0.25))
        return WcsGeom.create(skydir=center, binsz=binsz, proj="AIT", frame="galactic")
    width = 2 * radius + 2 * component.pixel_size
    binsz = max(component.pixel_size / 2, width / 800)
    frame = component.geom.frame
    return WcsGeom.create(
        skydir=component.center, width=width, binsz=binsz, proj="ZEA", frame=frame
    )
