"""Dask clusters for real: a local one, that at an address, a batch system; and their failures."""

import os
import signal
import stat
import textwrap
from concurrent.futures import Executor
from pathlib import Path

import numpy as np
import pytest
from makers import daskparts, flaringskies, pieces, timedskies
from makers import smallskies as sky

from fermiml import FermimlError, InputError, LightCurve, TransientSearch, cluster, tasks
from fermiml.executors import open_executor, shared_executor
from fermiml.likelihood import grouping

pytest.importorskip("distributed")
pytestmark = pytest.mark.slow
TESTS = Path(__file__).parent
FIXED = {"positions": False, "spectra": False, "bands": False}


def _ts(catalog):
    return np.asarray(catalog.table["TS"], float)


@pytest.fixture
def closed_address():
    """An address at which nothing listens."""
    import socket

    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{port.getsockname()[1]}"


@pytest.fixture(scope="module")
def data():
    """Two regions of one source each, and their TS."""
    sources = sky.four()[[0, 1]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grouping, "_WIDEST", 0.5)
        cube, catalog = sky.cube(sources, 5), sky.seeds(sources)
        yield cube, catalog, _ts(sky.fit(catalog, cube, **FIXED))


@pytest.fixture(scope="module")
def workers():
    with open_executor("local:2") as executor:
        yield executor


def test_a_worker_has_one_thread_and_the_dashboard_is_not_for_others(workers):
    found = workers.submit(pieces.surroundings, None).result()
    assert found["jobs"] == "1" and found["blas"] == 1
    client = workers._client
    assert set(client.nthreads().values()) == {1}
    assert client.dashboard_link.startswith("http://127.0.0.1:")


def test_a_worker_that_is_killed_changes_nothing(workers, data):
    """kill -9 in the middle: the others do its work, and a new one starts."""
    cube, catalog, expected = data
    pids = workers._client.run(os.getpid)

    class Killing(Executor):
        in_flight, submitted = 4, 0

        def submit(self, function, task):
            future = workers.submit(function, task)
            self.submitted += 1
            if self.submitted == 3:
                os.kill(min(pids.values()), signal.SIGKILL)
            return future

    found = sky.fit(catalog, cube, jobs=Killing(), **FIXED)
    np.testing.assert_array_equal(_ts(found), expected)


def test_a_task_that_kills_its_worker_once_is_done_elsewhere(workers, tmp_path, caplog):
    given = [str(tmp_path / name) for name in "abc"]
    found = tasks.run(pieces.killed_once, given, workers, count=3, what="region")
    assert found == ["a", "b", "c"]
    assert not [record for record in caplog.records if record.name.startswith("fermiml")]


def test_failures_come_back_with_their_cause(workers, caplog):
    found = tasks.run(pieces.fraction, [1, 0], workers, count=2, what="region")
    assert found[0] == 12 and str(found[1]) == "ZeroDivisionError: division by zero"
    with pytest.raises(InputError, match="number 1: is not wanted"):
        tasks.run(pieces.refused, [1], workers, count=1, what="region")


def test_light_curves_and_transients_are_the_same(workers):
    sources = sky.four()[[0, 1]]
    seeds, cube = sky.seeds(sources, shapes=True), timedskies.cube(sources, np.ones((2, 4)), 1)
    events = flaringskies.sky(6, sky.power_laws(100.7, 45.6, 5e-8))
    windows = {"shortest": "8d", "longest": "8d"}
    one, two = (
        (LightCurve(jobs=jobs).run(seeds, cube).catalog.table["Flux_History"],
         TransientSearch(**windows, jobs=jobs).run(events).table["ML_TS"])
        for jobs in (1, workers)
    )  # fmt: skip
    for alone, together in zip(one, two, strict=True):
        np.testing.assert_array_equal(alone, together)
    assert len(one[1]) == 1


