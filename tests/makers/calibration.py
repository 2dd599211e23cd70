"""A small folder of calibration files, with the formulae and columns of the LAT's CALDB."""

import numpy as np
from astropy.io import fits

NAME = "P8R9_TEST_V1"
TYPES = ("FRONT", "BACK")
_ENERGY = np.geomspace(30.0, 3e6, 9)
_COSTHETA = np.linspace(0.2, 1.0, 4)
_PSF = {"NCORE": 1.0, "NTAIL": 0.1, "SCORE": 0.8, "STAIL": 1.5, "GCORE": 2.5, "GTAIL": 3.0}
_DISPERSION = {"F": 0.8, "S1": 0.5, "K1": 1.2, "BIAS": 0.0, "BIAS2": 0.0, "S2": 1.0, "K2": 1.0,
               "PINDEX1": 1.5, "PINDEX2": 1.2}  # fmt: skip


def write(folder):
    """Write the files of one partition; return their paths by kind."""
    folder.mkdir()
    hdus = {
        "aeff": [_table(f"EFFECTIVE AREA_{t}", {"EFFAREA": 0.5}) for t in TYPES],
        "psf": [
            *(_table(f"RPSF_{t}", _PSF) for t in TYPES),
            *(_scales(f"PSF_SCALING_PARAMS_{t}", "PSFSCALE", [0.06, 0.001, -0.8]) for t in TYPES),
        ],
        "edisp": [
            *(_table(f"ENERGY DISPERSION_{t}", _DISPERSION) for t in TYPES),
            *(_scales(f"EDISP_SCALING_PARAMS_{t}", "EDISPSCALE", [0.01, 0, -0.1, 0, 0, 0.4])
              for t in TYPES),
        ],
    }  # fmt: skip
    paths = {kind: folder / f"{kind}_{NAME}_FB.fits" for kind in hdus}
    for kind, tables in hdus.items():
        fits.HDUList([fits.PrimaryHDU(), *tables]).writeto(paths[kind])
    return paths


def _table(name, values):
    """One row: edges of energy and inclination, and the same values in all cells."""
    edges = {"ENERG_LO": _ENERGY[:-1], "ENERG_HI": _ENERGY[1:],
             "CTHETA_LO": _COSTHETA[:-1], "CTHETA_HI": _COSTHETA[1:]}  # fmt: skip
    cells = (len(_ENERGY) - 1) * (len(_COSTHETA) - 1)
    rows = edges | {key: np.full(cells, value) for key, value in values.items()}
    columns = [fits.Column(key, f"{len(row)}E", array=row[None]) for key, row in rows.items()]
    return fits.BinTableHDU.from_columns(columns, name=name)


def _scales(name, column, values):
    column = fits.Column(column, f"{len(values)}E", array=np.array([values]))
    return fits.BinTableHDU.from_columns([column], name=name)
