"""Regions for ds9 and gammapy: error ellipses at 95 %, through the `regions` package."""

import astropy.units as u
import numpy as np
from astropy.coordinates import FK5, SkyCoord

from fermiml.catalog.positions import decimal
from fermiml.errors import InputError

CLASS_COLOURS = {"AGN": "cyan", "PSR": "magenta", "FAKE": "red"}
# 4FGL's classes, for rows that no classifier has seen
_KNOWN_CLASSES = {
    **dict.fromkeys(("bll", "fsrq", "bcu", "agn", "rdg", "nlsy1", "ssrq", "css", "sey"), "AGN"),
    **dict.fromkeys(("psr", "msp"), "PSR"),
}
OTHER_CLASS = "green"
MATCH_COLOURS = {True: "green", False: "yellow"}
_NUMBERS = ("RAJ2000", "DEJ2000", "Conf_95_SemiMajor", "Conf_95_SemiMinor", "Conf_95_PosAng")
_ASSOCIATIONS = ("ASSOC_4FGL", "ASSOC_FGL", "ASSOC_FHL", "ASSOC_GAM1", "ASSOC1")


def to_regions(table, colour="class"):
    """An ellipse for each source, or a point where the error is not known, as `Regions`."""
    from regions import EllipseSkyRegion, PointSkyRegion, Regions

    if colour not in ("class", "match"):
        raise InputError(f"colour {colour!r}, expected 'class' or 'match'")
    regions = []
    for row in table:
        ra, dec, major, minor, angle = decimal([row[name] for name in _NUMBERS])
        center = SkyCoord(ra, dec, unit="deg", frame=FK5)
        look = {
            "meta": {"text": label(row)},
            "visual": {"color": _colour(row, colour)},
        }
        if np.isfinite(major) and np.isfinite(minor):
            # Region sizes are full axes. Their angle turns the long axis from west through
            # north, as ds9 has it, and a position angle is from north through east.
            look |= {"angle": (np.nan_to_num(angle) + 90) * u.deg}
            regions.append(EllipseSkyRegion(center, 2 * major * u.deg, 2 * minor * u.deg, **look))
        else:
            regions.append(PointSkyRegion(center, **look))
    return Regions(regions)


def label(row):
    """Name and significance of a source."""
    significance = float(row["Signif_Avg"])
    text = "" if np.isnan(significance) else f" ({significance:.1f} sigma)"
    return f"{row['Source_Name']}{text}"


def _colour(row, by):
    if by == "match":
        return MATCH_COLOURS[any(row[name] for name in _ASSOCIATIONS)]
    known = _KNOWN_CLASSES.get(str(row["CLASS1"]).strip().lower())
    return CLASS_COLOURS.get(row["ML_Class"] or known, OTHER_CLASS)


def to_ds9(table, colour="class"):
    """The text of a ds9 region file."""
    regions = to_regions(table, colour)
    if not len(regions):
        return "# Region file format: DS9\nfk5\n"
    return regions.serialize(format="ds9", precision=6) + "\n"
