"""One self-contained HTML page: an interactive map of the sky and a table of the sources.

It loads nothing from anywhere: picture, data, style and script are in the file. What comes from a
catalog or a file name is escaped here, or goes into the page as data that is never read as HTML.
"""

import base64
import html
import io
import json
from dataclasses import dataclass
from importlib import resources
from itertools import pairwise
from string import Template

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from fermiml.catalog.columns import BAND_EDGES, COLUMNS
from fermiml.catalog.ellipses import R95
from fermiml.catalog.spectra import MEV

_STEPS = 32  # squares of the grid that tells the page where on the sky a pixel is
_ANGLES = np.arange(0, 360, 15)  # of the corners of an ellipse
_GRATICULE = (1.0, 2.0, 5.0, 10.0, 30.0)  # deg between lines; about five to an image


@dataclass(frozen=True)
class Shown:
    """A column of the page's table: its name in the catalog, heading, digits, exponent or not."""

    name: str
    title: str = ""
    digits: int = 2
    form: str = "fixed"


SHOWN = (
    Shown("Source_Name", "Name"),
    Shown("GLON", "l", 3),
    Shown("GLAT", "b", 3),
    Shown("RAJ2000", "RA", 3),
    Shown("DEJ2000", "Dec", 3),
    Shown("Conf_95_SemiMajor", "r95", 3),
    Shown("TS", digits=1),
    Shown("Signif_Avg", "Sigma", 1),
    Shown("ML_Prob", "P", 3),
    Shown("ML_TS", "ML TS", 1),
    Shown("ML_Class", "Class"),
    Shown("Flux1000", "Flux 1-100 GeV", 2, "exp"),
    Shown("PL_Index", "Index"),
    Shown("SpectrumType", "Spectrum"),
    Shown("ASSOC_FGL", "FGL source"),
    Shown("ASSOC_FHL", "FHL source"),
    Shown("ASSOC_GAM1", "Known as"),
    Shown("ML_Flags", "Flags", 0),
)


def build(
    cube, catalog, *, title, shown=SHOWN, groups=None, colours=None, facts=(), figures=(),
    known=None,
):  # fmt: skip
    """Build the page as a text.

    Parameters
    ----------
    cube : SkyCube
        Its counts are the picture.
    catalog : SourceCatalog
        The rows of the table and the marks on the map.
    title : str
    shown : sequence of Shown
        Columns of the table; those that the catalog lacks or that are empty are left out.
    groups : sequence of str, optional
        What kind each row is: its colour, and a switch in the page.
    colours : dict, optional
        The colour of each kind, in the order of the switches.
    facts : sequence of (str, str)
        What stands at the top.
    figures : sequence of (str, matplotlib Figure)
        With captions, at the bottom.
    known : SourceCatalog, optional
        More positions for the map, as crosses.
    """
    groups = np.full(len(catalog), "sources") if groups is None else np.asarray(groups)
    colours = colours or dict.fromkeys(dict.fromkeys(groups.tolist()), "#0072b2")
    image, geom = _picture(cube)
    data = {
        "image": image,
        "lines": _graticule(geom),
        "sky": _directions(geom),
        "groups": [{"name": str(n), "colour": c} for n, c in colours.items()],
        "marks": _marks(catalog, geom, [list(colours).index(g) for g in groups.tolist()]),
        "known": [] if known is None else _crosses(known, geom),
        "spectra": [_spectrum(row) for row in catalog.table],
        **_table(catalog.table, shown),
    }
    return Template(_part("page.html")).substitute(
        title=html.escape(title),
        style=_part("page.css"),
        script=_part("page.js"),
        data=as_script(data),
        facts="\n".join(f"<dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd>" for k, v in facts),
        figures="\n".join(_figure(*f) for f in figures),
    )


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
    url = _data_url("image/svg+xml", stream)
    text = html.escape(caption)
    return f'<figure><img src="{url}" alt="{text}"><figcaption>{text}</figcaption></figure>'


def _data_url(kind, stream):
    return f"data:{kind};base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


# --- the map: pixels from the upper left corner, as pictures count them ----------------------