def test_without_its_scheduler_a_fit_ends_with_a_line_and_resumes(data, tmp_path):
    cube, catalog, expected = data
    parts, kept = tmp_path / "parts", []
    with (
        daskparts.scheduler() as (process, address),
        daskparts.worker(address),
        shared_executor(address) as workers,
    ):

        class Killing(Executor):
            in_flight = 1

            def submit(self, function, task):
                kept[:] = parts.glob("*.json")
                if len(kept) == 2:  # both first norms
                    process.kill()
                return workers.submit(function, task)

        with pytest.raises(FermimlError, match=r"the workers were lost .* resumes"):
            sky.fit(catalog, cube, jobs=Killing(), parts=parts, **FIXED)
    assert len(list(parts.glob("*.json"))) == 2
    found = sky.fit(catalog, cube, parts=parts, **FIXED)
    np.testing.assert_array_equal(_ts(found), expected)
    assert len(list(parts.glob("*.json"))) == 4


@pytest.mark.parametrize(
    ("before", "message"),
    [
        ("import sys; sys.modules['fermiml'] = None", "a worker cannot import fermiml"),
        ("import fermiml; fermiml.__version__ = '0.0.9'", "the workers have fermiml 0.0.9"),
    ],
)
def test_workers_without_this_fermiml_are_refused(before, message):
    with (
        daskparts.scheduler() as (_, address),
        daskparts.worker(address, before),
        pytest.raises(InputError, match=f"cluster {address}: {message}"),
        open_executor(address),
    ):
        pass


def test_nobody_there(closed_address, monkeypatch):
    monkeypatch.setattr(cluster, "_UNREACHABLE", 1.0)
    with (
        pytest.raises(InputError, match=f"cluster {closed_address}: no scheduler answers"),
        open_executor(closed_address),
    ):
        pass
    monkeypatch.setattr(cluster, "_PATIENCE", 1.0)
    with (
        daskparts.scheduler() as (_, address),
        pytest.raises(InputError, match="no worker started within 1 s"),
        open_executor(address),
    ):
        pass


def test_workers_that_go_and_do_not_come_back(monkeypatch, tmp_path):
    monkeypatch.setattr(cluster, "_PATIENCE", 3.0)
    monkeypatch.setattr(tasks, "_PULSE", 0.5)
    with (
        daskparts.scheduler() as (_, address),
        daskparts.worker(address) as (process, _),
        open_executor(address) as executor,
    ):
        process.kill()
        with pytest.raises(FermimlError, match="the cluster has had no workers for 3 s"):
            tasks.run(pieces.square, range(3), executor, count=3, what="region")


def test_what_a_worker_cannot_import_is_the_cause_of_a_failure():
    with (
        daskparts.scheduler() as (_, address),
        daskparts.worker(address),
        open_executor(address) as executor,
        pytest.raises(ModuleNotFoundError, match="makers"),
    ):
        tasks.run(pieces.square, range(3), executor, count=3, what="region")


def test_a_batch_system(tmp_path, monkeypatch):
    """A stand-in for SLURM that starts a job on this machine at once."""
    pytest.importorskip("dask_jobqueue")
    script = """\
        #!/bin/sh
        echo "$(cat $1)" > job.sh
        nohup sh job.sh > job.log 2>&1 &
        echo $! > job.pid
        echo Submitted batch job 7
        """
    (tmp_path / "sbatch").write_text(textwrap.dedent(script))
    (tmp_path / "scancel").write_text("#!/bin/sh\nkill $(cat job.pid)\n")
    for name in ("sbatch", "scancel"):
        (tmp_path / name).chmod(stat.S_IRWXU)
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "cluster.yaml"
    path.write_text(
        "kind: slurm\nworkers: 1\nmemory: 1 GB\nwalltime: '00:10:00'\nqueue: short\n"
        f"account: fermi\ninterface: lo\nsetup: [export PYTHONPATH={TESTS}]\n"
        "directives: ['--constraint=fast']\n"
    )
    with pytest.raises(InputError, match="sbatch was not found"), open_executor(str(path)):
        pass
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with open_executor(str(path)) as executor:
        assert tasks.run(pieces.square, range(3), executor, count=3, what="region") == [0, 1, 4]
    job = (tmp_path / "job.sh").read_text()
    for line in ("#SBATCH -p short", "#SBATCH -A fermi", "#SBATCH --constraint=fast",
                 f"export PYTHONPATH={TESTS}"):  # fmt: skip
        assert line in job
