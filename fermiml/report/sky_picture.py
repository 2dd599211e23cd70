"""The map of a page: its layers as pictures, and where on these everything lies.

Points are pixels from the upper left corner, as pictures count them.
"""

import base64
import io

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

_STEPS = 32  # squares of the grid that tells the page where on the sky a pixel is
_ANGLES = np.arange(0, 360, 20)  # of the corners of an ellipse
_GRATICULE = (1.0, 2.0, 5.0, 10.0, 30.0)  # deg between lines; about five to an image
_COLOURS = 9  # of a colour bar
_FEW_TICKS = 5
_TEXT = 0.03  # of the length of the colour bar, of a character of its ticks


def data_url(kind, content):
    """Encode bytes as the address of a picture."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


# --- layers ----------------------------------------------------------------------------------


def layer(name, image):
    """Encode a `SkyImage` as a PNG with its colour bar.

    `flips` says that dark mode may show the picture inverted: its background is white.
    """
    from matplotlib import colormaps
    from matplotlib.colors import to_hex
    from matplotlib.image import imsave

    colours = colormaps[image.cmap]
    stream = io.BytesIO()
    values = image.norm(np.ma.masked_invalid(image.map.data))
    imsave(stream, colours(values), origin="lower", format="png")
    return {
        "name": name,
        "label": image.label.replace("deg$^2$", "deg\u00b2"),
        "url": data_url("image/png", stream.getvalue()),
        "ramp": [to_hex(colours(x)) for x in np.linspace(0, 1, _COLOURS)],
        "ticks": [[round(float(image.norm(t)), 4), f"{t:g}"] for t in _ticks(image)],
        "flips": image.cmap != "viridis",
    }


def _ticks(image):
    """Choose few values, whole or round ones, that are far enough apart for their texts."""
    from matplotlib.ticker import MaxNLocator

    low, high = image.norm.vmin, image.norm.vmax
    ticks = image.ticks
    if ticks is None:
        ticks = MaxNLocator(_FEW_TICKS).tick_values(low, high)
    apart = []
    for tick in sorted((t for t in ticks if low <= t <= high), key=abs):
        room = _TEXT * (1 + len(f"{abs(tick):g}"))
        if all(abs(image.norm(tick) - image.norm(other)) > room for other in apart):
            apart.append(tick)
    return sorted(apart)


# --- places ----------------------------------------------------------------------------------


def places(catalog, geom):
    """Points of the sources on the picture, and the outlines of their 95 % ellipses or extents;
    None where they are not on it."""
    points = _pixels(geom, catalog.positions)
    listed = [p.tolist() if np.all(np.isfinite(p)) else None for p in points]
    return listed, _outlines(catalog, geom)


def inside(catalog, geom):
    """Return which sources lie within the picture."""
    return _inside(geom, _pixels(geom, catalog.positions))


def directions(geom):
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
        "vectors": [np.round(v, 6).tolist() if np.all(np.isfinite(v)) else None for v in vectors],
        "equatorial": np.round(axes, 9).tolist(),
    }


def graticule(geom):
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
            lines += _polylines(geom, where, f"{names[0]} {value:g}\u00b0", "bottom")
    for value in np.arange(np.ceil(max(low, -90) / step) * step, min(high, 89.9), step):
        where = SkyCoord(around, np.full(around.shape, value), frame=geom.frame, unit="deg")
        lines += _polylines(geom, where, f"{names[1]} {value:g}\u00b0", "left")
    return lines


def _polylines(geom, where, label, side):
    """Return the pieces of a line that lie in the picture, and the side on which to label them."""
    points = _pixels(geom, where)
    inside = _inside(geom, points)
    breaks = 1 + np.flatnonzero((inside[1:] != inside[:-1]) | _jumps(geom, points))
    pieces = np.split(np.arange(len(points)), breaks)
    return [
        {"label": label, "side": side, "points": np.round(points[p], 1).tolist()}
        for p in pieces
        if inside[p[0]] and len(p) > 2
    ]


def _jumps(geom, points):
    """Return where a line leaves the map at one side and continues at the other."""
    return np.hypot(*np.diff(points, axis=0).T) > 0.2 * max(geom.data_shape)


def _pixels(geom, position):
    """(x, y) of positions in the picture, NaN where they are off the projection."""
    x, y = geom.coord_to_pix(position)
    return np.round(np.stack([x + 0.5, geom.data_shape[0] - 0.5 - y], axis=-1), 2)


def _inside(geom, points):
    height, width = geom.data_shape
    x, y = np.moveaxis(points, -1, 0)
    return (x >= 0) & (x <= width) & (y >= 0) & (y <= height)


def _outlines(catalog, geom):
    major, minor, angle = (a[:, None] for a in catalog.outlines())
    turn = np.radians(_ANGLES)
    x, y = major * np.cos(turn), minor * np.sin(turn)
    known = np.flatnonzero(np.isfinite(x).all(axis=1) & np.isfinite(y).all(axis=1))
    out = [None] * len(catalog)
    if not len(known):
        return out
    direction = (angle + np.degrees(np.arctan2(y, x)))[known] * u.deg
    corners = catalog.positions[known, None].directional_offset_by(
        direction, np.hypot(x, y)[known] * u.deg
    )
    for i, points in zip(known, _pixels(geom, corners), strict=True):
        if np.all(np.isfinite(points)) and not _jumps(geom, points).any():
            out[i] = points.tolist()
    return out
