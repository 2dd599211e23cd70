"""Diffuse gamma-ray emission: intensities (ph cm-2 s-1 sr-1 MeV-1) anywhere on the sky.

A model is a list of terms. A term is a cube (a MapCube file, HEALPix or WCS), a template
times a spectrum, or isotropic; each can be rescaled, tilted in energy and multiplied by a
structure map. Positions are Galactic longitudes and latitudes in deg, energies are in MeV.
"""

from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path

import healpy
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits

from fermiml.errors import InputError
from fermiml.files import check_input, read_content
from fermiml.fitsfile import open_fits, reading
from fermiml.fitsmaps import read_nodes_map
from fermiml.response.interpolate import rows_at

TILT_PIVOT = 2000.0  # MeV, where a tilt changes nothing
_UNIT = "MeV-1 s-1 sr-1 cm-2"
_TINY = 1e-40
_LARGEST_SPECTRUM = 2**24  # bytes that the file of an isotropic spectrum is unpacked to


@dataclass(frozen=True)
class Term:
    """A part of a model. Subclasses give `base(lon, lat, energy)`.

    `structure` is a HEALPix map (RING, Galactic) that multiplies the intensity.
    """

    name: str
    norm: float = field(default=1.0, kw_only=True)
    tilt: float = field(default=0.0, kw_only=True)
    structure: np.ndarray | None = field(default=None, kw_only=True, repr=False)

    def intensity(self, lon, lat, energy):
        """Compute intensities with the shape (energy, position)."""
        energy = np.atleast_1d(np.asarray(energy, float))
        factor = self.norm * (energy / TILT_PIVOT) ** self.tilt
        values = self.base(lon, lat, energy) * factor[:, None]
        if self.structure is not None:
            values *= healpix_values(self.structure[None], lon, lat)
        return values


@dataclass(frozen=True)
class Cube(Term):
    """Intensities at energy nodes, as a gammapy map; log-log in energy, linear on the sky."""

    map: object = None

    def base(self, lon, lat, energy):
        """Return intensities as the file has them; constant slope beyond the last energies."""
        planes = _sample(self.map, lon, lat) * self.map.unit.to(_UNIT)
        return _power_laws(_nodes(self.map), planes, energy)


@dataclass(frozen=True)
class Template(Term):
    """A HEALPix map of any unit times the intensity (at `nodes`, MeV) of one such unit."""

    pixels: np.ndarray = None
    nodes: np.ndarray = None
    spectrum: np.ndarray = None

    def base(self, lon, lat, energy):
        """Multiply the template by the spectrum."""
        spectrum = _power_laws(self.nodes, self.spectrum[:, None], energy)
        return spectrum * healpix_values(self.pixels[None], lon, lat)


@dataclass(frozen=True)
class Isotropic(Term):
    """One spectrum everywhere."""

    nodes: np.ndarray = None
    spectrum: np.ndarray = None

    def base(self, lon, lat, energy):
        """Return the spectrum at every position."""
        spectrum = _power_laws(self.nodes, self.spectrum[:, None], energy)
        return np.broadcast_to(spectrum, (len(energy), np.size(lon))).copy()

    def lowered(self, nodes, spectrum):
        """Subtract an intensity that is simulated otherwise, but never below a tenth."""
        energy = self.nodes
        less = _power_laws(nodes, np.maximum(spectrum, _TINY)[:, None], energy)[:, 0]
        return replace(self, spectrum=np.maximum(self.spectrum - less, 0.1 * self.spectrum))


@dataclass(frozen=True)
class Diffuse:
    """A named sum of terms."""

    name: str
    terms: tuple

    def intensity(self, lon, lat, energy):
        """Sum the terms' intensities with the shape (energy, position)."""
        total = np.zeros((np.size(energy), np.size(lon)))
        for term in self.terms:
            total += term.intensity(lon, lat, energy)
        return total


@dataclass(frozen=True)
class Multiplied(Term):
    """Another term with one more structure map, of any resolution."""

    term: Term = None

    def base(self, lon, lat, energy):
        """Return the intensities of the other term."""
        return self.term.intensity(lon, lat, energy)


