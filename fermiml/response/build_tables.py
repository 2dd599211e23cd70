"""The command that rebuilds data/irfs from CALDB files and a livetime cube:

python -m fermiml.response.build_tables CALDB_FOLDER --livetime ltcube.fits -o data/irfs
"""

import logging
from pathlib import Path

import numpy as np
from astropy.io import fits

from fermiml.errors import InputError
from fermiml.response.caldb import COSTHETA, ENERGY, RATIO, read_caldb
from fermiml.response.exposure import read_livetime
from fermiml.response.irfs import PARTITIONS
from fermiml.response.psf import RAD

log = logging.getLogger(__name__)

COMPACT = (
    "P8R3_SOURCE_V3",
    "P8R3_CLEAN_V3",
    "P8R3_ULTRACLEANVETO_V3",
    "P8R3_SOURCEVETO_V3",
    "P8R2_SOURCE_V6",
)


def survey_pattern(livetime_cube):
    """Fraction of the good time that a declination spends at each inclination.

    From a livetime cube of a survey of several years; the right ascension is averaged out.
    Returns declination (deg), edges of costheta and the table (declination, costheta bin).
    """
    import healpy

    with fits.open(livetime_cube) as hdus:
        header, edges, livetime = read_livetime(hdus)
        good_time = np.sum(hdus["GTI"].data["STOP"] - hdus["GTI"].data["START"])
    nested = header["ORDERING"].upper().startswith("NEST")
    pixels = np.arange(len(livetime))
    _, declination = healpy.pix2ang(header["NSIDE"], pixels, nest=nested, lonlat=True)
    centers = np.arange(-87.5, 90, 5.0)
    bins = np.digitize(declination, centers[:-1] + 2.5)
    fraction = [livetime[bins == i].mean(axis=0) / good_time for i in range(len(centers))]
    return centers, edges, np.array(fraction)


def write_compact(folder, name, output):
    """One file of data/irfs: a row for each event type, and the axes in a second table."""
    rows = [r for members in PARTITIONS for r in _present(folder, name, members)]
    columns = [
        fits.Column("EVTYPE", "8A", array=[r.types[0] for r in rows]),
        _table_column("AEFF", [r.aeff for r in rows], "cm2"),
        _table_column("PSF", [r.psf.values for r in rows], "sr-1"),
        _table_column("EDISP", [r.edisp for r in rows], ""),
    ]
    axes = {"ENERGY": ENERGY, "COSTHETA": COSTHETA, "RAD": RAD, "RATIO": RATIO}
    units = {"ENERGY": "MeV", "RAD": "deg"}
    axis_columns = [
        fits.Column(key, f"{len(values)}D", unit=units.get(key), array=values[None])
        for key, values in axes.items()
    ]
    hdus = [
        fits.PrimaryHDU(),
        fits.BinTableHDU.from_columns(columns, name="RESPONSE"),
        fits.BinTableHDU.from_columns(axis_columns, name="AXES"),
    ]
    hdus[1].header["IRF"] = name
    fits.HDUList(hdus).writeto(Path(output) / f"{name}.fits", overwrite=True)


def _present(folder, name, members):
    try:
        return read_caldb(folder, name, members)
    except InputError as error:
        log.info("%s", error)
        return []


def _table_column(name, arrays, unit):
    rows = np.array(arrays, np.float32)
    size = rows[0].size
    shape = f"({rows.shape[2]},{rows.shape[1]})"
    return fits.Column(
        name, f"{size}E", dim=shape, unit=unit or None, array=rows.reshape(len(rows), size)
    )


def write_survey(livetime_cube, output):
    """data/irfs/survey.fits, what fermiml estimates an exposure from."""
    declination, edges, fraction = survey_pattern(livetime_cube)
    columns = [
        fits.Column("DEC", "E", unit="deg", array=declination),
        fits.Column("SHARE", f"{fraction.shape[1]}E", array=fraction.astype(np.float32)),
    ]
    edge_column = fits.Column("COSTHETA", "E", array=edges)
    fits.HDUList(
        [
            fits.PrimaryHDU(),
            fits.BinTableHDU.from_columns(columns, name="SURVEY"),
            fits.BinTableHDU.from_columns([edge_column], name="EDGES"),
        ]
    ).writeto(Path(output) / "survey.fits", overwrite=True)


def main(arguments=None):
    """Rebuild data/irfs."""
    import argparse

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("caldb", help="folder with the CALDB files, e.g. $CALDB")
    parser.add_argument(
        "--livetime", help="all-sky livetime cube of several years, for survey.fits"
    )
    parser.add_argument("-o", "--output", default="data/irfs")
    options = parser.parse_args(arguments)
    for name in COMPACT:
        write_compact(options.caldb, name, options.output)
    if options.livetime:
        write_survey(options.livetime, options.output)


if __name__ == "__main__":
    main()
