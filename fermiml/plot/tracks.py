"""The paths of the Sun and the Moon over a map of the sky."""

import numpy as np

from fermiml.plot import style
from fermiml.sky.times import DAY, YEAR, good_time
from fermiml.time.sun_moon import body_positions

# How often a body is looked up, and how long it is followed: the Sun takes the same path every
# year, and many of the Moon's would cover the ecliptic.
_STEPS = {"sun": (DAY / 4, YEAR), "moon": (DAY / 48, 60 * DAY)}
_COLORS = {"sun": style.ORANGE, "moon": style.GREY}
_TORN = 5.0  # deg, farther than a body comes in a step: the map has a rim there


def plot_tracks(gti, ax):
    """Draw where the Sun, and in short observations the Moon, passed in good time.

    Parameters
    ----------
    gti : array of shape (n, 2)
        Good time intervals, mission elapsed time in s.
    ax : matplotlib Axes with a projection of the sky
    """
    limits = ax.get_xlim(), ax.get_ylim()
    for name, (step, longest) in _STEPS.items():
        if name == "moon" and gti[-1, 1] - gti[0, 0] > longest:
            continue
        x, y = _path(name, gti, step, longest, ax.wcs)
        inside = (limits[0][0] < x) & (x < limits[0][1]) & (limits[1][0] < y) & (y < limits[1][1])
        if not inside.any():
            continue
        ax.plot(x, y, color=_COLORS[name], lw=1.2, label=f"the {name.capitalize()}'s path")
        middle = np.flatnonzero(inside)[inside.sum() // 2]
        ax.annotate(name.capitalize(), (x[middle], y[middle]), xytext=(3, 3),
                    textcoords="offset points", fontsize=7, color=_COLORS[name])  # fmt: skip
    ax.set(xlim=limits[0], ylim=limits[1])


def _path(name, gti, step, longest, wcs):
    """Compute pixels of a path, NaN when nothing was observed and where the map is torn."""
    last = min(gti[-1, 1], gti[0, 0] + longest)
    edges = np.append(np.arange(gti[0, 0], last, step), last)
    position = body_positions(name, (edges[1:] + edges[:-1]) / 2)
    x, y = wcs.world_to_pixel(position)
    size = np.abs(wcs.proj_plane_pixel_scales()[0].to_value("deg"))
    jump = np.hypot(np.diff(x, append=np.nan), np.diff(y, append=np.nan)) * size > _TORN
    x[jump | (good_time(edges, gti) == 0)] = np.nan
    return x, y
