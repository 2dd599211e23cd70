"""Maps of the sky: counts or their significance, and sources with their error ellipses."""

import numpy as np
from astropy import units as u
from gammapy.maps import HpxNDMap, WcsNDMap
from scipy.ndimage import gaussian_filter
from scipy.signal import fftconvolve

from fermiml.catalog.ellipses import R95
from fermiml.errors import InputError
from fermiml.plot import style
from fermiml.sky.display_geom import canvas

KINDS = {"counts": "counts per deg$^2$", "significance": "significance (sigma)"}
_SMOOTH = 0.12  # deg
_DISK, _RING = 0.35, (1.0, 2.0)  # deg: where a source's counts are, and where its background
_FAINTEST = 0.05  # counts of background that a significance needs
_TORN = 100  # pixels: what jumps farther goes over the rim of a map of the whole sky
_ANGLES = np.linspace(0, 360, 41)


def plot_counts(
    cube, catalog=None, ax=None, *, kind="counts", smooth=_SMOOTH, emin=None, emax=None,
    names=False, label=None, colorbar=True,
):  # fmt: skip
    """Draw the counts of a cube, and sources on them.

    Parameters
    ----------
    cube : fermiml.SkyCube
    catalog : fermiml.SourceCatalog, optional
        Sources, as `plot_sources` draws them; call that for more catalogs.
    ax : matplotlib Axes, optional
        One with a projection of the sky: ``figure.add_subplot(projection=projection(cube))``.
    kind : str
        "counts" (smoothed, square-root scale) or "significance" (within 0.35 deg, against the
        cube's background model or, without one, against a ring of 1-2 deg).
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
    geom = canvas(cube)
    ax = style.new_axes(projection=geom.wcs) if ax is None else _with_sky(ax)
    counts, background, seen = _images(cube, geom, emin, emax)
    if kind == "counts":
        area = geom.solid_angle().to_value("deg2")
        image = _smoothed(counts, seen, smooth / _pixel(geom)) / np.nan_to_num(area, nan=np.inf)
        limits = np.percentile(image[seen > 0], (0.5, 99.8))
        scale = {"norm": _root_scale(*limits), "cmap": "gray_r"}
    else:
        image = significance(counts, seen, _pixel(geom), background)
        scale = {"vmin": -8, "vmax": 8, "cmap": "RdBu_r"}
    plot_image(WcsNDMap(geom, np.where(seen > 0, image, np.nan)), ax, **scale,
               label=KINDS[kind] if colorbar else None)  # fmt: skip
    if catalog is not None:
        plot_sources(catalog, ax, names=names, label=label)
    return ax


def plot_image(image, ax=None, *, label=None, **scale):
    """Draw a two-dimensional gammapy map (WCS) with coordinates; `label` adds a colour bar.

    `scale` goes to `imshow`: cmap, norm, vmin, vmax.
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
        ax.figure.colorbar(drawn, ax=ax, shrink=0.8, label=label)
    return ax


