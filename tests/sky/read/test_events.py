"""Event lists are binned with every event, and cubes of several files are joined."""

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.time import Time
from makers import latfiles as lat
from numpy.testing import assert_allclose

from fermiml import InputError, SkyCube


def assert_all_counts_found(cube, total):
    """Bands + remainder = total, exactly."""
    assert cube.total_counts == total
    found = sum(b.counts.sum(dtype=float) + b.remainder for b in cube.bands())
    assert found == total


def test_ft1_binning_finds_every_event(tmp_path):
    events = lat.write_ft1(tmp_path / "ft1.fits")
    cube = SkyCube.read(tmp_path / "ft1.fits")
    component = cube.components[0]
    assert_all_counts_found(cube, len(events["energy"]))
    edges = component.energy_edges
    assert_allclose(edges[[0, -1]], [500, 500000])
    for edge in (1000, 2000, 7000, 20000):
        assert np.min(np.abs(edges / edge - 1)) < 1e-9
    assert component.center.separation(lat.CENTER).deg < 0.01
    assert_allclose(component.mask.sum() * 0.01, np.pi * 25, rtol=0.01)


def test_ft1_with_choices(tmp_path):
    events = lat.write_ft1(tmp_path / "ft1.fits")
    cube = SkyCube.read(
        tmp_path / "ft1.fits", center=lat.CENTER, width=4, binsz=0.2, emin=1000, emax=50000,
        zmax=60, evtype=32, tmax=239557417.0 + 5e7,
    )  # fmt: skip
    component = cube.components[0]
    keep = (events["zenith"] <= 60) & ((events["evtype"] & 32) > 0)
    keep &= events["time"] <= 239557417.0 + 5e7
    keep &= (events["energy"] >= 1000) & (events["energy"] <= 50000)
    near = events["position"].separation(lat.CENTER).deg
    assert keep[near < 2].sum() * 0.99 <= cube.total_counts <= keep[near < 2.9].sum()
    assert component.event_types == ("PSF3",)
    assert component.selection.zenith == (0, 60)
    assert_allclose(component.selection.good_time, 5e7, rtol=1e-4)
    assert any("outside" in note for note in component.notes)


def test_ft1_is_not_binned_where_events_were_cut_away(tmp_path):
    lat.write_ft1(tmp_path / "ft1.fits")  # 500 MeV - 500 GeV
    component = SkyCube.read(tmp_path / "ft1.fits", emin=100, emax=1e6).components[0]
    assert_allclose(component.energy_edges[[0, -1]], [500, 500000])
    assert any("nothing is binned outside" in note for note in component.notes)


def test_the_limb_of_the_earth_is_told(tmp_path):
    """How many events may come from it, where no cut keeps them out."""
    events = lat.random_events()
    events["zenith"][:400] = 105
    lat.write_ft1(tmp_path / "ft1.fits", events, listed=lat.cuts(zmax=None))
    (note,) = (n for n in SkyCube.read(tmp_path / "ft1.fits").components[0].notes if "limb" in n)
    assert "400 events (10.0%)" in note
    cut = SkyCube.read(tmp_path / "ft1.fits", zmax=90).components[0]
    assert not any("limb" in note for note in cut.notes)


def test_list_of_ft1_files(tmp_path):
    for number in range(2):
        events = lat.random_events(seed=number)
        lat.write_ft1(tmp_path / f"ft1_{number}.fits", events, start=239557417.0 + number * 2e8)
    (tmp_path / "list.txt").write_text("ft1_0.fits\nft1_1.fits\n")
    cube = SkyCube.read(f"@{tmp_path / 'list.txt'}")
    assert_all_counts_found(cube, 8000)
    assert_allclose(cube.components[0].selection.good_time, 2 * lat.GOOD_TIME)


def test_ft1_without_circle_is_masked_outside_the_events(tmp_path):
    lat.write_ft1(tmp_path / "ft1.fits", circle=False)
    component = SkyCube.read(tmp_path / "ft1.fits").components[0]
    assert_allclose(component.mask.sum() * 0.01, np.pi * 25, rtol=0.05)
    assert any("convex hull" in note for note in component.notes)


@pytest.mark.parametrize(
    "start", [252460802.0, "2009-01-01", Time("2009-01-01", scale="utc"), 252460802 * u.s]
)
def test_times_are_seconds_dates_or_astropys(tmp_path, start):
    lat.write_ft1(tmp_path / "ft1.fits")
    by_seconds = SkyCube.read(tmp_path / "ft1.fits", tmin=252460802.0)
    (component,) = SkyCube.read(tmp_path / "ft1.fits", tmin=start).components
    assert_allclose(component.selection.gti, by_seconds.components[0].selection.gti)
    with pytest.raises(InputError, match="tmin: '2009-13-01' is not a date"):
        SkyCube.read(tmp_path / "ft1.fits", tmin="2009-13-01")


def test_ft1_of_a_wide_field_becomes_healpix(tmp_path, monkeypatch):
    monkeypatch.setattr("fermiml.sky.read.events.ALL_SKY_NSIDE", 64)
    events = lat.random_events(radius=80)
    lat.write_ft1(tmp_path / "ft1.fits", events, circle=False)
    cube = SkyCube.read(tmp_path / "ft1.fits")
    assert cube.components[0].is_healpix
    assert_all_counts_found(cube, len(events["energy"]))


