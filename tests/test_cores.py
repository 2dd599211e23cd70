"""The number of cores follows the system's limits and the user's."""

import os

import pytest

from fermiml import InputError, cores


@pytest.fixture
def four_cores(monkeypatch, tmp_path):
    monkeypatch.delenv("FERMIML_JOBS", raising=False)
    monkeypatch.setattr(cores, "_mask", lambda: range(4))
    monkeypatch.setattr(cores, "_CGROUP", tmp_path / "cpu.max")
    return tmp_path / "cpu.max"


@pytest.mark.parametrize(
    ("quota", "usable"),
    [(None, 4), ("max 100000", 4), ("150000 100000", 2), ("5000 100000", 1), ("800000 100000", 4)],
)
def test_the_limit_of_a_container_counts(four_cores, quota, usable):
    if quota:
        four_cores.write_text(f"{quota}\n")
    assert cores.usable_cores() == usable


def test_the_user_decides(four_cores, monkeypatch):
    monkeypatch.setenv("FERMIML_JOBS", "1")
    assert cores.usable_cores() == 1
    for wrong in ("0", "two", "-1"):
        monkeypatch.setenv("FERMIML_JOBS", wrong)
        with pytest.raises(InputError, match=f"FERMIML_JOBS={wrong}"):
            cores.usable_cores()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="not on this system")
def test_the_scheduler_s_mask_counts(monkeypatch):
    monkeypatch.delenv("FERMIML_JOBS", raising=False)
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert cores.usable_cores() == 1
    finally:
        os.sched_setaffinity(0, before)


def test_tensorflow_has_the_threads_that_the_user_or_the_cores_allow(four_cores, monkeypatch):
    monkeypatch.setenv("FERMIML_JOBS", "3")
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        monkeypatch.setenv(name, "")  # so that it is put back
        monkeypatch.delenv(name)
    cores.bound_tensorflow()
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == "3"
    assert os.environ["TF_NUM_INTEROP_THREADS"] == "1"
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "7")
    cores.bound_tensorflow()
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == "7"
