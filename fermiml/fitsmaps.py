"""Sky maps in LAT FITS files (images and HEALPix tables) as gammapy maps."""

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS
from gammapy.maps import HpxGeom, HpxNDMap, MapAxis, WcsGeom, WcsNDMap

from fermiml.errors import InputError
from fermiml.fitsfile import open_fits

_FRAMES = {
    "GAL": "galactic",
    "G": "galactic",
    "GALACTIC": "galactic",
    "EQU": "icrs",
    "EQUATORIAL": "icrs",
    "CEL": "icrs",
    "C": "icrs",
}


_FINEST, _COARSEST = 1e-3, 40.0  # deg, sides of pixels


def ebounds_axis(hdus):
    """Read the axis of a counts cube from EBOUNDS (keV where no unit is given, as in OGIP)."""
    table = hdus["EBOUNDS"].data
    columns = hdus["EBOUNDS"].columns
    if table is None or not {"E_MIN", "E_MAX"} <= set(columns.names) or not len(table):
        raise InputError("EBOUNDS has no energies (columns E_MIN, E_MAX)")
    low, high = np.array(table["E_MIN"], float), np.array(table["E_MAX"], float)
    edges = np.append(low, high[-1])
    if not np.allclose(low[1:], high[:-1], rtol=1e-3):
        raise InputError("EBOUNDS has gaps or overlaps between the energy bins")
    return edges_axis(edges * u.Unit(columns["E_MIN"].unit or "keV").to("MeV"))


def edges_axis(edges):
    """Build a counts axis from edges in MeV."""
    if not np.all(np.isfinite(edges)) or np.any(np.diff(edges) <= 0) or edges[0] <= 0:
        raise InputError("the energies of the bins do not increase")
    return MapAxis.from_energy_edges(edges * u.MeV, name="energy")


def nodes_axis(hdus):
    """Read the axis of an exposure cube or diffuse model from ENERGIES (MeV)."""
    columns = hdus["ENERGIES"].columns
    column = next((c for c in columns if c.name.upper() == "ENERGY"), None)
    if column is None:
        raise InputError("ENERGIES has no column Energy")
    values = np.array(hdus["ENERGIES"].data[column.name], float)
    if not len(values) or np.any(np.diff(values) <= 0) or not values[0] > 0:
        raise InputError("the energies in ENERGIES do not increase")
    values = values * u.Unit(column.unit or "MeV").to("MeV")
    return MapAxis.from_nodes(values, unit="MeV", name="energy_true", interp="log")


def healpix_hdu(hdus):
    """Return the HDU with a HEALPix table, or None."""
    for hdu in hdus:
        if isinstance(hdu, fits.BinTableHDU) and hdu.header.get("PIXTYPE") == "HEALPIX":
            return hdu
    return None


def image_hdu(hdus, dimensions):
    """Return the first HDU that is an image with one of the given numbers of axes, or None."""
    for hdu in hdus:
        if hdu.is_image and hdu.header.get("NAXIS") in dimensions:
            return hdu
    return None


def wcs_map(hdu, axis, unit=""):
    """Convert an image or cube HDU to a WcsNDMap; the data keep their type."""
    data = hdu.data
    if data is None:
        raise InputError(f"HDU {hdu.name} contains no image")
    if data.ndim == 2:
        data = data[None]
    if data.shape[0] != axis.nbin:
        raise InputError(f"the cube has {data.shape[0]} planes but {axis.nbin} energies")
    wcs = _sky_wcs(hdu.header)
    wcs.array_shape = data.shape[1:]
    geom = WcsGeom(wcs, npix=data.shape[:0:-1], axes=[axis])
    return WcsNDMap(geom, _native(data), unit=unit)


def check_sky_keywords(header):
    """Refuse text and the like for numbers of the sky coordinates, which would count as 0."""
    for name in (f"{part}{axis}" for part in ("CRPIX", "CRVAL", "CDELT") for axis in (1, 2)):
        value = header.get(name, 0.0)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not np.isfinite(value):
            raise InputError(f"header keyword {name} is {str(value)!r}, a number was expected")


def _sky_wcs(header):
    """Read the sky coordinates of the first two axes."""
    check_sky_keywords(header)
    wcs = WCS(header, naxis=2)
    if not wcs.has_celestial:
        raise InputError("the header has no sky coordinates (CTYPE1, CTYPE2)")
    with np.errstate(over="ignore"):  # of absurd sizes, which are refused here
        scales = wcs.proj_plane_pixel_scales()
    for name, scale in zip(("CDELT1", "CDELT2"), scales, strict=True):
        if not _FINEST < scale.to_value("deg") < _COARSEST:
            raise InputError(
                f"pixels of {scale.to_value('deg'):.3g} deg ({name}), between {_FINEST:g} and "
                f"{_COARSEST:g} deg are expected"
            )
    return wcs


def _native(data):
    """Convert the array to the byte order of this machine, in place as it may be large."""
    if data.dtype.isnative:
        return data
    return data.byteswap(inplace=True).view(data.dtype.newbyteorder())