def healpix_values(planes, lon, lat):
    """Interpolate HEALPix planes (RING, Galactic) bilinearly, with the shape (plane, position)."""
    nside = healpy.npix2nside(planes.shape[1])
    pixels, weights = healpy.get_interp_weights(nside, lon, lat, lonlat=True)
    return np.einsum("epq,pq->eq", planes[:, pixels], weights)


def galactic_cube(path, fine=None, name=None):
    """Read a model of the Galaxy from a MapCube file.

    With `fine`, a HEALPix file of one energy, the cube is multiplied by that map's structure
    below the cube's own pixels: the map over its mean on the cube's grid.
    """
    cube = read_nodes_map(path, _UNIT, frame="galactic")
    structure = None if fine is None else fine_structure(read_healpix(fine), cube)
    return Cube(name or Path(path).name, structure=structure, map=cube)


def isotropic_file(path):
    """Read an isotropic spectrum as the LAT collaboration publishes it (energy, intensity)."""
    path = check_input(path, "an isotropic spectrum")
    with reading(path, "an isotropic spectrum"):
        text = read_content(path, _LARGEST_SPECTRUM).decode()
        rows = [line for line in text.splitlines() if line.partition("#")[0].strip()]
        table = np.loadtxt(rows, ndmin=2) if rows else np.zeros((0, 2))
        sound = table.shape[1] > 1 and np.all(np.isfinite(table[:, :2]) & (table[:, :2] > 0))
        if not (len(table) and sound and np.all(np.diff(table[:, 0]) > 0)):
            raise InputError("needs increasing energies (MeV) and positive intensities")
    return Isotropic(Path(path).stem, nodes=table[:, 0], spectrum=table[:, 1])


def read_healpix(path):
    """Read the sum of the columns of a HEALPix file, as a RING map."""
    with open_fits(path) as hdus:
        header, table = hdus[1].header, hdus[1].data
        if header.get("PIXTYPE") != "HEALPIX" and "NSIDE" not in header:
            raise InputError(f"{path}: is not a HEALPix map")
        pixels = np.sum([np.ravel(table[name]).astype(float) for name in table.names], axis=0)
    nested = str(header.get("ORDERING", "RING")).upper().startswith("NEST")
    return healpy.reorder(pixels, n2r=True) if nested else pixels


def fine_structure(pixels, cube):
    """Divide a map by itself as seen on the cube's grid, on the map's own pixels."""
    nside = healpy.npix2nside(len(pixels))
    lon, lat = healpy.pix2ang(nside, np.arange(len(pixels)), lonlat=True)
    geom = cube.geom.to_image()
    index = np.ravel_multi_index(geom.coord_to_idx((lon, lat), clip=True)[::-1], geom.data_shape)
    size = geom.data_shape[0] * geom.data_shape[1]
    total = np.bincount(index, pixels, size)
    hits = np.bincount(index, minlength=size)
    # Near the poles of a CAR grid most pixels hold no sample: they say nothing.
    mean = np.where(hits > 0, total / np.maximum(hits, 1), np.nan).reshape(geom.data_shape)
    mean = np.where(np.isfinite(mean), mean, np.nanmean(mean, axis=1, keepdims=True))
    coarse = type(cube)(cube.geom.to_image().to_cube([_one_node()]), mean[None])
    ratio = pixels / _sample(coarse, lon, lat)[0]
    return np.where(np.abs(lat) > 80, 1.0, np.nan_to_num(ratio, nan=1.0))


def embedded_galactic():
    """Read the model that comes with fermiml: coarse, for demonstrations, not for publication."""
    with _open_embedded("galactic.fits.gz") as hdus:
        nodes = np.array(hdus["ENERGIES"].data["ENERGY"], float)
        logs, fine = hdus["LOG_INTENSITY"], hdus["STRUCTURE"]
        planes = np.exp(logs.data * logs.header["STEP"] + logs.header["ZERO"])
        structure = np.exp(fine.data[0] * fine.header["STEP"] + fine.header["ZERO"])
    return Cube("embedded", structure=structure, map=_healpix_map(nodes, planes))


