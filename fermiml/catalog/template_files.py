"""Images of extended sources for programs that know no function for their shape: gtlike's
`SpatialMap`."""

import numpy as np
from astropy.io import fits

from fermiml.catalog.extended_sources import HOLE
from fermiml.files import replacing

_HALF = 100  # pixels from the centre to each side
_RING_REACH = 1.1  # half a side of the image of a ring, over its outer radius


def write_ring(path, position, radius, overwrite=False):
    """Write the image of a ring of an outer radius (deg); see `write`."""
    write(path, position, _ring, radius, _RING_REACH, overwrite)


def write(path, position, brightness, size, reach, overwrite=False):
    """Write an image whose integral is one.

    Parameters
    ----------
    path : path
    position : (float, float)
        Galactic longitude and latitude of the centre (deg).
    brightness : callable
        Evaluates the shape, in any unit, at complex places along longitude and latitude in units
        of its size.
    size : float
        deg.
    reach : float
        Half a side of the image, over the size.
    """
    step = size * reach / _HALF
    offset = reach / _HALF * np.arange(-_HALF, _HALF + 1)
    image = np.array(brightness(-offset + 1j * offset[:, None]), float)
    image /= image.sum() * np.radians(step) ** 2
    header = fits.Header()
    for axis, (name, value) in enumerate(zip(("GLON-TAN", "GLAT-TAN"), position, strict=True), 1):
        header[f"CTYPE{axis}"], header[f"CUNIT{axis}"] = name, "deg"
        header[f"CRPIX{axis}"], header[f"CRVAL{axis}"] = _HALF + 1.0, float(value)
        header[f"CDELT{axis}"] = step if axis == 2 else -step
    header["BUNIT"] = "sr-1"
    with replacing(path, overwrite) as temporary:
        fits.PrimaryHDU(image.astype(np.float32), header).writeto(temporary, checksum=True)


def _ring(place):
    """Evaluate a flat ring at places in units of its outer radius."""
    return (np.abs(place) <= 1) & (np.abs(place) >= HOLE)
