"""Regions for ds9 and gammapy: error ellipses at 95 % and extents, through the package
`regions`."""

import astropy.units as u
import numpy as np
from astropy.coordinates import FK5, SkyCoord

from fermiml.catalog.positions import decimal
from fermiml.catalog.source_classes import MEMBERS
from fermiml.errors import InputError

CLASS_COLOURS = {"AGN": "cyan", "PSR": "magenta", "SNR": "orange", "FAKE": "red"}
# 4FGL's classes, for rows that no classifier has seen
_KNOWN_CLASSES = {
    **dict.fromkeys(("bll", "fsrq", "bcu", "agn", "rdg", "nlsy1", "ssrq", "css", "sey"), "AGN"),
    **dict.fromkeys(MEMBERS["PSR"], "PSR"),
    **dict.fromkeys(MEMBERS["SNR"], "SNR"),
}
OTHER_CLASS = "green"
MATCH_COLOURS = {True: "green", False: "yellow"}
_BRACES = str.maketrans("{}", "()")
_ASSOCIATIONS = ("ASSOC_4FGL", "ASSOC_FGL", "ASSOC_FHL", "ASSOC_GAM1", "ASSOC1")


def to_regions(table, colour, outlines):
    """Make an ellipse for each source, or a point where none is known, as `Regions`.

    `outlines` are as of `SourceCatalog.outlines`.
    """
    from regions import EllipseSkyRegion, PointSkyRegion, Regions

    regions = []
    for shape, look in _shapes(table, colour, outlines):
        center = SkyCoord(shape[0], shape[1], unit="deg", frame=FK5)
        look = {"meta": {"text": look[0]}, "visual": {"color": look[1]}}
        if len(shape) == 2:
            regions.append(PointSkyRegion(center, **look))
        else:  # region sizes are full axes
            sizes = (2 * size * u.deg for size in shape[2:4])
            regions.append(EllipseSkyRegion(center, *sizes, angle=shape[4] * u.deg, **look))
    return Regions(regions)


def to_ds9(table, colour, outlines):
    """Return the text of a ds9 region file, from the same as `to_regions`."""
    lines = ["# Region file format: DS9", "fk5"]
    for shape, (text, color) in _shapes(table, colour, outlines):
        kind = "point" if len(shape) == 2 else "ellipse"
        numbers = ",".join(f"{number:.6f}" for number in shape)
        lines.append(f"{kind}({numbers}) # text={{{text}}} color={color}")
    return "\n".join(lines) + "\n"


def _shapes(table, colour, outlines):
    """Return (numbers, (text, colour)) by row: position, where known with half axes and angle.

    The angle turns the long axis from west through north, as ds9 has it; a position angle is from
    north through east.
    """
    if colour not in ("class", "match"):
        raise InputError(f"colour {colour!r}, expected 'class' or 'match'")
    ra, dec = (decimal(table[name]) for name in ("RAJ2000", "DEJ2000"))
    major, minor, angle = map(decimal, outlines)
    known = np.isfinite(major) & np.isfinite(minor)
    numbers = np.column_stack([ra, dec, major, minor, angle + 90]).tolist()
    shapes = (row if whole else row[:2] for row, whole in zip(numbers, known, strict=True))
    return zip(shapes, zip(_labels(table), _colours(table, colour), strict=True), strict=True)


def _labels(table):
    """Yield name and significance of each source; braces would end a text of ds9."""
    names = (name.translate(_BRACES) for name in table["Source_Name"].tolist())
    for name, sigma in zip(names, np.asarray(table["Signif_Avg"], float).tolist(), strict=True):
        yield name if np.isnan(sigma) else f"{name} ({sigma:.1f} sigma)"


def _colours(table, by):
    if by == "match":
        known = np.any([np.asarray(table[name]) != "" for name in _ASSOCIATIONS], axis=0)
        return [MATCH_COLOURS[match] for match in known.tolist()]
    classes = zip(table["ML_Class"].tolist(), table["CLASS1"].tolist(), strict=True)
    return [CLASS_COLOURS.get(ours or _KNOWN_CLASSES.get(theirs.strip().lower()), OTHER_CLASS)
            for ours, theirs in classes]  # fmt: skip