def hpx_map(hdu, axis, unit="", frame=None):
    """Convert a HEALPix table to an HpxNDMap; `frame` stands in for a missing COORDSYS."""
    header, table = hdu.header, hdu.data
    geom = _hpx_geom(header, table, axis, frame)
    columns = [name for name in table.columns.names if name.upper() not in _PIXEL_COLUMNS]
    if len(columns) != axis.nbin:
        raise InputError(f"the table has {len(columns)} channels but {axis.nbin} energies")
    values = np.empty((axis.nbin, len(table)), np.result_type(*[table[c] for c in columns]))
    for plane, column in zip(values, columns, strict=True):
        plane[:] = table[column]
    if not geom.is_allsky:  # gammapy orders the pixels of a partial sky by number
        values = values[:, np.argsort(_pixel_numbers(header, table))]
    return HpxNDMap(geom, values, unit=unit)


_PIXEL_COLUMNS = ("PIX", "PIXEL", "IPIX")


def _hpx_geom(header, table, axis, frame):
    nside, ordering = header.get("NSIDE"), str(header.get("ORDERING", "")).upper()
    if not isinstance(nside, int) or not 1 <= nside <= 8192 or nside & (nside - 1):
        raise InputError(f"NSIDE is {nside!r}, a power of two was expected")
    if ordering not in ("RING", "NEST", "NESTED"):
        raise InputError(f"ORDERING is {ordering!r}, RING or NESTED was expected")
    system = header.get("COORDSYS")
    frame = _FRAMES.get(str(system).strip().upper()) if system else frame
    if frame is None:
        raise InputError(f"COORDSYS is {system!r}, one of GAL, EQU or CEL was expected")
    pixels = _pixel_numbers(header, table)
    region = None
    if pixels is None:
        if len(table) != 12 * nside**2:
            raise InputError(
                f"{len(table)} HEALPix pixels, but NSIDE {nside} has {12 * nside**2} "
                "(and no column PIX identifies them)"
            )
    else:
        if len(np.unique(pixels)) != len(pixels) or pixels.min() < 0:
            raise InputError("HEALPix pixel numbers are repeated or negative")
        if pixels.max() >= 12 * nside**2:
            raise InputError(f"HEALPix pixel {pixels.max()} does not exist for NSIDE {nside}")
        region = (np.sort(pixels),)
    return HpxGeom(nside, nest=ordering != "RING", frame=frame, region=region, axes=[axis])


def _pixel_numbers(header, table):
    """Which pixels the rows are, or None for the whole sky in order."""
    scheme = str(header.get("INDXSCHM", "IMPLICIT")).upper()
    if scheme == "SPARSE":
        raise InputError("INDXSCHM 'SPARSE' is not supported; write the map as EXPLICIT")
    for name in table.columns.names:
        if name.upper() in _PIXEL_COLUMNS:
            return np.array(table[name], np.int64)
    return None


def image_geom(geom):
    """Return the pixels of a geometry without its energy axis."""
    return with_axes(geom, [])


def with_axes(geom, axes):
    """Return the same pixels with other axes; gammapy's own fails for a partial HEALPix sky."""
    if not geom.is_hpx or geom.is_allsky:
        image = geom.to_image()
        return image.to_cube(axes) if axes else image
    region = (_listed_pixels(geom),)
    return HpxGeom(geom.nside, geom.nest, geom.frame, region=region, axes=axes or None)


def _listed_pixels(geom):
    """Numbers of the pixels of a partial HEALPix sky."""
    first_plane = (0,) * len(geom.axes) or None
    return geom.get_idx(idx=first_plane, flat=True)[0]


def pixel_numbers(geom, position):
    """Find the numbers in a flattened image of the pixels at positions (an array SkyCoord), -1 off
    the image."""
    numbers = np.full(len(position), -1)
    if not len(position):
        return numbers
    on_map = np.ravel(geom.contains(position))
    index = geom.coord_to_idx(position[on_map])
    if geom.is_hpx:
        numbers[on_map] = geom.global_to_local(index)[0]
    else:
        numbers[on_map] = np.ravel_multi_index(index[::-1], geom.data_shape)
    return numbers


def geom_content(geom):
    """Return all that tells the pixels of two maps apart, for `fermiml.checkpoint.content_key`.

    gammapy's text of a geometry rounds its centre, and does not exist for a partial HEALPix sky
    with numpy 2.5.
    """
    if not geom.is_hpx:
        return geom.wcs.to_header_string(), geom.data_shape[-2:]
    return (
        int(geom.nside[0]),
        geom.nest,
        geom.frame,
        None if geom.is_allsky else _listed_pixels(geom),
    )


def read_nodes_map(path, unit, frame=None):
    """Read a map at energy nodes: gtexpcube2 output (cm2 s), a diffuse model, a gammapy map."""
    with open_fits(path) as hdus:
        if "ENERGIES" not in hdus:
            raise InputError("has no ENERGIES table: not an exposure cube (gtexpcube2)")
        axis = nodes_axis(hdus)
        table = healpix_hdu(hdus)
        if table is not None:
            return hpx_map(table, axis, unit, frame)
        image = image_hdu(hdus, (3,))
        if image is None:
            raise InputError("contains neither a cube nor a HEALPix table")
        return wcs_map(image, axis, unit)