def _picture(cube):
    """Draw the counts as a PNG, and return it with the geometry of its pixels."""
    from matplotlib.image import imsave

    from fermiml.plot import sky, style

    figure = style.new_figure(4, 4)
    geom = sky.canvas(cube)
    axes = sky.plot_counts(cube, ax=figure.add_subplot(projection=geom.wcs), colorbar=False)
    (drawn,) = axes.images
    stream = io.BytesIO()
    imsave(stream, drawn.to_rgba(drawn.get_array()), origin="lower", format="png")
    height, width = geom.data_shape
    return {"width": int(width), "height": int(height), "url": _data_url("image/png", stream)}, geom


def _pixels(geom, position):
    """(x, y) of positions in the picture, NaN where they are off the projection."""
    x, y = geom.coord_to_pix(position)
    return np.round(np.stack([x + 0.5, geom.data_shape[0] - 0.5 - y], axis=-1), 3)


def _inside(geom, points):
    height, width = geom.data_shape
    x, y = np.moveaxis(points, -1, 0)
    return (x >= 0) & (x <= width) & (y >= 0) & (y <= height)


def _directions(geom):
    """Galactic unit vectors on a coarse grid of pixels, and the way to equatorial ones."""
    height, width = geom.data_shape
    step = max(width, height) / _STEPS
    columns, rows = int(np.ceil(width / step)) + 1, int(np.ceil(height / step)) + 1
    x, y = np.meshgrid(np.arange(columns) * step, np.arange(rows) * step)
    lon, lat = geom.pix_to_coord((x - 0.5, height - 0.5 - y))
    position = SkyCoord(lon, lat, frame=geom.frame, unit="deg").galactic
    vectors = position.cartesian.xyz.value.reshape(3, -1).T
    axes = SkyCoord([0, 90, 0], [0, 0, 90], unit="deg", frame="galactic").fk5.cartesian.xyz.value
    return {
        "step": step,
        "columns": columns,
        "rows": rows,
        "vectors": [_numbers(v, ".6f") if np.all(np.isfinite(v)) else None for v in vectors],
        "equatorial": [_numbers(row, ".9f") for row in axes],
    }


def _graticule(geom):
    """Lines of equal longitude and latitude in the frame of the map, with labels."""
    height, width = geom.data_shape
    size = float(geom.width.to_value("deg").max())
    step = min(_GRATICULE, key=lambda s: abs(size / s - 5))
    lon, lat = geom.pix_to_coord(np.meshgrid(np.linspace(0, width - 1, 30),
                                             np.linspace(0, height - 1, 30)))  # fmt: skip
    lon, lat = (np.asarray(getattr(a, "value", a)) for a in (lon, lat))
    names = ("l", "b") if geom.frame == "galactic" else ("RA", "Dec")
    low, high = np.nanmin(lat) - step, np.nanmax(lat) + step
    along = np.linspace(max(low, -89.9), min(high, 89.9), 200)
    around = np.linspace(-180, 180, 1441)
    lines = []
    for value in np.arange(0, 360, step):
        if np.nanmin(np.abs((lon - value + 180) % 360 - 180)) < step:
            where = SkyCoord(np.full(along.shape, value), along, frame=geom.frame, unit="deg")
            lines += _polylines(geom, where, f"{names[0]} {value:g}")
    for value in np.arange(np.ceil(max(low, -90) / step) * step, min(high, 89.9), step):
        where = SkyCoord(around, np.full(around.shape, value), frame=geom.frame, unit="deg")
        lines += _polylines(geom, where, f"{names[1]} {value:g}")
    return lines


def _polylines(geom, where, label):
    """Return the pieces of a line that lie in the picture."""
    points = _pixels(geom, where)
    inside = _inside(geom, points)
    breaks = 1 + np.flatnonzero((inside[1:] != inside[:-1]) | _jumps(geom, points))
    pieces = np.split(np.arange(len(points)), breaks)
    # The lines of a whole sky meet at the poles.
    fraction = 0.55 if geom.width.to_value("deg").max() > 180 else 0
    return [
        {"label": label, "at": int(fraction * len(p)), "points": np.round(points[p], 1).tolist()}
        for p in pieces
        if inside[p[0]] and len(p) > 2
    ]


def _jumps(geom, points):
    """Return where a line leaves the map at one side and continues at the other."""
    return np.hypot(*np.diff(points, axis=0).T) > 0.2 * max(geom.data_shape)


