"""Cubes of one interval each become one of the whole time that keeps the intervals."""

import numpy as np
import pytest
from astropy import units as u
from gammapy.data import GTI
from gammapy.datasets import Datasets
from makers import latfiles as lat
from makers import smallskies
from numpy.testing import assert_allclose, assert_array_equal

from fermiml import InputError, LightCurve, SkyCube
from fermiml.sky.read.intervals import join, read_with_times
from fermiml.sky.selection import EPOCH
from fermiml.sky.times import YEAR

START = 239557417.0
SPAN = 4e6  # s of each of three intervals
IN_BETWEEN = 1e5


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    """Events of a year in three files of different length, with good time intervals of theirs."""
    folder = tmp_path_factory.mktemp("events")
    lat.write_ft1(folder / "ft1.fits")
    return folder / "ft1.fits"


def pieces(events, spans):
    return [SkyCube.read(events, width=8, tmin=START + a, tmax=START + b) for a, b in spans]


def test_the_whole_has_counts_and_exposure_of_all_parts(events):
    parts = pieces(events, [(0, SPAN), (SPAN, 3 * SPAN), (3 * SPAN + 1e5, 4 * SPAN)])
    cube = join(parts, "three cubes")
    component = cube.components[0]
    assert cube.total_counts == sum(part.total_counts for part in parts)
    assert_allclose(component.selection.good_time, 4 * SPAN - 1e5)
    assert_allclose(component.times.bins.edges, START + SPAN * np.array([0, 1, 3 + 1e5 / SPAN, 4]))
    for number, part in enumerate(parts):
        assert component.times.counts[component.times.interval == number].sum() == part.total_counts
    fractions = component.times.fractions(lat.CENTER[None], [1e3, 1e4], None)[:, :, 0]
    expected = np.array([1, 2, 1 - 1e5 / SPAN]) / (4 - 1e5 / SPAN)
    assert_allclose(fractions, np.column_stack([expected, expected]), rtol=1e-4)


def test_a_long_gap_is_an_interval_without_good_time(events):
    cube = join(pieces(events, [(0, SPAN), (2 * SPAN, 3 * SPAN)]), "two cubes")
    bins = cube.components[0].times.bins
    assert_allclose(bins.good_time, [SPAN, 0, SPAN])
    fractions = cube.components[0].times.fractions(lat.CENTER[None], [1e3], None)
    assert_allclose(fractions.ravel(), [0.5, 0, 0.5], rtol=1e-4)


def test_overlapping_intervals_are_refused(events):
    with pytest.raises(InputError, match="intervals must not overlap"):
        join(pieces(events, [(0, SPAN), (0.9 * SPAN, 3 * SPAN)]), "two cubes")


def test_other_pixels_are_refused(events):
    one, _ = pieces(events, [(0, SPAN), (SPAN, 2 * SPAN)])
    other = SkyCube.read(events, width=6, tmin=START + SPAN, tmax=START + 2 * SPAN)
    with pytest.raises(InputError, match="other components, pixels or energies"):
        join([one, other], "two cubes")


def test_one_map_of_the_whole_time_is_refused(tmp_path):
    lat.write_ccube(tmp_path / "ccube.fits")
    with pytest.raises(InputError, match=r"ccube\.fits: these data are a single map"):
        read_with_times(tmp_path / "ccube.fits")
    with pytest.raises(InputError, match="time_bins can only be chosen for FT1"):
        read_with_times(tmp_path / "ccube.fits", "yearly")


def test_one_interval_is_no_light_curve(events):
    with pytest.raises(InputError, match="are one interval"):
        read_with_times(events, 1, width=8)


def test_events_in_files_and_lists_are_the_same(events, tmp_path):
    (tmp_path / "list.txt").write_text(f"{events}\n")
    for source in (events, f"@{tmp_path}/list.txt", [events]):
        times = read_with_times(source, 4, width=8).components[0].times
        assert len(times.bins) == 4


def test_the_folders_of_fermipy_are_found(tmp_path):
    for number in range(2):
        folder = tmp_path / f"lightcurve_{number}00_{number + 1}00"
        folder.mkdir()
        counts = lat.poisson((len(lat.EDGES) - 1, 60, 80), seed=number)
        lat.write_ccube(folder / "ccube_00.fits", counts)
    with pytest.raises(InputError, match="must not overlap"):  # the GTI of the maker is one
        read_with_times(tmp_path)


def test_gammapy_datasets_are_told_apart_by_their_gti():
    parts = []
    for number in range(2):
        dataset = smallskies.cube(smallskies.four(), seed=number).to_gammapy()[0]
        dataset = dataset.copy(name=f"year {number}")
        dataset.gti = GTI.create(number * YEAR * u.s, (number + 1) * YEAR * u.s, EPOCH)
        parts.append(dataset)
    cube = read_with_times(Datasets(parts))
    assert_array_equal(cube.components[0].times.bins.good_time, [YEAR, YEAR])
    result = LightCurve().run(smallskies.seeds(smallskies.four(), shapes=True), cube)
    assert np.isfinite(result.catalog.table["Flux_History"]).all()
    parts[1].gti = None
    with pytest.raises(InputError, match="'year 1' has no GTI"):
        read_with_times(Datasets(parts))
