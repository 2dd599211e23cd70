"""Makes the coarse diffuse tables of data/diffuse from the official files:

    python -m fermiml.simulate.embed GLL_IEM ISO_FOLDER --fine HEALPIX_MAP -o data/diffuse

They are derived, coarse and meant for demonstrations and training, not for publication.
"""

from pathlib import Path

import healpy
import numpy as np
from astropy.io import fits

from fermiml.fitsmaps import read_nodes_map
from fermiml.model.diffuse import (
    _UNIT,
    _nodes,
    _sample,
    fine_structure,
    healpix_values,
    isotropic_file,
    read_healpix,
)
from fermiml.simulate import gas

NSIDE = 64
NODES = np.geomspace(50.0, 800e3, 19)  # MeV
_NOTE = "coarse and derived: for demonstrations, not for publication"


def _packed(values, name):
    """Pack logarithms as 16-bit integers with a common step (at most 0.04 % off)."""
    logs = np.log(values)
    zero, step = 0.5 * (logs.max() + logs.min()), (logs.max() - logs.min()) / 65000
    hdu = fits.ImageHDU(np.round((logs - zero) / step).astype(np.int16), name=name)
    hdu.header["ZERO"], hdu.header["STEP"] = zero, step
    hdu.header["COMMENT"] = "exp(value * STEP + ZERO); HEALPix RING, Galactic"
    hdu.header["COMMENT"] = _NOTE
    return hdu


def _energies():
    return fits.BinTableHDU.from_columns(
        [fits.Column("ENERGY", "D", unit="MeV", array=NODES)], name="ENERGIES"
    )


def _galactic(path, fine):
    """Read planes at NSIDE and NODES, and the structure map on its own pixels."""
    cube = read_nodes_map(path, _UNIT, frame="galactic")
    lon, lat = healpy.pix2ang(NSIDE, np.arange(12 * NSIDE**2), lonlat=True)
    nodes = _nodes(cube)
    planes = _sample(cube, lon, lat)
    logs = [np.interp(np.log(NODES), np.log(nodes), column) for column in np.log(planes).T]
    return np.exp(np.array(logs).T), fine_structure(read_healpix(fine), cube)


def write_galactic(planes, structure, output):
    """Write galactic.fits.gz."""
    hdus = [
        fits.PrimaryHDU(),
        _packed(planes, "LOG_INTENSITY"),
        _packed(np.clip(structure, 0.2, 5.0)[None], "STRUCTURE"),
        _energies(),
    ]
    fits.HDUList(hdus).writeto(Path(output) / "galactic.fits.gz", overwrite=True)


def write_isotropic(folder, output):
    """Write isotropic.fits: every published spectrum at NODES."""
    rows = {}
    for path in sorted(Path(folder).glob("iso_*.txt")):
        term = isotropic_file(path)
        name = path.stem.removeprefix("iso_").removesuffix("_v1").removesuffix("_v06")
        rows[name] = term.intensity(np.zeros(1), np.zeros(1), NODES)[:, 0]
    table = fits.BinTableHDU.from_columns(
        [
            fits.Column("NAME", "32A", array=list(rows)),
            fits.Column("INTENSITY", f"{len(NODES)}E", unit=_UNIT, array=list(rows.values())),
        ],
        name="ISOTROPIC",
    )
    table.header["COMMENT"] = _NOTE
    fits.HDUList([fits.PrimaryHDU(), table, _energies()]).writeto(
        Path(output) / "isotropic.fits", overwrite=True
    )


def write_spectra(planes, output):
    """Write spectra.fits: the spectra of the official model, per gas column and for inverse
    Compton.

    A linear fit at every energy, |b| > 8 deg and outside the Fermi bubbles' and Loop I's
    longitudes, where the gas is local and the templates can be trusted.
    """
    lon, lat = healpy.pix2ang(NSIDE, np.arange(12 * NSIDE**2), lonlat=True)
    use = (np.abs(lat) > 8) & (np.abs((lon + 180) % 360 - 180) > 60)
    hi, dark = gas.gas_templates(gradient=0.0)
    compton = healpix_values(gas.compton_template()[None], lon, lat)[0]
    design = np.column_stack([hi, dark, compton])[use]
    weight = 1 / planes[:, use].mean(axis=0)
    spectra = [_positive_fit(design * weight[:, None], p[use] * weight) for p in planes]
    columns = [fits.Column("ENERGY", "D", unit="MeV", array=NODES)]
    for name, values in zip(("GAS", "DARK", "COMPTON"), np.array(spectra).T, strict=True):
        columns.append(fits.Column(name, "D", unit=_UNIT, array=values))
    table = fits.BinTableHDU.from_columns(columns, name="SPECTRA")
    table.header["COMMENT"] = _NOTE
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(Path(output) / "spectra.fits", overwrite=True)


def _positive_fit(design, values):
    from scipy.optimize import nnls

    scale = design.mean(axis=0)
    return nnls(design / scale, values / values.mean())[0] * values.mean() / scale


def main(arguments=None):
    """Make data/diffuse."""
    import argparse

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("galactic", help="gll_iem_v07.fits, at any resolution")
    parser.add_argument("isotropic", help="folder with iso_*.txt")
    parser.add_argument("--fine", required=True, help="HEALPix map with the fine structure")
    parser.add_argument("-o", "--output", default="data/diffuse")
    options = parser.parse_args(arguments)
    planes, structure = _galactic(options.galactic, options.fine)
    write_galactic(planes, structure, options.output)
    write_isotropic(options.isotropic, options.output)
    write_spectra(planes, options.output)


if __name__ == "__main__":
    main()
