"""What runs tasks: how it is chosen, and what a worker finds around itself."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from makers import pieces

from fermiml import InputError, executors
from fermiml.executors import check_jobs, open_executor


def test_the_number_of_jobs_is_the_given_one_or_that_of_the_environment(monkeypatch):
    monkeypatch.delenv("FERMIML_JOBS", raising=False)
    assert check_jobs(None) == 1 and check_jobs(None, default=7) == 7
    monkeypatch.setenv("FERMIML_JOBS", "3")
    assert check_jobs(None) == check_jobs(None, default=7) == 3
    assert check_jobs(5) == 5


@pytest.mark.parametrize(
    ("jobs", "message"),
    [
        (0, "jobs: 0 is not a whole number"),
        (1.5, "jobs: 1.5 is not a whole number"),
        ("many", "cluster 'many': give local:N"),
    ],
)
def test_other_jobs_are_refused(jobs, message):
    with pytest.raises(InputError, match=message):
        check_jobs(jobs)


def test_an_open_executor_stays_open():
    with ThreadPoolExecutor(1) as given:
        assert check_jobs(given) is given
        with open_executor(given) as executor:
            assert executor is given
        assert given.submit(pieces.square, 3).result() == 9


def test_there_are_no_more_workers_than_tasks():
    with open_executor(8, most=1) as executor:
        assert isinstance(executor, executors.SerialExecutor)


@pytest.mark.parametrize("jobs", [1, 2])
def test_blas_has_one_thread_beside_tasks_in_this_process(jobs):
    with open_executor(jobs, threads=True) as executor:
        assert executor.submit(pieces.surroundings, None).result()["blas"] == 1


@pytest.mark.slow
def test_a_process_has_one_core_and_parameter_files_of_its_own(monkeypatch, tmp_path):
    """The folder goes with the process."""
    monkeypatch.setenv("PFILES", f"{tmp_path};/opt/fermi/syspfiles")
    with open_executor(2) as executor:
        found = executor.submit(pieces.surroundings, None).result()
    assert found["jobs"] == "1" and found["blas"] == 1
    assert found["there"] and found["own"] != str(tmp_path)
    assert found["system"] == "/opt/fermi/syspfiles"
    import os

    assert not os.path.exists(found["own"])