def embedded_isotropic(irf, types=("FRONT", "BACK")):
    """Read the isotropic spectrum of an IRF and a sum of event types, from the embedded table."""
    with _open_embedded("isotropic.fits") as hdus:
        nodes = np.array(hdus["ENERGIES"].data["ENERGY"], float)
        rows = {row["NAME"]: np.array(row["INTENSITY"], float) for row in hdus["ISOTROPIC"].data}
    if f"{irf}_{types[0]}" not in rows and irf not in rows:
        irf = "P8R3_SOURCE_V3"
    if len(types) == 1 or types != ("FRONT", "BACK"):
        wanted = [rows.get(f"{irf}_{t}", rows[irf]) for t in types]
    else:
        wanted = [rows[irf]]
    return Isotropic(f"iso_{irf}", nodes=nodes, spectrum=np.mean(wanted, axis=0))


def embedded_spectra():
    """Read intensity spectra of gas (per 1e20 H cm-2) and inverse Compton (MeV nodes)."""
    with _open_embedded("spectra.fits") as hdus:
        table = hdus["SPECTRA"].data
        return {name: np.array(table[name], float) for name in table.names}


def _open_embedded(name):
    path = resources.files("fermiml.data.diffuse").joinpath(name)
    with resources.as_file(path) as file:
        return fits.open(file, memmap=False)


def _one_node():
    from gammapy.maps import MapAxis

    return MapAxis.from_nodes([1.0], unit="MeV", name="energy_true")


def _healpix_map(nodes, planes):
    from gammapy.maps import HpxGeom, HpxNDMap, MapAxis

    axis = MapAxis.from_nodes(nodes, unit="MeV", name="energy_true", interp="log")
    nside = healpy.npix2nside(planes.shape[1])
    geom = HpxGeom(nside, nest=False, frame="galactic", axes=[axis])
    return HpxNDMap(geom, planes, unit=_UNIT)


def _nodes(cube):
    return cube.geom.axes["energy_true"].center.to_value("MeV")


def _sample(cube, lon, lat):
    """Interpolate all planes of a gammapy map at Galactic positions, linearly on the sky."""
    from scipy.ndimage import map_coordinates

    geom = cube.geom.to_image()
    if geom.is_hpx:
        ring = cube.data if not geom.nest else healpy.reorder(cube.data, n2r=True)
        if geom.frame == "galactic" and geom.is_allsky:
            return healpix_values(np.asarray(ring), lon, lat)
        raise InputError("a HEALPix diffuse model must cover the whole sky in Galactic pixels")
    position = SkyCoord(lon, lat, unit="deg", frame="galactic")
    x, y = geom.coord_to_pix(position)
    width = geom.data_shape[1]
    around = abs(width * geom.pixel_scales[0].deg - 360) < 1e-3
    if around:  # the first column follows the last
        x = np.mod(x, width)
        data = np.concatenate([cube.data, cube.data[..., :1]], axis=-1)
    else:
        data = cube.data
        if np.any(~geom.contains(position)):
            raise InputError("the diffuse model does not cover the field and its surroundings")
    pixels = np.array([y, x])
    return np.array([map_coordinates(p, pixels, order=1, mode="nearest") for p in data], float)


def _power_laws(nodes, rows, energy):
    """Interpolate rows at energies, log-log; beyond the ends the last slope continues."""
    logs, x = np.log(np.maximum(rows, _TINY)), np.log(nodes)
    if len(nodes) == 1:
        return np.repeat(np.exp(logs), len(energy), axis=0)
    wanted = np.log(energy)
    out = rows_at(x, logs, np.clip(wanted, x[0], x[-1]))
    for end, inner in ((0, 1), (-1, -2)):
        beyond = wanted < x[0] if end == 0 else wanted > x[-1]
        slope = (logs[end] - logs[inner]) / (x[end] - x[inner])
        out[beyond] = logs[end] + (wanted[beyond] - x[end])[:, None] * slope
    return np.exp(out)
