"""The file of instance masks of a simulated field: for each source the pixels that belong to it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits

from fermiml.errors import InputError
from fermiml.fitsmaps import open_fits
from fermiml.model import masks
from fermiml.networks.targets import EXTENDED

NAME = "masks.fits"
_LEAST_TS = 4.0  # Asimov TS of the sources that have a mask
_HDU = "MASKS"


@dataclass(frozen=True)
class TrueMask:
    """The mask of a source."""

    name: str
    extended: bool
    extent: float  # deg
    box: tuple  # first and last x, first and last y; None of HEALPix data
    pixels: np.ndarray  # numbers of pixels, row by row


def write(path, fields, sources, rows, table):
    """Write the masks of the sources of a truth table, which are `rows` of `sources`."""
    known = np.flatnonzero(np.asarray(table["TS_Asimov"]) > _LEAST_TS)
    chosen = sources[[rows[i] for i in known]]
    found = masks.of_sources([f.observation for f in fields], chosen, [f.expected for f in fields])
    shape = fields[0].observation.pixels.shape
    boxes = np.array([_box(pixels, shape) for pixels in found], np.int32).reshape(-1, 4)
    numbers = np.empty(len(found), object)
    numbers[:] = [pixels.astype(np.int32) for pixels in found]
    names = np.asarray(table["Source_Name"], str)[known]
    hdu = fits.BinTableHDU.from_columns(
        [
            fits.Column("Source_Name", "18A", array=names),
            fits.Column("Extended", "L", array=chosen.size >= EXTENDED),
            fits.Column("Extent", "E", unit="deg", array=chosen.size),
            fits.Column("Box", "4J", unit="pixel", array=boxes),
            fits.Column("Pixels", "PJ()", array=numbers),
        ],
        name=_HDU,
    )
    hdu.header["FRACTION"] = masks.FRACTION, "least counts of a pixel, over the largest"
    hdu.header["NOISE"] = masks.NOISE, "and over the root of all expected counts"
    hdu.writeto(path, checksum=True)


def read(path):
    """Read the masks in a file, as a dictionary by name."""
    with open_fits(path) as hdus:
        if _HDU not in hdus:
            raise InputError(f"{path}: contains no masks (HDU {_HDU})")
        rows = hdus[_HDU].data
        return {
            str(row["Source_Name"]).strip(): TrueMask(
                str(row["Source_Name"]).strip(),
                bool(row["Extended"]),
                float(row["Extent"]),
                tuple(row["Box"].tolist()) if row["Box"][0] >= 0 else None,
                np.array(row["Pixels"], int),
            )
            for row in rows
        }


def read_of(folder):
    """Read the masks in the folder of a field; None where there are none, or no image."""
    path = Path(folder) / NAME
    if not path.is_file():
        return None
    found = read(path)
    return found if any(mask.box for mask in found.values()) else None


def _box(pixels, shape):
    """Return first and last x, first and last y of pixels; -1 where there are none, or no image."""
    if len(shape) != 2 or not len(pixels):
        return -1, -1, -1, -1
    y, x = np.unravel_index(pixels, shape)
    return x.min(), x.max(), y.min(), y.max()
