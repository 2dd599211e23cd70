"""HEALPix data on flat figures: a part of the sky, and all of it."""

import healpy
import matplotlib
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from makers import latfiles as lat

from fermiml import SkyCube, SourceCatalog
from fermiml.plot import sky, style
from fermiml.sky.display_geom import canvas

matplotlib.use("Agg")
NSIDE = 64
BRIGHT = SkyCoord(32, 41, unit="deg", frame="galactic")


def cube_of(path, pixels=None):
    """One count in every bin of every pixel, and a source."""
    numbers = np.arange(12 * NSIDE**2) if pixels is None else pixels
    counts = np.ones((12, len(numbers)))
    counts[:, numbers == healpy.ang2pix(NSIDE, BRIGHT.l.deg, BRIGHT.b.deg, lonlat=True)] = 20
    lat.write_hpx(path, NSIDE, pixels=pixels, counts=counts)
    return SkyCube.read(path)


@pytest.fixture(scope="module")
def part(tmp_path_factory):
    """Pixels within 8 deg of (30, 40)."""
    center = healpy.ang2vec(30, 40, lonlat=True)
    pixels = healpy.query_disc(NSIDE, center, np.radians(8))
    return cube_of(tmp_path_factory.mktemp("part") / "hpx.fits", pixels)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return cube_of(tmp_path_factory.mktemp("whole") / "hpx.fits")


def drawn(cube, **options):
    """The Axes and the image on them, NaN where nothing was observed."""
    ax = style.new_figure(5, 5).add_subplot(projection=sky.projection(cube))
    sky.plot_counts(cube, ax=ax, **options)
    return ax, np.ma.filled(ax.images[0].get_array(), np.nan)


def test_a_part_of_the_sky_fits_its_canvas(part):
    geom = canvas(part)
    assert geom.contains(part.components[0].pixel_positions()).all()
    assert not geom.is_allsky
    assert geom.width.to_value("deg").max() < 20


def test_the_whole_sky_is_one_map_with_empty_corners(whole):
    geom = canvas(whole)
    assert geom.is_allsky
    image = drawn(whole)[1]
    assert np.isnan(image[0, 0])
    assert np.isfinite(image[image.shape[0] // 2, image.shape[1] // 2])


@pytest.mark.parametrize("name", ["part", "whole"])
def test_the_source_is_drawn_where_it_is(name, request):
    ax, image = drawn(request.getfixturevalue(name), smooth=0)
    y, x = np.unravel_index(np.nanargmax(image), image.shape)
    assert ax.wcs.pixel_to_world(x, y).galactic.separation(BRIGHT).deg < 1.0


@pytest.mark.parametrize("name", ["part", "whole"])
def test_counts_are_a_density_that_adds_up(name, request):
    """Over the canvas, density times solid angle is the number of counts."""
    cube = request.getfixturevalue(name)
    area = canvas(cube).solid_angle().to_value("deg2")
    total = np.nansum(drawn(cube, smooth=0)[1] * area)
    assert total == pytest.approx(cube.total_counts, rel=0.03)


def test_energies_choose_the_bins(part):
    """Three of twelve bins hold a quarter of the counts."""
    edges = part.components[0].energy_edges
    every = drawn(part, smooth=0)[1]
    some = drawn(part, smooth=0, emin=edges[3], emax=edges[6])[1]
    assert np.nansum(some) == pytest.approx(0.25 * np.nansum(every), rel=1e-6)


def test_axes_are_made_where_none_are_given(part):
    """With the coordinates of the data, and a colour bar that says what is shown."""
    import matplotlib.pyplot as plt

    ax = sky.plot_counts(part, kind="significance")
    assert [c.get_axislabel() for c in ax.coords] == ["l (deg)", "b (deg)"]
    assert "significance (sigma)" in [a.get_ylabel() for a in ax.figure.axes]
    plt.close("all")


def test_an_ellipse_across_the_rim_of_the_whole_sky_is_not_a_line_through_it(whole):
    catalog = SourceCatalog.from_table(
        {"GLON": [180.0], "GLAT": [10.0], "Conf_95_SemiMajor": [5.0], "Conf_95_SemiMinor": [5.0],
         "Conf_95_PosAng": [0.0]}
    )  # fmt: skip
    ax = drawn(whole)[0]
    x, y = sky._outlines(ax.wcs, catalog.positions.icrs, *catalog.ellipses())
    steps = np.hypot(np.diff(x), np.diff(y))
    assert np.nanmax(steps) < 20
    assert np.isnan(steps).sum() > 1  # it is drawn in two parts
