"""Time is divided as the user says, and its good part is found for each interval."""

import numpy as np
import pytest
from astropy.time import Time
from makers import latfiles as lat
from numpy.testing import assert_allclose, assert_array_equal

from fermiml import InputError, SkyCube
from fermiml.sky.cutout import Cutter
from fermiml.sky.read.dispatch import read_timed_events
from fermiml.sky.selection import mission_time
from fermiml.sky.sphere import unit_vectors
from fermiml.sky.times import DAY, YEAR, TimeBins, time_bins

START = 239557417.0
TEN_YEARS = np.array([[START, START + 4 * YEAR], [START + 5 * YEAR, START + 10 * YEAR]])


def test_equal_intervals_span_the_good_time():
    bins = time_bins(10, TEN_YEARS)
    assert_allclose(bins.edges, START + YEAR * np.arange(11))
    assert_allclose(bins.good_time / YEAR, [1, 1, 1, 1, 0, 1, 1, 1, 1, 1], atol=1e-9)
    assert_allclose(bins.fractions.sum(), 1)
    assert_array_equal(bins.edges, time_bins("10", TEN_YEARS).edges)


@pytest.mark.parametrize("extra, count", [(0.4, 3), (0.6, 4)])
def test_years_end_with_the_data(extra, count):
    gti = np.array([[START, START + (3 + extra) * YEAR]])
    bins = time_bins("yearly", gti)
    assert len(bins) == count
    assert_allclose(bins.edges[:-1], START + YEAR * np.arange(count))
    assert bins.edges[-1] == gti[0, 1]
    assert len(time_bins("monthly", gti)) == round(12 * (3 + extra))


def test_edges_in_three_ways_and_from_a_file(tmp_path):
    dates = ["2009-01-01", "2010-01-01T12:00:00", "2012-03-07"]
    times = mission_time(Time(dates, scale="utc"))
    mjd = [str(value) for value in Time(dates, scale="utc").mjd]
    (tmp_path / "edges.txt").write_text("# from the proposal\n" + "\n".join(dates))
    for wanted in (", ".join(dates), " ".join(mjd), list(times), str(tmp_path / "edges.txt")):
        assert_allclose(time_bins(wanted, TEN_YEARS).edges, times, atol=1e-3)


@pytest.mark.parametrize(
    "wanted, complaint",
    [
        ("weekly", "at least two edges"),
        ("0", "not a whole number"),
        ("2009-01-01,2008-12-01", "do not increase"),
        ("2009-01-01,2009-13-01", "is not a time"),
        ("2003-01-01,2004-01-01", "no good time"),
        ("2009-01-01,99999999999", "is later than 2127"),
        ({"every": 3}, "a number, yearly, monthly"),
    ],
)
def test_impossible_intervals_are_refused(wanted, complaint):
    with pytest.raises(InputError, match=complaint):
        time_bins(wanted, TEN_YEARS)


@pytest.mark.parametrize(
    "content, complaint",
    [
        (b"2009-01-01\n2010-01-01\x00", "is not a text file"),
        (b"2009-01-01\n2010-13-01", "is not a time"),
        (b"5" * 2**21, "too large"),
    ],
)
def test_an_error_in_a_file_of_edges_names_the_file(content, complaint, tmp_path):
    path = tmp_path / "edges.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"edges.txt: .*{complaint}"):
        time_bins(str(path), TEN_YEARS)


def test_every_time_has_its_interval():
    bins = TimeBins.of([0.0, 10.0, 20.0], np.array([[0.0, 20.0]]))
    assert_array_equal(bins.numbers(np.array([-1, 0, 9.9, 10, 20, 20.1])), [-1, 0, 0, 1, 1, -1])


def test_events_keep_time_and_cuts_of_the_cube(tmp_path):
    path = tmp_path / "ft1.fits"
    lat.write_ft1(path)
    cuts = {"zmax": 60, "evtype": 32, "tmax": START + 3e7}
    events = read_timed_events(path, **cuts)
    cube = SkyCube.read(path, **cuts)
    assert len(events) == cube.total_counts
    assert events.time.max() <= START + 3e7
    assert_allclose(events.selection.good_time, 3e7)
    assert np.abs(events.lat - lat.CENTER.b.deg).max() < 5.01
    assert events.lon.itemsize + events.lat.itemsize + events.energy.itemsize == 12


def test_a_list_that_names_a_file_twice_has_its_events_once(tmp_path):
    lat.write_ft1(tmp_path / "ft1.fits")
    (tmp_path / "list.txt").write_text("ft1.fits\nft1.fits\n")
    once = read_timed_events(tmp_path / "ft1.fits")
    assert len(read_timed_events(f"@{tmp_path}/list.txt")) == len(once)


def test_events_outside_the_good_time_are_refused(tmp_path):
    lat.write_ft1(tmp_path / "ft1.fits", start=START + 100 * DAY)
    with pytest.raises(InputError, match=r"ft1.fits: \d+ of 4000 events are outside the good time"):
        read_timed_events(tmp_path / "ft1.fits")


def test_a_cube_keeps_the_counts_of_each_interval(tmp_path):
    lat.write_ft1(tmp_path / "ft1.fits")
    options = {"width": 6, "emin": 1000, "time_bins": 5}
    component = SkyCube.read(tmp_path / "ft1.fits", **options).components[0]
    times = component.times
    counts = np.zeros((len(component.counts.data), component.mask.size))
    np.add.at(counts, (times.energy_bin, times.pixel), times.counts)
    assert_array_equal(counts.reshape(component.counts.data.shape), component.counts.data)
    edges = times.bins.edges
    second = SkyCube.read(tmp_path / "ft1.fits", width=6, emin=1000, tmin=edges[1], tmax=edges[2])
    assert times.counts[times.interval == 1].sum() == second.total_counts


def test_a_cut_out_piece_keeps_its_times(tmp_path):
    lat.write_ft1(tmp_path / "ft1.fits")
    component = SkyCube.read(tmp_path / "ft1.fits", time_bins=5).components[0]
    center = unit_vectors(lat.CENTER.l.deg + 1, lat.CENTER.b.deg)
    piece = Cutter(component).cut(center, 1.5)
    counts = np.zeros((len(piece.counts.data), piece.mask.size))
    np.add.at(counts, (piece.times.energy_bin, piece.times.pixel), piece.times.counts)
    assert_array_equal(counts.reshape(piece.counts.data.shape), piece.counts.data)
