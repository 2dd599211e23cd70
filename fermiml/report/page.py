"""One self-contained HTML page: an interactive map of the sky and a table of the sources.

It loads nothing from anywhere: pictures, data, style and script are in the file. What comes from a
catalog or a file name is escaped here, or goes into the page as data that is never read as HTML.
"""

import html
import io
import json
from importlib import resources
from string import Template

import numpy as np

from fermiml.catalog.flags import FLAG_MEANING
from fermiml.report import sky_picture, source_table
from fermiml.report.light_curve_points import light_curves
from fermiml.report.source_table import SHOWN, Shown

# The script of the page, in this order; the last one begins when all others are defined.
SCRIPTS = (
    "objects", "map", "labels", "layers", "table", "downloads", "panel", "spectrum", "light_curve",
    "start",
)  # fmt: skip
# Of a known source.
KNOWN = (
    Shown("Source_Name", "Name"),
    Shown("TS_Expected", "TS expected", 1, tip=True),
    Shown("Signif_Avg", "Sigma", 1, tip=True),
    Shown("Flux1000", "Flux 1-100 GeV", 2, "exp", tip=True),
    Shown("CLASS1", "Class", tip=True),
    Shown("ASSOC1", "Association", tip=True),
    Shown("Name_ML", "Found by the network as", tip=True),
    Shown("Sep_ML", "at a distance of", 3),
    Shown("Name_traditional", "Found traditionally as", tip=True),
    Shown("Sep_traditional", "at a distance of", 3),
    Shown("GLON", "l", 3),
    Shown("GLAT", "b", 3),
    Shown("RAJ2000", "RA", 3),
    Shown("DEJ2000", "Dec", 3),
)


def build(
    geom, layers, catalog, *, title, shown=SHOWN, groups=None, colours=None, facts=(), figures=(),
    known=None,
):  # fmt: skip
    """Build the page as a text.

    Parameters
    ----------
    geom : gammapy WcsGeom
        Of the pictures.
    layers : dict
        Name -> `fermiml.plot.sky_images.SkyImage`; the first is shown initially.
    catalog : SourceCatalog
        The rows of the table and the marks on the map.
    title : str
    shown : sequence of Shown
        Columns of the table; those that the catalog lacks or that are empty are left out.
    groups : sequence of str, optional
        The kind of each row, which sets its colour and has a switch on the page.
    colours : dict, optional
        The colour of each kind, in the order of the switches.
    facts : sequence of (str, str)
        Shown at the top.
    figures : sequence of (str, matplotlib Figure)
        With captions, at the bottom.
    known : SourceCatalog, optional
        Known sources, as crosses on the map. If neither these nor those of `catalog` are
        simulated, sources have links to databases.
    """
    groups = np.full(len(catalog), "sources") if groups is None else np.asarray(groups)
    colours = colours or dict.fromkeys(dict.fromkeys(groups.tolist()), "#0072b2")
    height, width = geom.data_shape
    data = {
        "width": int(width),
        "height": int(height),
        "layers": [sky_picture.layer(name, image) for name, image in layers.items()],
        "lines": sky_picture.graticule(geom),
        "sky": sky_picture.directions(geom),
        "groups": [{"name": str(n), "colour": c} for n, c in colours.items()],
        "sources": {
            "group": [list(colours).index(g) for g in groups.tolist()],
            "spectra": source_table.spectra(catalog),
            "curves": light_curves(catalog),
            **_objects(catalog, geom, shown),
        },
        "known": None if known is None else _known(known, geom),
        "flags": [[int(flag), meaning] for flag, meaning in FLAG_MEANING.items()],
        "links": not any(c.simulated for c in (catalog, known) if c is not None),
    }
    return Template(_part("page.html")).substitute(
        title=html.escape(title),
        style=_part("page.css"),
        script="\n".join(_part(f"js/{name}.js") for name in SCRIPTS),
        data=as_script(data),
        facts="\n".join(f"<dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd>" for k, v in facts),
        figures="\n".join(_figure(*f) for f in figures),
    )


def _objects(catalog, geom, shown):
    """Describe sources of either kind: table, places on the picture, and regions on the sky."""
    points, outlines = sky_picture.places(catalog, geom)
    return {
        "points": points,
        "outlines": outlines,
        "regions": source_table.ellipses(catalog),
        **source_table.table(catalog, shown),
    }


def _known(known, geom):
    return _objects(known[np.flatnonzero(sky_picture.inside(known, geom))], geom, KNOWN)


def _part(name):
    return resources.files("fermiml.report").joinpath(name).read_text(encoding="utf-8")


def as_script(data):
    """JSON that may stand in a script element: without anything that could end it."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _figure(caption, figure):
    stream = io.BytesIO()
    figure.savefig(stream, format="svg")
    url = sky_picture.data_url("image/svg+xml", stream.getvalue())
    text = html.escape(caption)
    return f'<figure><img src="{url}" alt="{text}"><figcaption>{text}</figcaption></figure>'
