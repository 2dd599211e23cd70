"""Executors of tasks: this process, threads, processes, a dask cluster, or any open executor."""

from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

from threadpoolctl import threadpool_limits

from fermiml import cluster, cores, schema, workers


class SerialExecutor(Executor):
    """Runs each task in this process, when it is submitted."""

    in_flight = 1

    def submit(self, function, /, *args, **kwargs):
        """Return a future that is done."""
        future = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def check_jobs(jobs, default=1):
    """Check the setting ``jobs``: a number, the text of a cluster, or an executor.

    None stands for FERMIML_JOBS, or else for `default`.
    """
    if jobs is None:
        return cores.wanted_jobs() or default
    if isinstance(jobs, str):
        return cluster.check(jobs)
    return jobs if isinstance(jobs, Executor) else schema.whole(1)("jobs", jobs)


@contextmanager
def open_executor(jobs, *, most=None, threads=False):
    """Open an executor for the length of a block; one that is already open stays open.

    Parameters
    ----------
    jobs : int, str or Executor
        As `check_jobs` returns it.
    most : int, optional
        Maximum number of processes or threads, as there are no more tasks.
    threads : bool
        Whether a number refers to threads, not processes.
    """
    if isinstance(jobs, Executor):
        yield jobs
    elif isinstance(jobs, str):
        with cluster.connect(jobs) as executor:
            yield executor
    else:
        number = jobs if most is None else min(jobs, most)
        with _on_this_machine(number, threads) as executor:
            yield executor


@contextmanager
def shared_executor(jobs):
    """Open a cluster for several steps, each of which opens its own processes or threads."""
    if isinstance(jobs, str):
        with open_executor(jobs) as executor:
            yield executor
    else:
        yield jobs


@contextmanager
def _on_this_machine(number, threads):
    if number > 1 and not threads:
        # A fork of a process with threads (BLAS, a network) may hang: processes are spawned.
        start = get_context("spawn"), workers.prepare_quietly
        with ProcessPoolExecutor(number, *start) as executor:
            executor.in_flight = 2 * number
            yield executor
        return
    # Threads of BLAS wait for each other where cores are taken, and its sums depend on their
    # number.
    with threadpool_limits(1, "blas"):
        if number < 2:
            yield SerialExecutor()
            return
        with ThreadPoolExecutor(number) as executor:
            executor.in_flight = 2 * number
            yield executor