def _marks(catalog, geom, groups):
    """Return position, outline of the 95 % ellipse, group and text of every source."""
    points = _pixels(geom, catalog.positions)
    outlines = _outlines(catalog, geom)
    marks = []
    for row, point, outline, group in zip(catalog.table, points, outlines, groups, strict=True):
        place = point if np.all(np.isfinite(point)) else np.full(2, -1e4)  # off the map
        marks.append({"x": place[0], "y": place[1], "group": group, "outline": outline,
                      "name": str(row["Source_Name"]), "text": _tip(row)})  # fmt: skip
    return marks


def _tip(row):
    """Format what the pointer shows of a source."""
    values = (("TS", "TS", 1), ("Signif_Avg", "sigma", 1), ("ML_Prob", "P", 3))
    known = [f"{word} {row[name]:.{n}f}" for name, word, n in values if np.isfinite(row[name])]
    return "\n".join([str(row["Source_Name"]), *known])


def _outlines(catalog, geom):
    major, minor, angle = catalog.ellipses()
    turn = np.radians(_ANGLES)
    x, y = R95 * major[:, None] * np.cos(turn), R95 * minor[:, None] * np.sin(turn)
    known = np.isfinite(x).all(axis=1) & np.isfinite(y).all(axis=1)
    direction = (angle[:, None] + np.degrees(np.arctan2(y, x))) * u.deg
    out = [None] * len(catalog)
    for i in np.flatnonzero(known):
        position = catalog.positions[i]
        corners = position.directional_offset_by(direction[i], np.hypot(x[i], y[i]) * u.deg)
        points = _pixels(geom, corners)
        if np.all(np.isfinite(points)) and not _jumps(geom, points).any():
            out[i] = points.tolist()
    return out


def _crosses(known, geom):
    points = _pixels(geom, known.positions)
    inside = _inside(geom, points)
    names = np.asarray(known.table["Source_Name"], str)
    return [
        {"x": p[0], "y": p[1], "text": n}
        for p, n in zip(points[inside].tolist(), names[inside].tolist(), strict=True)
    ]


# --- the table -------------------------------------------------------------------------------


def _table(table, shown):
    """Columns and rows for the page's table."""
    used = [s for s in shown if s.name in table.colnames and _has_values(table[s.name])]
    columns = [
        {
            "title": s.title or s.name,
            "unit": str(table[s.name].unit or ""),
            "digits": s.digits,
            "form": s.form,
            "numeric": table[s.name].dtype.kind in "iuf",
            "help": COLUMNS[s.name].description if s.name in COLUMNS else s.name,
        }
        for s in used
    ]
    cells = [_cells(table[s.name]) for s in used]
    return {"columns": columns, "rows": [list(row) for row in zip(*cells, strict=True)]}


def _has_values(column):
    return any(cell not in (None, "") for cell in _cells(column))


def _cells(column):
    """Numbers, texts, and None for what is not known."""
    masked = np.ma.getmaskarray(np.ma.asarray(column))
    values = np.ma.getdata(column)
    if values.dtype.kind == "f":
        return [None if m or not np.isfinite(v) else float(f"{v:.7g}")
                for v, m in zip(values.tolist(), masked, strict=True)]  # fmt: skip
    if values.dtype.kind in "iu":
        return [None if m else int(v) for v, m in zip(values, masked, strict=True)]
    return [str(v) for v in values]


def _spectrum(row):
    """Points of a spectral energy distribution: energies, nuFnu, its ends (erg cm-2 s-1).

    The lower end of a limit is None.
    """
    points = []
    columns = ("nuFnu_Band", "Flux_Band", "Unc_Flux_Band")
    values = zip(pairwise(BAND_EDGES), *(np.asarray(row[c], float) for c in columns), strict=True)
    for (low, high), value, flux, (down, up) in values:
        if not np.isfinite(value + flux + up):
            continue
        scale = value / flux if flux > 0 else MEV * low * high / (high - low)
        ends = (flux + down, flux + up) if np.isfinite(down) else (np.nan, flux + 2 * up)
        points.append([low, high, *_numbers(np.array([flux, *ends]) * scale, ".5g")])
    return points


def _numbers(values, form):
    """Round floats, None where not finite."""
    return [float(format(v, form)) if np.isfinite(v) else None for v in values]
