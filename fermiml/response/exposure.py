"""Exposure (cm2 s): from a livetime cube, or estimated from the good time of a survey."""

from functools import cache

import numpy as np
from astropy import units as u
from gammapy.maps import HpxGeom, HpxNDMap, MapAxis, WcsGeom, WcsNDMap

from fermiml.errors import InputError
from fermiml.fitsfile import open_fits
from fermiml.fitsmaps import image_geom
from fermiml.response.installed import open_table
from fermiml.response.interpolate import rows_at, within_reach

_RIM = 1e-6  # pixels beyond a map's edge that are rounding
_NOTHING = 1e-3  # cm2 s; stands for zero, so that logarithms exist


def sample(exposure, position, energy):
    """Exposure at energies (MeV) and positions (SkyCoord), with their axes in this order.

    Linear on the sky, log-log in energy; NaN where the map does not reach.
    """
    position = position.reshape(position.shape or (1,))
    planes = _sample_planes(exposure, position.ravel())
    nodes = np.log(exposure.geom.axes["energy_true"].center.to_value("MeV"))
    log_energy = np.log(np.atleast_1d(energy))
    out = np.exp(rows_at(nodes, np.log(np.maximum(planes, _NOTHING)), log_energy))
    out[~within_reach(nodes, log_energy)] = np.nan
    return (out * exposure.unit.to("cm2 s")).reshape(len(out), *position.shape)


def _sample_planes(exposure, position):
    """Every plane of the map at the positions, (node, position)."""
    if isinstance(exposure, WcsNDMap):
        return _sample_wcs(exposure, position)
    return _sample_hpx(exposure, position)


def _sample_wcs(exposure, position):
    from scipy.ndimage import map_coordinates

    image = image_geom(exposure.geom)
    x, y = image.coord_to_pix(position)
    width, height = (int(n) for n in image.data_shape[::-1])
    # At the pole itself, the rim of a map of the whole sky, rounding may not lead outside.
    inside = (np.abs(x - (width - 1) / 2) < width / 2 + _RIM) & (
        np.abs(y - (height - 1) / 2) < height / 2 + _RIM
    )
    pixels = np.nan_to_num([y, x])
    planes = [map_coordinates(p, pixels, order=1, mode="nearest") for p in exposure.data]
    return np.where(inside, np.array(planes, float), np.nan)


def _sample_hpx(exposure, position):
    image = image_geom(exposure.geom)
    pixel = image.coord_to_idx(position)
    local = np.atleast_1d(image.global_to_local(pixel, ravel=True))
    return np.where(local >= 0, exposure.data[:, np.maximum(local, 0)], np.nan)


@cache
def _survey():
    """Read the embedded survey pattern: declination, edges of costheta, fraction of the time."""
    with open_table("survey.fits") as hdus:
        table = hdus["SURVEY"].data
        return (
            np.array(table["DEC"], float),
            np.array(hdus["EDGES"].data["COSTHETA"], float),
            np.array(table["SHARE"], float),
        )


def inclinations(declination):
    """Edges of costheta, and the fraction of the good time that a survey spends in between."""
    dec, edges, fraction = _survey()
    return edges, fraction[np.argmin(np.abs(dec - declination))]


def estimate(good_time, response):
    """All-sky exposure of `good_time` seconds of survey; right to 10 % for a year or more."""
    declination, edges, fraction = _survey()
    area = mean_area(response, edges)
    table = good_time * fraction @ area.T  # (declination, energy)
    geom = WcsGeom.create(
        binsz=2, proj="CAR", frame="icrs", axes=[_nodes(response)], skydir=(0, 0), width=(360, 180)
    )
    dec = geom.to_image().get_coord().lat.to_value("deg")
    planes = [np.interp(dec, declination, column) for column in table.T]
    return WcsNDMap(geom, np.array(planes), unit="cm2 s")


def from_livetime_cube(path, response):
    """Livetime (gtltcube) times effective area, on the livetime cube's own HEALPix grid."""
    with open_fits(path) as hdus:
        header, edges, livetime = read_livetime(hdus)
    values = mean_area(response, edges) @ livetime.T
    geom = HpxGeom(
        header["NSIDE"],
        nest=header["ORDERING"].upper() != "RING",
        frame="galactic" if header["COORDSYS"].upper().startswith("GAL") else "icrs",
        axes=[_nodes(response)],
    )
    return HpxNDMap(geom, values, unit="cm2 s")


def read_livetime(hdus):
    """Header, rising edges of costheta and livetime (pixel, bin) of an open livetime cube."""
    if "EXPOSURE" not in hdus or "CTHETABOUNDS" not in hdus:
        raise InputError("is not a livetime cube (HDUs EXPOSURE and CTHETABOUNDS)")
    header, bounds = hdus["EXPOSURE"].header, hdus["CTHETABOUNDS"].data
    livetime = np.array(hdus["EXPOSURE"].data["COSBINS"], float)
    if len(livetime) != 12 * header["NSIDE"] ** 2:
        raise InputError("the livetime cube does not cover the whole sky")
    edges = np.append(bounds["CTHETA_MAX"], bounds["CTHETA_MIN"][-1]).astype(float)
    return header, edges[::-1], livetime[:, ::-1]


def is_livetime_cube(path):
    """Whether a FITS file comes from gtltcube rather than gtexpcube2."""
    with open_fits(path) as hdus:
        return "CTHETABOUNDS" in hdus


def _nodes(response):
    return MapAxis.from_nodes(response.energy * u.MeV, name="energy_true", interp="log")


def mean_area(response, edges, energy=None, steps=8):
    """Effective area averaged over bins of costheta (rising edges), (energy, bin)."""
    energy = response.energy if energy is None else np.asarray(energy)
    points = edges[:-1, None] + np.diff(edges)[:, None] * (np.arange(steps) + 0.5) / steps
    area = response.effective_area(energy, points.ravel())
    return area.reshape(len(energy), *points.shape).mean(axis=2)
