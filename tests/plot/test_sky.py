"""Figures: what is drawn where; each on Axes of one's own."""

import matplotlib
import numpy as np
import pytest
from makers import smallskies as small

from fermiml import SourceCatalog
from fermiml.errors import InputError
from fermiml.plot import labels, sky, sky_images, style

matplotlib.use("Agg")


@pytest.fixture(scope="module")
def cube():
    """Two bright sources on a smooth background, without noise."""
    return small.cube(small.power_laws([99.0, 101.0], [44.0, 46.0], [2e-8, 1e-8]))


@pytest.fixture(scope="module")
def catalog():
    return SourceCatalog.from_table(
        {
            "GLON": [99.0, 101.0],
            "GLAT": [44.0, 46.0],
            "Conf_95_SemiMajor": [0.5, np.nan],
            "Conf_95_SemiMinor": [0.2, np.nan],
            "Conf_95_PosAng": [40.0, np.nan],
        }
    )


def axes_of(cube):
    return style.new_figure(5, 5).add_subplot(projection=sky.projection(cube))


@pytest.mark.parametrize("kind", sky.KINDS)
def test_counts_on_ones_own_axes(cube, catalog, kind):
    """The image peaks where the brightest source is, and its axes know where they are."""
    ax = axes_of(cube)
    assert sky.plot_counts(cube, catalog, ax, kind=kind, names=True, label="found") is ax
    if kind == "residuals":
        return  # the catalog has no spectra, and its symbols are all that is new
    image = np.ma.filled(ax.images[0].get_array(), np.nan)
    y, x = np.unravel_index(np.nanargmax(image), image.shape)
    assert ax.wcs.pixel_to_world(x, y).separation(catalog.positions[0].galactic).deg < 0.15
    assert {t.get_text() for t in ax.texts} == set(catalog.table["Source_Name"])
    assert ax.get_legend_handles_labels()[1] == ["found"]
    assert ax.get_xlim() == (-0.5, 69.5)


def test_ellipses_are_where_the_errors_say(cube, catalog):
    """0.5 deg along the position angle, 0.2 deg across, a gap where no error is known."""
    position, wcs = catalog.positions.icrs, sky.projection(cube)
    x, y = sky._outlines(wcs, position, *catalog.outlines())
    known = np.isfinite(x)
    assert known.sum() == len(sky._ANGLES)
    points = wcs.pixel_to_world(x[known], y[known]).icrs
    distance = position[0].separation(points).deg
    assert distance.max() == pytest.approx(0.5, rel=1e-3)
    assert distance.min() == pytest.approx(0.2, rel=1e-3)
    angle = position[0].position_angle(points[np.argmax(distance)]).deg
    assert angle % 180 == pytest.approx(40, abs=0.5)


def test_significance_of_a_source_is_what_it_is():
    counts = np.full((80, 80), 2.0)
    expected = counts.copy()
    assert np.abs(sky_images.significance(counts, expected, 0.1)).max() < 0.01
    counts[40, 40] += 30
    pixels = sky_images._disk(sky_images._DISK, 0.1).sum()
    sigma = 2 * (np.sqrt(2 * pixels + 30.375) - np.sqrt(2 * pixels + 0.375))
    image = sky_images.significance(counts, expected, 0.1)
    assert image[40, 40] == pytest.approx(sigma, rel=1e-3)


@pytest.mark.parametrize("pixel", [0.05, 0.1, 0.5])
def test_a_bright_source_has_no_moat(pixel):
    """The local background is that of the flat sky, whatever shines on it."""
    counts = np.full((70, 101), 5.0)
    y, x = np.mgrid[:70, :101]
    counts += 3e3 * np.exp(-0.5 * np.square(np.hypot(x - 50, y - 35) * max(pixel, 0.1) / 0.2))
    level = sky_images.local_background(counts, np.ones_like(counts), pixel)
    assert level.shape == counts.shape
    assert level.min() > 4.95 and level.max() < 7


def test_the_colours_of_sigma_reach_as_far_as_the_data():
    norm, ticks = sky_images.sigma_scale(np.array([-3.0, np.nan, 43.0]))
    assert norm.vmax == 43 and norm.vmin == -43
    assert ticks == (-20, -10, -5, -2, 0, 2, 5, 10, 20)
    assert sky_images.sigma_scale(np.zeros(3))[0].vmax == 6


def test_residuals_are_what_a_catalog_leaves(cube):
    """Of two bright sources the one in the catalog is gone, the other is not."""
    true = small.seeds(small.power_laws([99.0], [44.0], [2e-8]), shapes=True)
    images = sky_images.SkyImages(cube)
    for image, found in ((images.residuals(true), False), (images.significance(), True)):
        x, y = image.map.geom.coord_to_pix({"lon": [99.0, 101.0], "lat": [44.0, 46.0]})
        here, other = image.map.data[np.round(y).astype(int), np.round(x).astype(int)]
        assert other > 20
        assert (here > 20) if found else abs(here) < 3
    with pytest.raises(InputError, match="give one"):
        sky.plot_counts(cube, kind="residuals")


def test_names_cover_neither_symbols_nor_each_other():
    points = np.array([[90, 90], [96, 92], [90, 98], [195, 90], [90, 90.5]])
    corners = labels.place(points, ["J0001.0+0000"] * 5, 7, 4, (0, 0, 200, 200))
    placed = corners[np.isfinite(corners).all(axis=1)]
    assert len(placed) >= 3 and np.isfinite(corners[0]).all()
    width, height = 12 * 7 * labels._WIDTH, 7 * labels._HEIGHT
    for i, (x, y) in enumerate(placed):
        assert 0 <= x <= 200 - width and 0 <= y <= 200 - height
        over = (points[:, 0] > x) & (points[:, 0] < x + width)
        assert not (over & (points[:, 1] > y) & (points[:, 1] < y + height)).any()
        for other in placed[:i]:
            assert abs(x - other[0]) >= width - 1e-6 or abs(y - other[1]) >= height - 1e-6


def test_names_stay_clear_of_large_ellipses():
    (small_x, _), (large_x, _) = labels.place(
        [[50, 50], [50, 150]], ["J0001.0+0000"] * 2, 7, [4, 20], (0, 0, 200, 200)
    ) - [50, 0]
    assert small_x < 5 and large_x > 15


def test_bad_input_is_named(cube):
    with pytest.raises(InputError, match="projection"):
        sky.plot_counts(cube, ax=style.new_figure(3, 3).add_subplot())
    with pytest.raises(InputError, match="known are counts"):
        sky.plot_counts(cube, kind="photons")
    with pytest.raises(InputError, match="no energy bin"):
        sky.plot_counts(cube, emin=1e5, emax=2e3)


def test_figures_are_written_whole_or_not_at_all(tmp_path):
    figure = style.new_figure(2, 2)
    style.save(figure, tmp_path / "a.png")
    with pytest.raises(InputError, match="exists already"):
        style.save(figure, tmp_path / "a.png")
    with pytest.raises(InputError, match="not a figure format"):
        style.save(figure, tmp_path / "a.xyz")
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
