"""Work in pieces: tasks go through an executor, results come back in the order of the tasks."""

import logging
from concurrent.futures import BrokenExecutor
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from fermiml.errors import FermimlError, type_and_message
from fermiml.progress import progress_bar

log = logging.getLogger(__name__)
_IN_FLIGHT = 32  # tasks given to an executor that does not say how many it can use
_ATTEMPTS = 2
_PULSE = 30.0  # s of silence after which the executor is asked whether it still has workers
_LOST = (
    "the workers were lost ({}): run the same again, which resumes with what was finished and kept"
)


@dataclass(frozen=True)
class Failure:
    """Stands for the result of a task that failed twice."""

    error: Exception

    def __str__(self):
        return type_and_message(self.error)


def run(function, tasks, executor, *, count, what, keep=None, progress=True):
    """Run a function on each of some tasks; return the results in their order.

    A task that fails is tried once more. If it fails again, its result is a `Failure`, which is
    logged; only if all tasks fail is this an error. A `FermimlError`, such as bad input, is raised
    at once.

    Parameters
    ----------
    function : callable
        Called as ``function(task)``, possibly in another process, so it must be defined at the top
        of a module.
    tasks : iterable
        Tasks are taken from it one by one when there is room, because they may be large.
    executor : concurrent.futures.Executor
        Its attribute ``in_flight``, if it has one, is the number of tasks it may hold at a time;
        its method ``check()`` is called now and then, and raises an error if no worker is left.
    count : int
        Maximum number of tasks.
    what : str
        Name of a task, for messages and the progress bar.
    keep : optional
        Results of earlier runs, such as `fermiml.checkpoint.Pieces`: ``load(task)`` returns one, or
        None; ``save(task, result)`` saves one.
    progress : bool
        Whether to show a progress bar on a terminal.
    """
    results, failures = [None] * count, []
    look = {"unit": what, "leave": False, "delay": 1, "show": progress}
    with progress_bar(what=f"{what}s", total=count, **look) as bar:
        for number, result in _Run(function, executor, keep).results(tasks):
            results[number] = result
            if isinstance(result, Failure):
                failures.append(result)
                log.warning("%s %d of %d failed twice: %s", what, number + 1, count, result)
            bar.update()
    if failures:
        _judge(failures, count, what)
    return results


def _judge(failures, count, what):
    if len(failures) == count:
        raise failures[0].error
    if len(failures) > 1:
        log.warning("%d of %d %ss failed", len(failures), count, what)


def require_all(results, what):
    """Raise an error if any task failed, where all results are needed."""
    failed = [result for result in results if isinstance(result, Failure)]
    if failed:
        raise FermimlError(
            f"{len(failed)} of {len(results)} {what}s failed ({failed[0]}); the others are "
            "finished, and the same call makes the missing ones"
        )


@dataclass
class _Piece:
    number: int
    task: object
    attempts: int = 0


class _Run:
    """Tasks on their way through an executor."""

    def __init__(self, function, executor, keep):
        self._function, self._executor, self._keep = function, executor, keep
        self._running, self._done = {}, SimpleQueue()

    def results(self, tasks):
        """Yield (number, result) of each task that is finished; at an error cancel the others."""
        try:
            for number, task in enumerate(tasks):
                found = None if self._keep is None else self._keep.load(task)
                if found is not None:
                    yield number, found
                    continue
                self._submit(_Piece(number, task))
                while len(self._running) >= getattr(self._executor, "in_flight", _IN_FLIGHT):
                    yield from self._next()
            while self._running:
                yield from self._next()
        finally:
            for future in self._running:
                future.cancel()

    def _submit(self, piece):
        piece.attempts += 1
        future = self._executor.submit(self._function, piece.task)
        self._running[future] = piece
        future.add_done_callback(self._done.put)

    def _next(self):
        """Wait for a task, and yield its number and result, if it is not tried again."""
        future = self._wait()
        piece = self._running.pop(future)
        error = _error_of(future)
        if error is None:
            result = future.result()
            if self._keep is not None:
                self._keep.save(piece.task, result)
            yield piece.number, result
        elif piece.attempts < _ATTEMPTS:
            log.debug("retried after an error", exc_info=error)
            self._submit(piece)
        else:
            yield piece.number, Failure(error)

    def _wait(self):
        while True:
            with suppress(Empty):
                return self._done.get(timeout=_PULSE)
            if hasattr(self._executor, "check"):
                self._executor.check()


def _error_of(future):
    """Return why a task failed, or None; raise what is no failure of this task alone."""
    if future.cancelled():
        raise FermimlError(_LOST.format("the connection to their scheduler is gone"))
    error = future.exception()
    if isinstance(error, BrokenExecutor):
        raise FermimlError(_LOST.format("one was killed, or ran out of memory")) from error
    if isinstance(error, FermimlError):
        raise error
    return error
