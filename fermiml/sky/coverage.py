"""The sky that a cube covers, as a multi-order coverage map (MOC)."""

import healpy
import numpy as np
from astropy.coordinates import SkyCoord

from fermiml.errors import InputError

_DEEPEST = 9  # cells of 0.11 deg, as large as the pixels of most cubes


def to_moc(cube, depth=None):
    """Make a MOC of the sky observed by a cube, with the package mocpy.

    Parameters
    ----------
    cube : SkyCube
        Counts; the cuts in the header (such as a circle) are applied.
    depth : int, optional
        Order of the smallest cells, whose side is 58.6 deg / 2**depth. By default they are not
        larger than the pixels of the cube, down to 0.11 deg.

    Returns
    -------
    mocpy.MOC
        Cells whose centre is in an observed pixel of any component.
    """
    try:
        from mocpy import MOC
    except ImportError as error:
        raise InputError("a MOC needs the package mocpy: pip install 'fermiml[aladin]'") from error
    if depth is None:
        size = min(component.pixel_size for component in cube.components)
        depth = int(np.clip(np.ceil(np.log2(58.6 / size)), 0, _DEEPEST))
    cells = np.arange(healpy.nside2npix(2**depth))
    centres = SkyCoord(*healpy.pix2ang(2**depth, cells, nest=True, lonlat=True), unit="deg")
    inside = cells[cube.observed(centres)]
    return MOC.from_healpix_cells(
        inside.astype(np.uint64), np.full(len(inside), depth, np.uint8), max_depth=depth
    )
