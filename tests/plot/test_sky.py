"""Figures: what is drawn where; each on Axes of one's own."""

import matplotlib
import numpy as np
import pytest
from makers import smallskies as small

from fermiml import SourceCatalog
from fermiml.errors import InputError
from fermiml.plot import sky, style

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
    image = np.ma.filled(ax.images[0].get_array(), np.nan)
    y, x = np.unravel_index(np.nanargmax(image), image.shape)
    assert ax.wcs.pixel_to_world(x, y).separation(catalog.positions[0].galactic).deg < 0.15
    assert {t.get_text() for t in ax.texts} == set(catalog.table["Source_Name"])
    assert ax.get_legend_handles_labels()[1] == ["found"]
    assert ax.get_xlim() == (-0.5, 69.5)


def test_ellipses_are_where_the_errors_say(cube, catalog):
    """0.5 deg along the position angle, 0.2 deg across, a gap where no error is known."""
    position, wcs = catalog.positions.icrs, sky.projection(cube)
    x, y = sky._outlines(wcs, position, *catalog.ellipses())
    known = np.isfinite(x)
    assert known.sum() == len(sky._ANGLES)
    points = wcs.pixel_to_world(x[known], y[known]).icrs
    distance = position[0].separation(points).deg
    assert distance.max() == pytest.approx(0.5, rel=1e-3)
    assert distance.min() == pytest.approx(0.2, rel=1e-3)
    angle = position[0].position_angle(points[np.argmax(distance)]).deg
    assert angle % 180 == pytest.approx(40, abs=0.5)


def test_significance_of_a_flat_sky_is_none_and_of_a_source_what_it_is():
    counts = np.full((80, 80), 2.0)
    seen = np.ones_like(counts)
    assert np.abs(sky.significance(counts, seen, 0.1)).max() < 0.01
    counts[40, 40] += 30
    pixels = sky._annulus(0, sky._DISK, 0.1).sum()
    expected = 2 * (np.sqrt(2 * pixels + 30.375) - np.sqrt(2 * pixels + 0.375))
    assert sky.significance(counts, seen, 0.1)[40, 40] == pytest.approx(expected, rel=1e-3)
    model = sky.significance(counts, seen, 0.1, background=np.full_like(counts, 2.0))
    assert model[40, 40] == pytest.approx(expected, rel=1e-3)


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
    with pytest.raises(InputError, match="not a format"):
        style.save(figure, tmp_path / "a.xyz")
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