def test_files_with_other_cuts_are_not_merged(tmp_path):
    lat.write_ft1(tmp_path / "a.fits")
    lat.write_ft1(tmp_path / "b.fits", listed=lat.cuts(evclass=256))
    (tmp_path / "list.txt").write_text("a.fits\nb.fits\n")
    with pytest.raises(InputError, match="evclass is 256"):
        SkyCube.read(f"@{tmp_path / 'list.txt'}")


def test_event_types_that_chose_events_are_not_those_of_the_header(tmp_path, caplog):
    """Of PSF2 and PSF3 in the file, PSF0 + PSF3 asked for leaves PSF3."""
    lat.write_ft1(tmp_path / "ft1.fits", listed=lat.cuts(evtype=48))
    (component,) = SkyCube.read(tmp_path / "ft1.fits", evtype=4 + 32).components
    assert component.event_types == ("PSF3",)
    assert "evtype" not in caplog.text


@pytest.mark.parametrize("numbered", [True, False])
def test_events_that_are_there_twice_count_once(tmp_path, caplog, numbered):
    """In one file, and in two that overlap; found by run and number, else by all else."""
    events = lat.random_events(400)
    if numbered:
        events["numbers"] = np.full(400, 239557417), np.arange(400)
    rows = np.append(np.arange(300), np.arange(20))
    lat.write_ft1(tmp_path / "a.fits", part(events, rows))
    lat.write_ft1(tmp_path / "b.fits", part(events, np.arange(250, 400)))
    (tmp_path / "list.txt").write_text("a.fits\nb.fits\n")
    once = SkyCube.read(tmp_path / "a.fits")
    both = SkyCube.read(f"@{tmp_path / 'list.txt'}")
    assert once.total_counts == 300 and both.total_counts == 400
    for cube, number in ((once, 20), (both, 70)):
        text = f"{number} events are duplicates and count once"
        assert text in cube.components[0].notes and text in caplog.text


def part(events, rows):
    numbers = {k: [n[rows] for n in v] for k, v in events.items() if k == "numbers"}
    return {k: v[rows] for k, v in events.items() if k != "numbers"} | numbers


def test_events_of_one_time_or_one_number_are_not_the_same(tmp_path):
    """Simulators leave columns at zero."""
    events = lat.random_events(50)
    events["time"][:] = 0
    lat.write_ft1(tmp_path / "times.fits", events)
    events = lat.random_events(50)
    events["numbers"] = np.zeros(50), np.zeros(50)
    lat.write_ft1(tmp_path / "numbers.fits", events)
    for name in ("times.fits", "numbers.fits"):
        assert SkyCube.read(tmp_path / name).total_counts == 50


def test_good_time_that_files_share_counts_once_with_a_word(tmp_path, caplog):
    for number in range(2):
        events = lat.random_events(seed=number)
        lat.write_ft1(tmp_path / f"{number}.fits", events, start=239557417.0 + number * 4e7)
    (tmp_path / "list.txt").write_text("0.fits\n1.fits\n")
    component = SkyCube.read(f"@{tmp_path / 'list.txt'}").components[0]
    assert_allclose(component.selection.good_time, 1.4e8, rtol=1e-4)
    assert "good time intervals overlap: 5.9999e+07 s" in caplog.text
    assert any("overlap" in note for note in component.notes)


def damaged_gti(path, **columns):
    with fits.open(path, memmap=False) as hdus:
        for name, value in columns.items():
            hdus["GTI"].data[name][1] = value
        hdus.writeto(path, overwrite=True)


def test_good_time_that_overlaps_in_one_file_or_is_damaged(tmp_path, caplog):
    for name, start, message in (
        ("a.fits", 239557417.0 + 4e7, None),
        ("b.fits", np.nan, "GTI table is damaged: row 1 goes from nan to"),
        ("c.fits", 9e9, "GTI table is damaged: row 1 goes from 9e"),
    ):
        lat.write_ft1(tmp_path / name)
        damaged_gti(tmp_path / name, START=start)
        if message:
            with pytest.raises(InputError, match=message):
                SkyCube.read(tmp_path / name)
        else:
            SkyCube.read(tmp_path / name)
            assert "good time intervals overlap: 1e+07 s" in caplog.text


def test_options_may_have_units(tmp_path):
    """Energies in GeV and angles in arcmin cut the same events as plain numbers."""
    lat.write_ft1(tmp_path / "ft1.fits")
    plain = SkyCube.read(tmp_path / "ft1.fits", width=4, binsz=0.2, emin=1000)
    units = SkyCube.read(
        tmp_path / "ft1.fits", width=240 * u.arcmin, binsz=12 * u.arcmin, emin=1 * u.GeV
    )
    assert np.array_equal(plain.components[0].counts.data, units.components[0].counts.data)
    with pytest.raises(InputError, match=r"width: 4\.0 s is not in units of deg"):
        SkyCube.read(tmp_path / "ft1.fits", width=4 * u.s)
