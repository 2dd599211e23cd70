"""Counts cubes and maps of gtbin, WCS or HEALPix."""

import numpy as np

from fermiml.errors import InputError
from fermiml.fitsmaps import ebounds_axis, edges_axis, healpix_hdu, hpx_map, image_hdu, wcs_map
from fermiml.sky.cube import Component
from fermiml.sky.selection import Selection

# Files that analysts also have, by a table that only they hold
_NOT_COUNTS = {
    "CTHETABOUNDS": "a livetime cube (give it with --exposure)",
    "HPXEXPOSURES": "an exposure cube (give it with --exposure)",
    "ENERGIES": "an exposure cube (give it with --exposure) or a diffuse model",
    "THETA": "a gtpsf file (give it with --psf)",
    "DRM": "a gtdrm file",
    "SC_DATA": "a spacecraft file (FT2)",
    "LAT_POINT_SOURCE_CATALOG": "a source catalog",
}


def read_counts_hdus(hdus, name):
    """Read a gtbin counts cube or map: (kind, [component])."""
    names = {hdu.name.upper() for hdu in hdus}
    for telling, what in _NOT_COUNTS.items():
        if telling in names:
            raise InputError(f"is {what}, not counts")
    selection = Selection.from_hdus(hdus)
    table, image = healpix_hdu(hdus), image_hdu(hdus, (2, 3))
    if table is None and image is None:
        raise InputError("contains no counts: no image, HEALPix table or EVENTS")
    axis = _counts_axis(hdus, selection, table, image)
    if table is not None:
        kind, counts = "gtbin HEALPix counts cube", hpx_map(table, axis)
    else:
        kind = "gtbin counts cube" if image.header["NAXIS"] == 3 else "gtbin counts map"
        counts = wcs_map(image, axis)
    return kind, [Component(name, counts, selection)]


def _counts_axis(hdus, selection, table, image):
    if "EBOUNDS" in hdus:
        return ebounds_axis(hdus)
    is_map = table is None and image.header["NAXIS"] == 2
    if is_map and selection.energy:
        return edges_axis(np.array(selection.energy))
    if is_map:
        raise InputError("an image without energies: no ENERGY cut in the header (DSTYPn)")
    raise InputError("no EBOUNDS table: the energies of the counts are unknown")
