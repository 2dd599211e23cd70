"""Work in pieces: the order of results, failures, interruptions, what was finished before."""

import logging
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import pytest
from makers import pieces

from fermiml import FermimlError, InputError, tasks
from fermiml.executors import SerialExecutor, open_executor


def run(function, given, executor=None, **options):
    return tasks.run(function, given, executor or SerialExecutor(), count=len(given),
                     what="region", **options)  # fmt: skip


@pytest.mark.parametrize("jobs", [1, 8, pytest.param(2, marks=pytest.mark.slow)])
def test_results_come_in_the_order_of_the_tasks(jobs):
    with open_executor(jobs, threads=jobs != 2) as executor:
        assert run(pieces.slow_square, range(20), executor) == [n * n for n in range(20)]


def test_tasks_are_made_when_there_is_room_for_them():
    """The executor never holds more than it says, and no task is made before it can be given."""
    made, held, waiting = [], [], []

    def finish():
        while waiting:
            future, number = waiting.pop()
            future.set_result(number * number)

    class Lazy(Executor):
        in_flight = 3

        def submit(self, function, number):
            future = Future()
            waiting.append((future, number))
            held.append(len(waiting))
            if len(waiting) == 3:
                finish()
            return future

    def given():
        for number in range(7):
            made.append((number, len(held)))
            yield number
        finish()

    found = tasks.run(pieces.square, given(), Lazy(), count=7, what="region")
    assert found == [n * n for n in range(7)]
    assert max(held) == 3
    assert made == [(number, number) for number in range(7)]


def test_a_task_that_fails_is_tried_once_more(tmp_path, caplog):
    assert run(pieces.fails_once, [tmp_path / "a", tmp_path / "b"]) == ["a", "b"]
    assert not caplog.records


def test_one_that_fails_twice_is_told_with_its_cause_and_ends_nothing(caplog):
    with caplog.at_level(logging.WARNING, "fermiml"):
        found = run(pieces.fraction, [1, 2, 0, 3, 0])
    assert found[:2] == [12, 6] and found[3] == 4
    assert isinstance(found[2], tasks.Failure) and isinstance(found[4], tasks.Failure)
    assert [record.getMessage() for record in caplog.records] == [
        "region 3 of 5 failed twice: ZeroDivisionError: division by zero",
        "region 5 of 5 failed twice: ZeroDivisionError: division by zero",
        "2 of 5 regions failed",
    ]
    with pytest.raises(FermimlError, match=r"2 of 5 regions failed \(ZeroDivisionError"):
        tasks.require_all(found, "region")
    tasks.require_all([1, 2], "region")


def test_if_all_fail_something_is_wrong_with_all():
    with pytest.raises(ZeroDivisionError):
        run(pieces.fraction, [0, 0])


@pytest.mark.parametrize("jobs", [1, 2])
def test_bad_input_is_told_at_once(jobs):
    with (
        open_executor(jobs, threads=True) as executor,
        pytest.raises(InputError, match="number 0: is not wanted"),
    ):
        run(pieces.refused, range(5), executor)


class Kept(dict):
    """Results in memory."""

    def load(self, task):
        return self.get(task)

    save = dict.__setitem__


def test_what_was_finished_before_an_interruption_is_not_done_again():
    kept, calls = Kept(), []
    with pytest.raises(KeyboardInterrupt):
        run(pieces.interrupted, range(5), keep=kept)
    assert kept == {0: 0, 1: 1}

    def counted(number):
        calls.append(number)
        return number

    assert run(counted, range(5), keep=kept) == list(range(5))
    assert calls == [2, 3, 4]


def test_an_interruption_cancels_what_waits():
    """Of 40 tasks on one thread, those that wait are never begun."""
    begun = []

    def begin(number):
        begun.append(number)
        return pieces.slow_square(number)

    def given():
        yield from range(30)
        raise KeyboardInterrupt

    with ThreadPoolExecutor(1) as executor:
        executor.in_flight = 40
        with pytest.raises(KeyboardInterrupt):
            tasks.run(begin, given(), executor, count=40, what="region")
    assert len(begun) < 30


def test_any_executor_will_do():
    with ThreadPoolExecutor(2) as executor:
        assert run(pieces.square, range(100), executor) == [n * n for n in range(100)]


@pytest.mark.slow
def test_a_killed_process_of_a_pool_is_one_line(tmp_path):
    """The pool is broken; what was finished is kept, and the same call does the rest."""
    kept, given = Kept(), [tmp_path / name for name in "abc"]
    given[0].touch(), given[1].touch()
    with (
        open_executor(2) as executor,
        pytest.raises(FermimlError, match=r"the workers were lost \(one was killed"),
    ):
        tasks.run(pieces.killed_once, given, executor, count=3, what="region", keep=kept)
    with open_executor(2) as executor:
        found = tasks.run(pieces.killed_once, given, executor, count=3, what="region", keep=kept)
    assert found == ["a", "b", "c"]
