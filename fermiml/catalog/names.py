"""The names of 4FGL-DR4 that come with fermiml, and the command that makes their file:

    python -m fermiml.catalog.names gll_psc_v35.fit -o data/4FGL-DR4.fits.gz

Positions with error ellipses, classes, associated names and sizes of extended sources; no fluxes.
"""

import argparse
import gzip
import io
from importlib import resources

import numpy as np
from astropy.io import fits
from astropy.table import Table

from fermiml.catalog.catalog import SourceCatalog
from fermiml.catalog.fitsio import EXTNAME
from fermiml.files import replacing

RELEASE = "4FGL-DR4"
COLUMNS = (
    "Source_Name", "RAJ2000", "DEJ2000", "Conf_95_SemiMajor", "Conf_95_SemiMinor",
    "Conf_95_PosAng", "CLASS1", "ASSOC1", "Extended_Source_Name",
)  # fmt: skip
EXTENDED_COLUMNS = (
    "Source_Name", "RAJ2000", "DEJ2000", "Model_Form", "Model_SemiMajor", "Model_SemiMinor",
    "Model_PosAng", "Spatial_Function",
)  # fmt: skip


def known_names():
    """Read the sources of 4FGL-DR4: what `SourceCatalog.associate` needs, and no more."""
    with resources.as_file(resources.files("fermiml.data") / f"{RELEASE}.fits.gz") as path:
        return SourceCatalog.read(path)


def write(release, path, overwrite=False):
    """Write the columns of a 4FGL file with names and positions; the same input gives the same
    file."""
    with fits.open(release) as hdus:
        sources, extended = hdus[EXTNAME].data, hdus["ExtendedSources"].data
        hdu = fits.table_to_hdu(Table({name: _short(sources[name]) for name in COLUMNS}))
        sizes = fits.table_to_hdu(Table({name: extended[name] for name in EXTENDED_COLUMNS}))
    hdu.name, sizes.name = EXTNAME, "ExtendedSources"
    hdu.header["CDS-NAME"] = RELEASE
    raw = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu, sizes]).writeto(raw)
    with replacing(path, overwrite) as temporary:
        temporary.write_bytes(gzip.compress(raw.getvalue(), 9, mtime=0))


def _short(values):
    """Round numbers to 1e-4, so that they compress better."""
    return values if values.dtype.kind in "US" else np.round(values.astype("f4"), 4)


def main():
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("release", help="gll_psc_v35.fit")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--overwrite", action="store_true")
    options = parser.parse_args()
    write(options.release, options.output, options.overwrite)


if __name__ == "__main__":
    main()