def plot_sources(catalog, ax, *, names=False, color=style.BLUE, marker="+", label=None):
    """Mark the sources of a catalog with their 95 % ellipses on Axes of the sky.

    Parameters
    ----------
    catalog : fermiml.SourceCatalog
    ax : matplotlib Axes with a projection
    names : bool
        Write the sources' names beside them.
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
    ax.plot(*_outlines(ax.wcs, position, *catalog.ellipses()), "-", color=color, lw=np.sqrt(crowd))
    if names:
        for here, name in zip(places, catalog.table["Source_Name"], strict=True):
            text = ax.annotate(str(name), here, xytext=(5, 4), textcoords="offset points",
                               fontsize=7, color=color, clip_on=True)  # fmt: skip
            text.set_clip_box(ax.bbox)
    ax.set(xlim=limits[0], ylim=limits[1])
    return ax


def projection(cube):
    """Get the WCS on which `plot_counts` draws a cube: ``figure.add_subplot(projection=...)``."""
    return canvas(cube).wcs


def significance(counts, seen, pixel, background=None):
    """Excess within 0.35 deg of each pixel, in sigma.

    2 (sqrt(n + 3/8) - sqrt(b + 3/8)), with b the counts that the background model or, without
    one, the ring around the pixel lets one expect.
    """
    disk = _annulus(0, max(_DISK, 1.5 * pixel), pixel)
    found = _summed(counts, disk)
    if background is not None:
        expected = _summed(background, disk)
    else:
        ring = _annulus(max(_RING[0], 3 * pixel), max(_RING[1], 6 * pixel), pixel)
        level = _summed(counts, ring) / np.maximum(_summed(seen, ring), 1)
        expected = level * _summed(seen, disk)
    return 2 * (np.sqrt(found + 0.375) - np.sqrt(np.maximum(expected, _FAINTEST) + 0.375))


def _with_sky(ax):
    if not hasattr(ax, "coords"):
        raise InputError(
            "ax has no projection of the sky; make it with "
            "figure.add_subplot(projection=fermiml.plot.sky.projection(cube))"
        )
    return ax


def _images(cube, geom, emin, emax):
    """Compute counts, background (or None) and observed fraction of all components on a canvas."""
    counts, seen = np.zeros(geom.data_shape), np.zeros(geom.data_shape)
    background = np.zeros(geom.data_shape)
    known = all(c.background is not None for c in cube.components)
    for component in cube.components:
        bins = _bins(component.energy_edges, emin, emax)
        counts += _brought(component, component.counts.data[bins].sum(axis=0), geom)
        seen = np.maximum(seen, _brought(component, np.ones(component.mask.shape), geom) > 0)
        if known:
            background += _brought(component, component.background.data[bins].sum(axis=0), geom)
    return counts, background if known else None, seen


def _bins(edges, emin, emax):
    low = 0 if emin is None else int(np.argmin(np.abs(np.log(edges[:-1] / emin))))
    high = len(edges) - 1 if emax is None else int(np.argmin(np.abs(np.log(edges[1:] / emax)))) + 1
    if high <= low:
        raise InputError(f"no energy bin lies between {emin} and {emax} MeV")
    return slice(low, high)


def _brought(component, plane, geom):
    """Bring a plane of a component to another geometry; what is masked is zero."""
    plane = plane * component.mask
    if component.geom == geom:
        return plane.astype(float)
    density = plane / component.pixel_areas()
    kind = HpxNDMap if component.is_healpix else WcsNDMap
    position = geom.get_coord().skycoord
    on_sky = np.isfinite(position.spherical.lon.value)
    here = np.zeros(geom.data_shape)
    here[on_sky] = np.nan_to_num(kind(component.geom, density).get_by_coord(position[on_sky]))
    return here * np.nan_to_num(geom.solid_angle().to_value("deg2"))


def _smoothed(image, seen, sigma):
    """Gaussian mean over what was observed."""
    if sigma <= 0:
        return image
    weight = gaussian_filter(seen.astype(float), sigma)
    return gaussian_filter(image, sigma) / np.maximum(weight, 1e-3)


def _summed(image, kernel):
    return np.maximum(fftconvolve(image, kernel, mode="same"), 0)


def _annulus(inner, outer, pixel):
    """Pixels between two radii (deg), the central one among them if `inner` is zero."""
    reach = int(np.ceil(outer / pixel))
    distance = np.hypot(*np.mgrid[-reach : reach + 1, -reach : reach + 1]) * pixel
    return ((distance >= inner) & (distance <= max(outer, pixel / 2))).astype(float)


def _pixel(geom):
    return float(np.min(np.abs(geom.pixel_scales.to_value("deg"))))


def _root_scale(low, high):
    from matplotlib.colors import PowerNorm

    return PowerNorm(0.5, vmin=low, vmax=max(high, low + 1e-9))


def _outlines(wcs, position, major, minor, angle):
    """Pixels on the 95 % ellipses, with NaN between one and the next."""
    known = np.isfinite(major) & np.isfinite(minor)
    turned = np.radians(_ANGLES)
    x = R95 * major[known, None] * np.cos(turned)  # along the long axis
    y = R95 * minor[known, None] * np.sin(turned)
    direction = angle[known, None] + np.degrees(np.arctan2(y, x))
    points = position[known, None].directional_offset_by(direction * u.deg, np.hypot(x, y) * u.deg)
    gap = np.full((known.sum(), 1), np.nan)
    x, y = (np.hstack([p, gap]).ravel() for p in wcs.world_to_pixel(points))
    torn = np.hypot(np.diff(x, append=np.nan), np.diff(y, append=np.nan)) > _TORN
    return np.where(torn, np.nan, x), y
