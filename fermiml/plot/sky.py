"""Maps of the sky: counts or their significance, and sources with their error ellipses."""

import numpy as np
from astropy import units as u

from fermiml.catalog.flags import MLFlag
from fermiml.errors import InputError
from fermiml.plot import labels, style
from fermiml.plot.sky_images import SMOOTH, SkyImages
from fermiml.plot.tracks import plot_tracks
from fermiml.sky.display_geom import canvas

KINDS = ("counts", "significance", "residuals")
_FONT = 7  # points, of names
_TORN = 5  # semi-major axes: an outline that jumps farther goes over the rim of the whole sky
_ANGLES = np.linspace(0, 360, 41)


def plot_counts(
    cube, catalog=None, ax=None, *, kind="counts", smooth=SMOOTH, emin=None, emax=None,
    names=False, label=None, colorbar=True,
):  # fmt: skip
    """Draw the counts of a cube, and sources on them.

    Where a source is the Sun or the Moon (bit 128 of ML_Flags), their paths are drawn, too.

    Parameters
    ----------
    cube : fermiml.SkyCube
    catalog : fermiml.SourceCatalog, optional
        Sources, as `plot_sources` draws them; call that for more catalogs.
    ax : matplotlib Axes, optional
        One with a projection of the sky: ``figure.add_subplot(projection=projection(cube))``.
    kind : str
        "counts" (smoothed, square-root scale), "significance" (within 0.35 deg, over the cube's
        background model or, without one, the smooth local background) or "residuals" (the same over
        the catalog's sources and a background fitted together with them).
    smooth : float
        Sigma in deg of the smoothing of counts.
    emin, emax : float, optional
        Energies (MeV); by default all.
    names, label
        See `plot_sources`.
    colorbar : bool

    Returns
    -------
    matplotlib Axes
    """
    if kind not in KINDS:
        raise InputError(f"kind {kind!r}: known are {', '.join(KINDS)}")
    if kind == "residuals" and catalog is None:
        raise InputError("residuals need a catalog: give one")
    ax = style.new_axes(projection=projection(cube)) if ax is None else _with_sky(ax)
    images = SkyImages(cube, emin, emax)
    if kind == "counts":
        image = images.counts(smooth)
    else:
        image = images.significance() if kind == "significance" else images.residuals(catalog)
    draw(image, ax, colorbar)
    if catalog is not None:
        plot_sources(catalog, ax, names=names, label=label)
        _explain_bodies(cube, catalog, ax)
    return ax


def _explain_bodies(cube, catalog, ax):
    """Draw the paths of the Sun and the Moon, if they are what a row of the catalog is."""
    gti = cube.components[0].selection.gti
    bits = np.ma.filled(catalog.table["ML_Flags"], 0).astype(int)
    if gti is not None and np.any(bits & MLFlag.SUN_MOON):
        plot_tracks(gti, ax)


def draw(image, ax, colorbar=True):
    """Draw a `SkyImage` as it asks for."""
    label = image.label if colorbar else None
    return plot_image(
        image.map, ax, label=label, ticks=image.ticks, cmap=image.cmap, norm=image.norm
    )


def plot_image(image, ax=None, *, label=None, ticks=None, **scale):
    """Draw a two-dimensional gammapy map (WCS) with coordinates; `label` adds a colour bar.

    `ticks` are the values on that; `scale` goes to `imshow`: cmap, norm, vmin, vmax.
    """
    geom = image.geom
    ax = style.new_axes(projection=geom.wcs) if ax is None else _with_sky(ax)
    drawn = ax.imshow(image.data, origin="lower", interpolation="nearest", **scale)
    ax.set(xlim=(-0.5, geom.data_shape[1] - 0.5), ylim=(-0.5, geom.data_shape[0] - 0.5))
    galactic = geom.frame == "galactic"
    names = ("l", "b") if galactic else ("RA", "Dec")
    for coordinate, name, side in zip(ax.coords, names, "bl", strict=True):
        coordinate.set_axislabel(f"{name} (deg)")
        coordinate.set_axislabel_position(side)
        coordinate.set_ticklabel_position(side)
        coordinate.set_major_formatter("d" if geom.is_allsky else "d.d")
        coordinate.set_ticklabel(exclude_overlapping=True)
    ax.coords.grid(color=style.GREY, alpha=0.4, lw=0.5)
    if geom.is_allsky:
        ax.coords.frame.set_linewidth(0)
    if label:
        bar = ax.figure.colorbar(drawn, ax=ax, shrink=0.8, label=label, ticks=ticks)
        if ticks is not None:
            bar.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
            bar.minorticks_off()
    return ax


