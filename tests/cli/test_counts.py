"""What commands read: counts, and events with their times in the same go."""

import numpy as np
import pytest
from makers import latfiles

from fermiml.cli.counts import read_counts_and_events
from fermiml.sky.read import events as reading


@pytest.fixture
def reads(monkeypatch):
    """The files that are read as event lists."""
    found, read = [], reading._read_file
    monkeypatch.setattr(
        reading, "_read_file", lambda path, options: (found.append(path), read(path, options))[1]
    )
    return found


def test_an_event_list_is_read_once(tmp_path, reads):
    latfiles.write_ft1(tmp_path / "ft1.fits")
    cube, events = read_counts_and_events(tmp_path / "ft1.fits", emin=1000)
    assert len(reads) == 1
    assert len(events) >= cube.total_counts > 0
    assert np.all(np.isfinite(events.time))


def test_a_list_of_event_lists_too(tmp_path, reads):
    latfiles.write_ft1(tmp_path / "ft1.fits")
    (tmp_path / "list.txt").write_text("ft1.fits\n")
    _, events = read_counts_and_events(f"@{tmp_path}/list.txt")
    assert len(events) and len(reads) == 1


def test_events_without_good_time_are_counted_all_the_same(tmp_path, caplog):
    events = latfiles.random_events(50)
    events["time"] += 1e9
    latfiles.write_ft1(tmp_path / "ft1.fits", events)
    cube, timed = read_counts_and_events(tmp_path / "ft1.fits")
    assert timed is None and cube.total_counts > 0
    assert "the Sun and the Moon are not looked for" in caplog.text


def test_binned_data_have_no_times(tmp_path):
    latfiles.write_ccube(tmp_path / "ccube.fits")
    assert read_counts_and_events(tmp_path / "ccube.fits")[1] is None
