"""The paths of the Sun and the Moon on maps."""

import dataclasses

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from makers import smallskies as small

from fermiml import SourceCatalog
from fermiml.catalog.flags import MLFlag
from fermiml.plot import sky, style
from fermiml.plot.tracks import plot_tracks
from fermiml.sky.times import DAY, YEAR
from fermiml.time.sun_moon import body_positions

START = 353000000.0  # in March 2012


def axes_at(position, width=100):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.cdelt, wcs.wcs.crpix = ["RA---TAN", "DEC--TAN"], [-0.1, 0.1], [50, 50]
    wcs.wcs.crval = position.ra.deg, position.dec.deg
    ax = style.new_figure(4, 4).add_subplot(projection=wcs)
    ax.set(xlim=(0, width), ylim=(0, width))
    return ax


def test_the_path_passes_where_the_sun_was():
    sun = body_positions("sun", START + 5 * DAY)
    ax = axes_at(sun)
    plot_tracks(np.array([[START, START + 3 * YEAR]]), ax)
    (line,) = ax.lines  # the Moon's many paths are left out
    x, y = line.get_data()
    assert np.nanmin(np.hypot(x - 49, y - 49)) < 3  # pixels of 0.1 deg
    assert ax.get_xlim() == (0, 100)


def test_a_path_is_drawn_only_in_good_time():
    sun = body_positions("sun", START + 5 * DAY)
    ax = axes_at(sun)
    plot_tracks(np.array([[START, START + 2 * DAY], [START + 9 * DAY, START + 10 * DAY]]), ax)
    x, y = next(line for line in ax.lines if "Sun" in line.get_label()).get_data()
    assert np.nanmin(np.hypot(x - 49, y - 49)) > 25


def test_a_field_without_them_stays_empty():
    ax = axes_at(SkyCoord(180, 80, unit="deg"))
    plot_tracks(np.array([[START, START + 30 * DAY]]), ax)
    assert not ax.lines


@pytest.mark.parametrize("bit", [0, MLFlag.SUN_MOON])
def test_counts_are_drawn_with_the_path_that_explains_a_row(bit, monkeypatch):
    cube = small.cube(small.power_laws([99.0], [44.0], [2e-8]))
    component = cube.components[0]
    gti = np.array([[START, START + YEAR]])
    component.selection = dataclasses.replace(component.selection, gti=gti)
    row = {"GLON": [99.0], "GLAT": [44.0], "ML_Flags": [int(bit)]}
    drawn = []
    monkeypatch.setattr(sky, "plot_tracks", lambda gti, ax: drawn.append(gti))
    sky.plot_counts(cube, SourceCatalog.from_table(row))
    assert len(drawn) == (bit > 0)