def plot_sources(catalog, ax, *, names=False, color=style.BLUE, marker="+", label=None):
    """Mark the sources of a catalog with their 95 % ellipses, or their extents, on Axes of the
    sky.

    Parameters
    ----------
    catalog : fermiml.SourceCatalog
    ax : matplotlib Axes with a projection
    names : bool
        Write the sources' names beside them, where these cover neither a symbol nor another
        name; the rows of a catalog that come first choose first.
    color, marker : str
        As matplotlib knows them.
    label : str, optional
        For the legend, which the caller draws with ``ax.legend()``.
    """
    x, y = _with_sky(ax).wcs.world_to_pixel(catalog.positions.icrs)
    limits = (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    catalog = catalog.filter((x > left) & (x < right) & (y > bottom) & (y < top))
    position = catalog.positions.icrs
    crowd = np.clip(200 / max(len(catalog), 1), 0.1, 1.0)  # smaller where there are many
    size = {"s": 35 * crowd} if marker in "+x" else {"s": 70 * crowd, "facecolors": "none"}
    edge = {"c" if marker in "+x" else "edgecolors": color}
    places = np.transpose(ax.wcs.world_to_pixel(position)).reshape(-1, 2)
    ax.scatter(*places.T, marker=marker, lw=1.1 * np.sqrt(crowd), label=label, **size, **edge)
    outlines = catalog.outlines()
    ax.plot(*_outlines(ax.wcs, position, *outlines), "-", color=color, lw=np.sqrt(crowd))
    ax.set(xlim=limits[0], ylim=limits[1])
    if names:
        texts = [str(name) for name in catalog.table["Source_Name"]]
        radius = np.sqrt(size["s"]) / 2
        errors = outlines[0] / ax.wcs.proj_plane_pixel_scales()[0].to_value("deg")
        labels.Names(ax, places, texts, radius, errors, fontsize=_FONT, color=color)
    return ax


def projection(cube):
    """Get the WCS on which `plot_counts` draws a cube: ``figure.add_subplot(projection=...)``."""
    return canvas(cube).wcs


def _with_sky(ax):
    if not hasattr(ax, "coords"):
        raise InputError(
            "ax has no projection of the sky; make it with "
            "figure.add_subplot(projection=fermiml.plot.sky.projection(cube))"
        )
    return ax


def _outlines(wcs, position, major, minor, angle):
    """Pixels on ellipses, with NaN between one and the next."""
    known = np.isfinite(major) & np.isfinite(minor)
    turned = np.radians(_ANGLES)
    x = major[known, None] * np.cos(turned)  # along the long axis
    y = minor[known, None] * np.sin(turned)
    direction = angle[known, None] + np.degrees(np.arctan2(y, x))
    points = position[known, None].directional_offset_by(direction * u.deg, np.hypot(x, y) * u.deg)
    gap = np.full((known.sum(), 1), np.nan)
    x, y = (np.hstack([p, gap]).ravel() for p in wcs.world_to_pixel(points))
    size = major[known, None] / wcs.proj_plane_pixel_scales()[0].to_value("deg")
    longest = np.broadcast_to(_TORN * size, (len(size), len(_ANGLES) + 1)).ravel()
    torn = np.hypot(np.diff(x, append=np.nan), np.diff(y, append=np.nan)) > longest
    return np.where(torn, np.nan, x), y
